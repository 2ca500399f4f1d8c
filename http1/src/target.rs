//! Request targets (RFC 9112 §3.2) and the authorities in them and in Host.

use xmpp_machine::Proved as _;

/// A request target, by form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// Origin form: `/path?query`.
    Origin {
        path: &'a str,
        query: Option<&'a str>,
    },
    /// Absolute form: `scheme://authority/path?query`.
    Absolute {
        authority: &'a str,
        path: &'a str,
        query: Option<&'a str>,
    },
    /// `host:port`, for CONNECT.
    Authority,
    /// `*`, for OPTIONS.
    Asterisk,
}

impl<'a> Target<'a> {
    /// `None` for what has none of the four forms.
    pub(crate) fn parse(target: &'a str) -> Option<Self> {
        if target.starts_with('/') {
            let (path, query) = split_query(target);
            return Some(Self::Origin { path, query });
        }
        if target == "*" {
            return Some(Self::Asterisk);
        }
        if let Some((scheme, rest)) = target.split_once("://") {
            if !is_scheme(scheme) {
                return None;
            }
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at(end);
            if !is_authority(authority.as_bytes()) {
                return None;
            }
            let (path, query) = split_query(rest);
            let path = if path.is_empty() { "/" } else { path };
            return Some(Self::Absolute {
                authority,
                path,
                query,
            });
        }
        is_authority(target.as_bytes()).then_some(Self::Authority)
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2), the host not empty (§4.2.1) and without user information (§4.2.4).
pub(crate) fn is_authority(text: &[u8]) -> bool {
    let (host_is_good, port) = match text {
        [b'[', rest @ ..] => {
            let Some(end) = memchr::memchr(b']', rest) else {
                return false;
            };
            let (host, after) = rest.split_at(end);
            let literal = host
                .iter()
                .all(|&octet| octet == b':' || is_reg_name_octet(octet));
            (literal && !host.is_empty(), after.proved(1..))
        }
        _ => {
            let end = memchr::memchr(b':', text).unwrap_or(text.len());
            let (host, port) = text.split_at(end);
            (!host.is_empty() && is_reg_name(host), port)
        }
    };
    host_is_good && is_port(port)
}

/// Nothing, or `:` and up to 65535.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => {
            let mut value = 0u32;
            digits.iter().all(|&digit| {
                value = (value * 10 + u32::from(digit.wrapping_sub(b'0'))).min(65_536);
                digit.is_ascii_digit() && value <= 65_535
            })
        }
        [..] => false,
    }
}

fn is_reg_name(text: &[u8]) -> bool {
    let mut octets = text.iter();
    while let Some(&octet) = octets.next() {
        let good = if octet == b'%' {
            let mut hex = || octets.next().is_some_and(u8::is_ascii_hexdigit);
            hex() && hex()
        } else {
            is_reg_name_octet(octet)
        };
        if !good {
            return false;
        }
    }
    true
}

/// RFC 3986 §2.3 unreserved and §2.2 sub-delims.
fn is_reg_name_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&octet)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet))
}

fn split_query(text: &str) -> (&str, Option<&str>) {
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        for good in [
            "a",
            "a.example:5280",
            "a:",
            "[::1]",
            "[::1]:80",
            "127.0.0.1",
            "a_b",
            "%61",
            "a:65535",
        ] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "u@a",
            "a:b",
            "a:65536",
            "a:99999999999",
            "[::1",
            "[]",
            "[::1]x",
            "a/b",
            "%6",
            "%",
            "é",
            "a:8:0",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn forms() {
        let origin = Target::Origin {
            path: "/a",
            query: Some("b?c"),
        };
        assert_eq!(Target::parse("/a?b?c"), Some(origin));
        assert_eq!(Target::parse("*"), Some(Target::Asterisk));
        assert_eq!(Target::parse("a.example:443"), Some(Target::Authority));
        let absolute = Target::Absolute {
            authority: "a:1",
            path: "/x",
            query: Some(""),
        };
        assert_eq!(Target::parse("HTTP://a:1/x?"), Some(absolute));
        for bad in ["", "http://", "http://u@a/", "1http://a/", "a/b", "?a"] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }
}
