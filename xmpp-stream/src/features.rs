//! What the gateway takes out of a server's features (W-R-420 to 427, W-R-452), and what it refuses on input for the same reasons.

use xmpp_wire::{Element, ns};

const FAST: &str = "urn:xmpp:fast:0";

/// What decides about mechanisms and limits.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// The web side's channel is protected.
    pub(crate) protected: bool,
    /// `-PLUS` and channel-binding lists are hidden.
    pub(crate) hide_channel_binding: bool,
    /// What a client may send in one element before and after authentication.
    pub(crate) early_bytes: usize,
    pub(crate) element_bytes: usize,
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

    /// The features as the client may see them; what is not concerned stays byte for byte.
    pub(crate) fn apply(&self, features: &Element, stage: Stage) -> Filtered {
        let had_any = features.children().next().is_some();
        let mut profiles = [Profile::default(), Profile::default()];
        let mut limits = false;
        let filtered = features.map_children(|child| {
            let name = child.name();
            match (name.namespace, name.local) {
                (ns::TLS, "starttls") | (ns::COMPRESS_FEATURE, "compression") => None,
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
        if stage == Stage::BeforeAuthentication {
            let had = profiles.iter().any(|profile| profile.before > 0);
            let left = profiles.iter().any(|profile| profile.after > 0);
            if (had && !left) || (had_any && filtered.children().next().is_none()) {
                return Filtered::Nothing;
            }
        } else if !limits {
            return Filtered::Features(filtered.with_child(&self.limits()));
        }
        Filtered::Features(filtered)
    }

    fn limits(&self) -> Element {
        Element::build("limits", ns::STREAM_LIMITS)
            .child(max_bytes(self.element_bytes))
            .finish()
    }

    /// The smaller of the server's limit and ours (W-R-426).
    fn lower(&self, limits: &Element, stage: Stage) -> Element {
        let ours = match stage {
            Stage::BeforeAuthentication => self.early_bytes,
            Stage::Authenticated => self.element_bytes,
        };
        let mut found = false;
        let lowered = limits.map_children(|child| {
            if !child.is("max-bytes", ns::STREAM_LIMITS) {
                return Some(child);
            }
            found = true;
            match child.text().trim().parse::<usize>() {
                Ok(theirs) if theirs <= ours => Some(child),
                Ok(_) | Err(_) => Some(max_bytes(ours)),
            }
        });
        if found {
            lowered
        } else {
            lowered.with_child(&max_bytes(ours))
        }
    }
}

fn max_bytes(bytes: usize) -> Element {
    Element::build("max-bytes", ns::STREAM_LIMITS)
        .text(&bytes.to_string())
        .finish()
}

/// The mechanisms of one SASL profile, before and after.
#[derive(Debug, Default)]
struct Profile {
    before: usize,
    after: usize,
}

impl Profile {
    /// The list without what is not permitted; none where nothing of it is left.
    fn filter(&mut self, filter: &Filter, list: &Element) -> Option<Element> {
        let namespace = list.name().namespace.to_owned();
        let filtered = list.map_children(|child| {
            if child.is("mechanism", &namespace) {
                self.before += 1;
                let kept = filter.permits(child.text().trim());
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

/// FAST offers mechanisms of its own inside of SASL2 (XEP-0484 §3.1).
fn inline(filter: &Filter, inline: &Element) -> Element {
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
