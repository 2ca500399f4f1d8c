//! `see-other-uri` as a client takes it (RFC 7395 §3.6.1, §6).

use xmpp_machine::{Authority, Proved as _};

use super::Channel;

/// Where a server sends its client with `<close see-other-uri=".."/>`.
///
/// ```
/// use ws_framing::xmpp::{Channel, SeeOther, Verdict};
///
/// assert_eq!(SeeOther::judge("wss://b.example/ws", Channel::Tls, 3).verdict, Verdict::Acceptable);
/// assert_eq!(SeeOther::judge("ws://b.example/ws", Channel::Tls, 3).verdict, Verdict::LowersSecurity);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeeOther {
    /// As the server wrote it, decoded; not to be followed but with `Verdict::Acceptable`. `https` and `http` name a BOSH endpoint. The domain of the
    /// stream stays the same wherever it leads.
    pub uri: String,
    /// Whether it may be followed.
    pub verdict: Verdict,
}

/// Whether a redirect may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The redirect may be followed.
    Acceptable,
    /// It leads from `wss` to something that others can read (RFC 7395 §3.6.1).
    LowersSecurity,
    /// `Config::redirects` allows no more.
    TooMany,
    /// No absolute URI of `wss`, `ws`, `https` or `http` with a host; or one with user information or a fragment.
    Malformed,
}

impl SeeOther {
    /// Judges a URI that came over `channel` where `redirects` more may be followed.
    pub fn judge(uri: &str, channel: Channel, redirects: u8) -> Self {
        let verdict = match (parse(uri), channel) {
            (None, _) => Verdict::Malformed,
            (Some(Channel::Plain), Channel::Tls) => Verdict::LowersSecurity,
            (Some(_), _) if redirects == 0 => Verdict::TooMany,
            (Some(_), _) => Verdict::Acceptable,
        };
        Self {
            uri: uri.to_owned(),
            verdict,
        }
    }
}

/// What the URI would run on; none where it is not acceptable at all (RFC 3986 §3).
fn parse(uri: &str) -> Option<Channel> {
    let (scheme, rest) = uri.split_once("://")?;
    let channel = if ["wss", "https"]
        .iter()
        .any(|name| scheme.eq_ignore_ascii_case(name))
    {
        Channel::Tls
    } else if ["ws", "http"]
        .iter()
        .any(|name| scheme.eq_ignore_ascii_case(name))
    {
        Channel::Plain
    } else {
        return None;
    };
    let illegal = |byte: u8| !byte.is_ascii_graphic() || b"\"<>\\^`{|}#".contains(&byte);
    if rest.bytes().any(illegal) {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = Authority::parse_uri(rest.proved(..end));
    authority.is_ok().then_some(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_usable_uri_is_malformed() {
        for uri in [
            "",
            "wss:",
            "wss://",
            "wss:///ws",
            "//b.example/ws",
            "/ws",
            "b.example:5222",
            "xmpp:b.example",
            "ftp://b.example/",
            "wss://u@b.example/",
            "wss://u:p@b.example/",
            "wss://b.example/ws#x",
            "wss://b.example/a b",
            "wss://b.example/\u{e9}",
            "wss://b.example:70000/",
            "wss://b.example:x/",
            "wss://[::1/",
            "wss://[b]/",
            "wss://[::1]x/",
        ] {
            let verdict = SeeOther::judge(uri, Channel::Plain, 3).verdict;
            assert_eq!(verdict, Verdict::Malformed, "{uri}");
        }
        for uri in [
            "wss://b.example",
            "WSS://b.example:443/ws?x=1",
            "https://b.example/http-bind/",
            "wss://[2001:db8::1]:5281/",
            "wss://192.0.2.1/",
        ] {
            let verdict = SeeOther::judge(uri, Channel::Tls, 3).verdict;
            assert_eq!(verdict, Verdict::Acceptable, "{uri}");
        }
    }
}
