//! The `content` attribute: which media types a client may ask for (B-R-007, B-R-008).

use super::Config;

/// What responses are typed where the client asks for nothing.
pub(super) const DEFAULT: &str = "text/xml; charset=utf-8";

/// Types as asked, and as sent: with `charset`, and without.
const TYPES: [(&str, &str, &str); 4] = [
    ("text/xml", DEFAULT, "text/xml"),
    (
        "application/xml",
        "application/xml; charset=utf-8",
        "application/xml",
    ),
    ("text/plain", "text/plain; charset=utf-8", "text/plain"),
    (HTML, "text/html; charset=utf-8", "text/html"),
];

const HTML: &str = "text/html";

/// The type to send for the one asked; `None` for whatever is not on the list, with parameters other than `charset=utf-8`.
pub(super) fn grant(content: &str, config: &Config) -> Option<&'static str> {
    // No trimming of other white space: CR and LF must not pass (TR-07).
    let (media, charset) = match content.split_once(';') {
        Some((media, parameter)) => {
            let (name, value) = parameter.trim_matches([' ', '\t']).split_once('=')?;
            let value = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .unwrap_or(value);
            let known = name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8");
            if !known {
                return None;
            }
            (media, true)
        }
        None => (content, false),
    };
    let media = media.trim_matches([' ', '\t']);
    let (name, with, without) = TYPES
        .into_iter()
        .find(|(name, ..)| media.eq_ignore_ascii_case(name))?;
    if name == HTML && !config.allow_html {
        return None;
    }
    Some(if charset { with } else { without })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B-R-008.
    #[test]
    fn only_listed_types_are_granted() {
        let config = Config::default();
        for (asked, granted) in [
            ("text/xml; charset=utf-8", "text/xml; charset=utf-8"),
            ("text/xml;charset=\"UTF-8\"", "text/xml; charset=utf-8"),
            ("Text/Plain", "text/plain"),
            (
                "application/xml; charset=utf-8",
                "application/xml; charset=utf-8",
            ),
        ] {
            assert_eq!(grant(asked, &config), Some(granted));
        }
        for refused in [
            "",
            "text/html",
            "text/html; charset=utf-8",
            "text/xml; charset=iso-8859-1",
            "text/xml; charset=utf-8; x=y",
            "text/xml\r\nX: y",
            "text/xml\n",
            "text/xml\0",
            "image/svg+xml",
            "text/xml;",
            "tëxt/xml",
        ] {
            assert_eq!(grant(refused, &config), None, "{refused:?}");
        }
        let open = Config {
            allow_html: true,
            ..Config::default()
        };
        assert_eq!(grant("text/html", &open), Some("text/html"));
    }
}
