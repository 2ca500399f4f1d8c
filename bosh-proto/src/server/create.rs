//! What a creation request asks for, and what it is granted (XEP-0124 §7).

use std::time::Duration;

use xmpp_wire::{Element, StreamHeader, ns};

use super::{
    Config, Route,
    address::{is_listed, normalise},
    config::seconds,
    content::Content,
    receive::read_payloads,
};
use crate::{Channel, Condition, body::Body, keys::Expected, rid::Rid};

/// What was negotiated, for the session's whole life.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The granted `wait` in seconds.
    pub(super) wait: u16,
    /// How many requests the server may hold, as granted.
    pub(super) hold: u8,
    /// The shortest time between empty requests, in seconds; 0 is not advertised.
    pub(super) polling: u16,
    pub(super) inactivity: u16,
    /// 0 where pausing is not offered.
    pub(super) maxpause: u16,
    /// The client sent no `ver`.
    pub(super) is_legacy: bool,
    /// The client announced `ack='1'` (B-R-046).
    pub(super) client_acks: bool,
    /// Created over TLS: later requests must be, too (B-R-166).
    pub(super) channel: Channel,
    pub(super) content: Content,
}

impl Terms {
    /// `requests`: one more than are held (B-R-054).
    pub(super) fn requests(&self) -> u64 {
        u64::from(self.hold) + 1
    }

    /// Whether the client polls (XEP-0124 §12).
    pub(super) fn is_polling(&self) -> bool {
        self.wait == 0 || self.hold == 0
    }

    pub(super) fn wait(&self) -> Duration {
        Duration::from_secs(u64::from(self.wait))
    }
}

/// A creation request that can be granted.
#[derive(Debug)]
pub(super) struct Creation {
    pub(super) rid: Rid,
    pub(super) terms: Terms,
    /// The version agreed on; `None` for a legacy client.
    pub(super) version: Option<Version>,
    pub(super) header: StreamHeader,
    pub(super) route: Option<Route>,
    pub(super) newkey: Option<Expected>,
    pub(super) payloads: Vec<Element>,
}

/// Reads and negotiates a creation request.
pub(super) fn negotiate(
    body: &mut Body,
    channel: Channel,
    config: &Config,
) -> Result<Creation, Condition> {
    let version = body.attribute("ver").map(|text| Version::parse(&text));
    const BAD: Condition = Condition::BadRequest;

    let rid = body
        .attribute("rid")
        .and_then(|text| Rid::parse(&text))
        .ok_or(BAD)?;
    let wait = match body.attribute("wait") {
        Some(text) => number(&text).ok_or(BAD)?.min(seconds(config.wait)),
        None => seconds(config.wait),
    };
    let hold = match body.attribute("hold") {
        Some(text) => number(&text).ok_or(BAD)?,
        None => 1,
    };
    let hold = u8::try_from(hold).unwrap_or(u8::MAX);
    // Nobody who did not ask for it is made to poll (B-R-131).
    let hold = hold.min(config.hold.max(1));
    let content = match body.attribute("content") {
        Some(text) => Content::grant(&text, config).ok_or(BAD)?,
        None => Content::default(),
    };
    let newkey = match body.attribute("newkey") {
        Some(text) => Some(Expected::parse(&text).ok_or(BAD)?),
        None => None,
    };
    let route = match (&config.routes, body.attribute("route")) {
        (Some(routes), Some(text)) => {
            let route = Route::parse(&text).ok_or(BAD)?;
            if !routes.contains(&route) {
                return Err(Condition::HostUnknown);
            }
            Some(route)
        }
        (None, _) | (_, None) => None,
    };
    let to = body.attribute("to").map(|to| normalise(&to));
    let to = to
        .filter(|to| !to.is_empty())
        .ok_or(Condition::ImproperAddressing)?;
    if is_listed(&config.domains_gone, &to) {
        return Err(Condition::HostGone);
    }
    if !config.domains.is_empty() && !is_listed(&config.domains, &to) {
        return Err(Condition::HostUnknown);
    }

    let polling = wait == 0 || hold == 0;
    let inactivity = if polling {
        config.inactivity_polling
    } else {
        config.inactivity
    };
    let terms = Terms {
        wait,
        hold,
        polling: seconds(config.polling),
        inactivity: seconds(inactivity),
        maxpause: seconds(config.maxpause),
        is_legacy: version.is_none(),
        client_acks: body.attribute("ack").is_some_and(|ack| ack == "1"),
        channel,
        content,
    };
    let mut header = header(body, config);
    header.to = Some(to);
    Ok(Creation {
        rid,
        terms,
        version: version.map(|version| version.min(Version::OURS)),
        header,
        route,
        newkey,
        payloads: read_payloads(std::mem::take(&mut body.elements)).map_err(|_| BAD)?,
    })
}

/// The stream header that a creation or restart body stands for (B-X-006, B-X-018).
pub(super) fn header(body: &Body, config: &Config) -> StreamHeader {
    StreamHeader {
        from: body.attribute("from").map(Into::into),
        to: body.attribute("to").map(|to| normalise(&to)),
        id: None,
        version: body.attribute_ns("version", ns::XBOSH).map(Into::into),
        lang: body
            .attribute_ns("lang", ns::XML)
            .map(Into::into)
            .or_else(|| config.default_lang.clone()),
    }
}

/// An unsigned integer of any length, cut off at 65 535 (B-R-038).
pub(super) fn number(text: &str) -> Option<u16> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u16::MAX))
}

/// A version of BOSH: two integers, compared as such (B-R-035).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Version {
    pub(super) const OURS: Self = Self {
        major: 1,
        minor: 11,
    };
    /// What a malformed `ver` counts as (B-R-036).
    const MALFORMED: Self = Self { major: 1, minor: 6 };

    fn parse(text: &str) -> Self {
        let parts = text.trim().split_once('.');
        let integer = |part: &str| {
            part.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| part.parse().ok())?
        };
        parts
            .and_then(|(major, minor)| {
                Some(Self {
                    major: integer(major)?,
                    minor: integer(minor)?,
                })
            })
            .unwrap_or(Self::MALFORMED)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B-R-035, B-R-036.
    #[test]
    fn versions_compare_as_integers() {
        let order: Vec<_> = ["1.6", "1.9", "1.10", "1.11", "2.0"]
            .map(Version::parse)
            .into();
        assert!(order.is_sorted());
        assert!(order.windows(2).all(|pair| pair[0] != pair[1]));
        for malformed in ["1", "x", "", ".", "1.", "1.6.2", "+1.6", "1.99999999999"] {
            assert_eq!(Version::parse(malformed), Version::MALFORMED, "{malformed}");
        }
    }

    /// B-R-038.
    #[test]
    fn numbers_are_clamped_not_wrapped() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("10"), Some(10));
        assert_eq!(number("65536"), Some(65_535));
        assert_eq!(number("99999999999999999999999999"), Some(65_535));
        for bad in ["-1", "abc", "1.5", "", "+1", "0x10"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
