//! Text of peers in the log.

use std::fmt;

use xmpp_machine::Proved as _;

/// Longest text of a peer's that a log shows, in characters.
const SHOWN: usize = 80;

/// Text that a peer chose, as the value of a log field. What could end the field, begin another or turn the line around (spaces, `=`, quotes,
/// control characters, line separators, bidirectional and other invisible characters) is quoted and escaped; long text is cut.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Untrusted(String);

impl Untrusted {
    /// At most 80 characters of it.
    pub(crate) fn new(text: &str) -> Self {
        Self::cut(text, SHOWN)
    }

    /// At most so many characters of it.
    pub(crate) fn cut(text: &str, shown: usize) -> Self {
        let mut rest = text.char_indices().skip(shown);
        let text = match rest.next() {
            Some((at, _)) => text.proved(..at).to_owned() + "…",
            None => text.to_owned(),
        };
        // Debug's form of a string escapes all but printable characters.
        let quoted = format!("{text:?}");
        let plain =
            quoted.len() == text.len() + 2 && !text.contains([' ', '=']) && !text.is_empty();
        Self(if plain { text } else { quoted })
    }

    /// The domain that a client asked for.
    pub(crate) fn domain(header: &xmpp_wire::StreamHeader) -> Self {
        Self::new(header.to.as_deref().unwrap_or("(none)"))
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Untrusted::new(text).to_string()
    }

    #[test]
    fn what_forges_nothing_is_shown_as_it_is() {
        for text in [
            "example.com",
            "bücher.example",
            "https://a.example:8080",
            "[::1]:80",
            "дом",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn what_could_forge_a_field_or_a_line_is_quoted_and_escaped() {
        for (text, wanted) in [
            ("", r#""""#),
            ("a source=192.0.2.1", r#""a source=192.0.2.1""#),
            ("a=b", r#""a=b""#),
            ("a\"b", r#""a\"b""#),
            ("a\\b", r#""a\\b""#),
            ("a\r\nb", r#""a\r\nb""#),
            ("\u{1b}[31m", r#""\u{1b}[31m""#),
            ("a\u{85}\u{2028}b", r#""a\u{85}\u{2028}b""#),
        ] {
            assert_eq!(shown(text), wanted);
        }
        let invisible = ('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .chain([
                '\u{200e}', '\u{200f}', '\u{061c}', '\u{feff}', '\u{200b}', '\u{a0}', '\u{3000}',
            ]);
        for c in invisible {
            assert_eq!(
                shown(&format!("a{c}b")),
                format!("\"a\\u{{{:x}}}b\"", u32::from(c))
            );
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(shown(&"a".repeat(80)), "a".repeat(80));
        assert_eq!(shown(&"ü".repeat(81)), "ü".repeat(80) + "…");
        assert_eq!(shown(&"\n".repeat(81)).len(), 2 + 80 * 2 + "…".len());
    }
}
