//! What the gateway takes out of a server's features (W-R-420 to 427, W-R-452), and what it refuses on input for the same reasons.

use std::time::Duration;

use xmpp_wire::{Element, NestedElement, ns};

use crate::relay::Warning;

const FAST: &str = "urn:xmpp:fast:0";

/// What decides about mechanisms and limits.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// The client's channel is protected.
    pub(crate) protected: bool,
    /// `-PLUS` and channel-binding lists are hidden.
    pub(crate) hide_channel_binding: bool,
    /// What a client may send in one element before and after authentication.
    pub(crate) early_bytes: usize,
    pub(crate) element_bytes: usize,
    /// How long the client's session lets a client be silent.
    pub(crate) idle: Option<Duration>,
}

/// The filtered features.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filtered {
    Features(Element),
    /// Nothing is left to authenticate with: an empty list would say that negotiation is complete (W-R-427).
    Nothing,
}

/// Which features are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    BeforeAuthentication,
    Authenticated,
}

impl Filter {
    /// Whether a client may use this mechanism through us. EXTERNAL would authenticate the gateway itself (W-R-422).
    pub(crate) fn permits(&self, mechanism: &str) -> bool {
        if mechanism.eq_ignore_ascii_case("EXTERNAL") {
            return false;
        }
        if self.hide_channel_binding && mechanism.ends_with("-PLUS") {
            return false;
        }
        // W-R-452: on a channel that others can read, what shows no secret.
        self.protected
            || mechanism == "ANONYMOUS"
            || ["SCRAM-", "GSS", "GS2-"]
                .iter()
                .any(|family| mechanism.starts_with(family))
    }

    /// The features as the client may see them, what is not concerned byte for byte; and what the operator should know of them.
    pub(crate) fn apply(&self, features: &Element, stage: Stage) -> (Filtered, Vec<Warning>) {
        let mut profiles = [Profile::default(), Profile::default()];
        let mut limits = false;
        let filtered = features.strip_starttls().map_children(|child| {
            let name = child.name();
            match (name.namespace, name.local) {
                (ns::COMPRESS_FEATURE, "compression") => None,
                (ns::SASL, "mechanisms") => profiles[0].filter(self, &child),
                (ns::SASL2, "authentication") => profiles[1].filter(self, &child),
                (ns::SASL_CHANNEL_BINDING, "sasl-channel-binding") => {
                    (!self.hide_channel_binding).then_some(child)
                }
                (ns::STREAM_LIMITS, "limits") => {
                    limits = true;
                    Some(self.lower(&child, stage))
                }
                _ => Some(child),
            }
        });
        let mut warnings: Vec<Warning> = profiles
            .iter_mut()
            .flat_map(|profile| std::mem::take(&mut profile.warnings))
            .collect();
        warnings.sort_unstable();
        warnings.dedup();
        let filtered = if stage == Stage::BeforeAuthentication {
            let listed = profiles.iter().any(|profile| profile.listed);
            let left = profiles.iter().any(|profile| profile.after > 0);
            if (listed && !left) || filtered.children().next().is_none() {
                Filtered::Nothing
            } else {
                Filtered::Features(filtered)
            }
        } else if limits {
            Filtered::Features(filtered)
        } else {
            Filtered::Features(filtered.with_child(&self.limits()))
        };
        (filtered, warnings)
    }

    fn limits(&self) -> Element {
        let limits = Element::build("limits", ns::STREAM_LIMITS)
            .child(number("max-bytes", self.element_bytes as u64));
        match self.idle {
            Some(idle) => limits
                .child(number("idle-seconds", idle.as_secs()))
                .finish(),
            None => limits.finish(),
        }
    }

    /// The smaller of the server's limits and ours (W-R-426).
    fn lower(&self, limits: &NestedElement, stage: Stage) -> NestedElement {
        let bytes = match stage {
            Stage::BeforeAuthentication => self.early_bytes,
            Stage::Authenticated => self.element_bytes,
        };
        let lowered = lower_one(limits, "max-bytes", bytes as u64);
        match self.idle {
            Some(idle) => lower_one(&lowered, "idle-seconds", idle.as_secs()),
            None => lowered,
        }
    }
}

/// The limit of this name, at most ours; added where there is none.
fn lower_one(limits: &NestedElement, name: &str, ours: u64) -> NestedElement {
    let mut found = false;
    let lowered = limits.map_children(|child| {
        if !child.is(name, ns::STREAM_LIMITS) {
            return Some(child);
        }
        found = true;
        match child.text().trim().parse::<u64>() {
            Ok(theirs) if theirs <= ours => Some(child),
            Ok(_) | Err(_) => Some(number(name, ours).into()),
        }
    });
    if found {
        lowered
    } else {
        lowered.with_child(&number(name, ours))
    }
}

fn number(name: &str, number: u64) -> Element {
    Element::build(name, ns::STREAM_LIMITS)
        .text(&number.to_string())
        .finish()
}

/// How long these features let a stream be silent (XEP-0478).
pub(crate) fn idle_time(features: &Element) -> Option<Duration> {
    let limits = features.child("limits", ns::STREAM_LIMITS)?;
    let idle = limits.child("idle-seconds", ns::STREAM_LIMITS)?.text();
    idle.trim().parse().ok().map(Duration::from_secs)
}

/// The mechanisms of one SASL profile, before and after.
#[derive(Debug, Default)]
struct Profile {
    /// There is a list, empty or not.
    listed: bool,
    before: usize,
    after: usize,
    warnings: Vec<Warning>,
}

impl Profile {
    /// The list without what is not permitted; none where nothing of it is left.
    fn filter(&mut self, filter: &Filter, list: &NestedElement) -> Option<NestedElement> {
        self.listed = true;
        let namespace = list.name().namespace.to_owned();
        let filtered = list.map_children(|child| {
            if child.is("mechanism", &namespace) {
                self.before += 1;
                let mechanism = child.text();
                self.warnings.extend(warning(mechanism.trim()));
                let kept = filter.permits(mechanism.trim());
                self.after += usize::from(kept);
                return kept.then_some(child);
            }
            if child.is("inline", ns::SASL2) {
                return Some(inline(filter, &child));
            }
            Some(child)
        });
        (self.after > 0 || self.before == 0).then_some(filtered)
    }
}

fn warning(mechanism: &str) -> Option<Warning> {
    match mechanism {
        _ if mechanism.eq_ignore_ascii_case("EXTERNAL") => Some(Warning::External),
        "ANONYMOUS" => Some(Warning::Anonymous),
        _ if mechanism.ends_with("-PLUS") => Some(Warning::ChannelBinding),
        _ => None,
    }
}

/// FAST offers mechanisms of its own inside of SASL2 (XEP-0484 §3.1).
fn inline(filter: &Filter, inline: &NestedElement) -> NestedElement {
    inline.map_children(|child| {
        if !child.is("fast", FAST) {
            return Some(child);
        }
        let kept = child.retain_children(|mechanism| {
            !mechanism.is("mechanism", FAST) || filter.permits(mechanism.text().trim())
        });
        let any = kept.child("mechanism", FAST).is_some();
        any.then_some(kept)
    })
}
