//! What a head says about its body and its connection (RFC 9112 §6, §9; RFC 9110 §7.8, §10.1.1).

use crate::{Limits, RequestHead, Version, server::Reason};

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Known from the head; 0 where the head says nothing.
    Known(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// What the peer asks to become of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    Keep,
    Close,
}

/// Whether the request offers to change the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    No,
    /// To `websocket`: any answer but a 101 closes (W-R-025).
    WebSocket,
    Other,
}

/// Whether the peer waits for a 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    None,
    Continue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) length: Length,
    pub(crate) persistence: Persistence,
    pub(crate) upgrade: Upgrade,
    pub(crate) expectation: Expectation,
}

impl Framing {
    /// Judges the head's framing fields. What is ambiguous is refused, never repaired (W-R-023).
    pub(crate) fn of(head: &RequestHead, limits: &Limits) -> Result<Self, Reason> {
        let (mut lengths, mut codings) = (Lines::None, Lines::None);
        let (mut connection, mut upgrade, mut expect) = (false, false, false);
        for (name, value) in head.lines() {
            match name.len() {
                6 => expect |= name.eq_ignore_ascii_case(b"expect"),
                7 => upgrade |= name.eq_ignore_ascii_case(b"upgrade"),
                10 => connection |= name.eq_ignore_ascii_case(b"connection"),
                14 if name.eq_ignore_ascii_case(b"content-length") => lengths.add(value),
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => codings.add(value),
                _ => {}
            }
        }
        let modern = head.version() == Version::Http11;
        let length = match (lengths, codings) {
            (Lines::None, Lines::None) => Length::Known(0),
            (Lines::One(value), Lines::None) => Length::Known(content_length(value, limits)?),
            (Lines::None, Lines::One(value)) if modern => chunked(value)?,
            (Lines::None, Lines::One(_) | Lines::Many)
            | (Lines::One(_), Lines::One(_) | Lines::Many)
            | (Lines::Many, Lines::None | Lines::One(_) | Lines::Many) => {
                return Err(Reason::LengthAmbiguous);
            }
        };
        let asks = |token| connection && head.has_token("connection", token);
        let persistence = if asks("close") || !(modern || asks("keep-alive")) {
            Persistence::Close
        } else {
            Persistence::Keep
        };
        // RFC 9110 §7.8, §10.1.1: both are ignored in HTTP/1.0.
        let upgrade = if !(modern && upgrade && asks("upgrade")) {
            Upgrade::No
        } else if head.has_token("upgrade", "websocket") {
            Upgrade::WebSocket
        } else {
            Upgrade::Other
        };
        let expectation = if !(modern && expect) {
            Expectation::None
        } else if head
            .list("expect")
            .all(|element| element.eq_ignore_ascii_case(b"100-continue"))
        {
            Expectation::Continue
        } else {
            return Err(Reason::ExpectationUnknown);
        };
        Ok(Self {
            length,
            persistence,
            upgrade,
            expectation,
        })
    }
}

/// The field lines of one name that may come once.
enum Lines<'a> {
    None,
    One(&'a [u8]),
    Many,
}

impl<'a> Lines<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::None => Self::One(value),
            Self::One(_) | Self::Many => Self::Many,
        };
    }
}

/// RFC 9110 §8.6: digits alone.
pub(crate) fn content_length(value: &[u8], limits: &Limits) -> Result<usize, Reason> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Reason::LengthMalformed);
    }
    let length = value.iter().fold(0usize, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(usize::from(digit - b'0'))
    });
    if length > limits.body_bytes {
        return Err(Reason::BodyTooLong);
    }
    Ok(length)
}

/// RFC 9112 §6.1: codings that we do not have before a final `chunked` get 501, a list that does not end so 400.
fn chunked(value: &[u8]) -> Result<Length, Reason> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(Length::Chunked);
    }
    let mut codings = value.rsplit(|&octet| octet == b',').map(<[u8]>::trim_ascii);
    let last = codings.next().unwrap_or_default();
    let others =
        codings.all(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"chunked"));
    if last.eq_ignore_ascii_case(b"chunked") && others {
        Err(Reason::CodingUnsupported)
    } else {
        Err(Reason::CodingMalformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: Version, fields: &[(&str, &str)]) -> Result<Framing, Reason> {
        let head = fields.iter().fold(
            RequestHead::new("POST", "/", version),
            |head, (name, value)| head.with_field(name, value),
        );
        Framing::of(&head, &Limits::default())
    }

    #[test]
    fn the_length_is_known_or_chunked() {
        let length = |fields: &[_]| of(Version::Http11, fields).map(|framing| framing.length);
        assert_eq!(length(&[]), Ok(Length::Known(0)));
        assert_eq!(
            length(&[("Content-Length", "262144")]),
            Ok(Length::Known(262_144))
        );
        assert_eq!(
            length(&[("content-length", "262145")]),
            Err(Reason::BodyTooLong)
        );
        assert_eq!(
            length(&[("Transfer-Encoding", "chunked")]),
            Ok(Length::Chunked)
        );
        let both = [("Transfer-Encoding", "chunked"), ("Content-Length", "0")];
        assert_eq!(length(&both), Err(Reason::LengthAmbiguous));
    }

    #[test]
    fn persistence_is_the_versions_unless_asked_otherwise() {
        for (version, connection, persistence) in [
            (Version::Http11, "x", Persistence::Keep),
            (Version::Http11, "x, Close", Persistence::Close),
            (Version::Http11, "keep-alive, close", Persistence::Close),
            (Version::Http10, "x", Persistence::Close),
            (Version::Http10, "Keep-Alive", Persistence::Keep),
            (Version::Http10, "keep-alive, close", Persistence::Close),
        ] {
            let framing = of(version, &[("Connection", connection)]).expect("good");
            assert_eq!(framing.persistence, persistence, "{version:?} {connection}");
        }
    }

    #[test]
    fn an_upgrade_is_named_in_connection_and_is_not_of_1_0() {
        for (version, connection, upgrade, expected) in [
            (Version::Http11, "upgrade", "WebSocket", Upgrade::WebSocket),
            (
                Version::Http11,
                "upgrade",
                "h2c, websocket",
                Upgrade::WebSocket,
            ),
            (Version::Http11, "upgrade", "websocketx", Upgrade::Other),
            (Version::Http11, "close", "websocket", Upgrade::No),
            (Version::Http10, "upgrade", "websocket", Upgrade::No),
        ] {
            let fields = [("Connection", connection), ("Upgrade", upgrade)];
            let framing = of(version, &fields).expect("good");
            assert_eq!(
                framing.upgrade, expected,
                "{version:?} {connection} {upgrade}"
            );
        }
    }

    #[test]
    fn only_100_continue_is_expected() {
        let expectation =
            |version, value| of(version, &[("Expect", value)]).map(|framing| framing.expectation);
        assert_eq!(
            expectation(Version::Http11, "100-Continue"),
            Ok(Expectation::Continue)
        );
        assert_eq!(
            expectation(Version::Http10, "100-continue"),
            Ok(Expectation::None)
        );
        assert_eq!(
            expectation(Version::Http11, "x"),
            Err(Reason::ExpectationUnknown)
        );
        assert_eq!(expectation(Version::Http10, "x"), Ok(Expectation::None));
    }
}
