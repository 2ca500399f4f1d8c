//! Decoding of what has been checked: references, and the normalisation that XML asks for.

use std::borrow::Cow;

use xmpp_machine::Proved as _;

use super::chars;

/// The decoded value of an attribute: references resolved, literal white space turned into spaces (XML 1.0 §3.3.3).
pub(super) fn value(raw: &str) -> Cow<'_, str> {
    if !raw
        .bytes()
        .any(|b| matches!(b, b'&' | b'\t' | b'\n' | b'\r'))
    {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    decode(raw, ' ', &mut out);
    Cow::Owned(out)
}

/// Appends decoded text: references resolved, line ends normalised (XML 1.0 §2.11).
pub(super) fn text(raw: &str, out: &mut String) {
    decode(raw, '\n', out);
}

fn decode(raw: &str, line_end: char, out: &mut String) {
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\r', '\n', '\t']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        rest = match special.as_bytes().first() {
            Some(b'&') => {
                let Some((name, behind)) = special.proved(1..).split_once(';') else {
                    debug_assert!(false, "a reference without an end was let through");
                    return;
                };
                out.extend(reference(name));
                behind
            }
            Some(b'\r') => {
                out.push(line_end);
                special
                    .strip_prefix("\r\n")
                    .unwrap_or_else(|| special.proved(1..))
            }
            Some(b'\t') => {
                out.push(if line_end == ' ' { ' ' } else { '\t' });
                special.proved(1..)
            }
            Some(_) | None => {
                out.push(line_end);
                special.proved(1..)
            }
        };
    }
    out.push_str(rest);
}

fn reference(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => character_reference(name.as_bytes().strip_prefix(b"#")?),
    }
}

/// The character that the digits behind `&#` stand for; `None` where XML has no such character.
pub(super) fn character_reference(digits: &[u8]) -> Option<char> {
    let (digits, radix) = digits
        .strip_prefix(b"x")
        .map_or((digits, 10), |hex| (hex, 16));
    if digits.is_empty() {
        return None;
    }
    let code = digits.iter().try_fold(0_u32, |code, &b| {
        let digit = char::from(b).to_digit(radix)?;
        code.checked_mul(radix)?.checked_add(digit)
    })?;
    if chars::is_char(code) {
        char::from_u32(code)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_normalised_and_references_are_not() {
        assert_eq!(value("a&amp;b"), "a&b");
        assert_eq!(value("a\tb\r\nc\rd\ne&#10;f&#x9;g"), "a b c d e\nf\tg");
        assert!(matches!(value("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn text_keeps_tabs_and_unifies_line_ends() {
        let mut out = String::new();
        text("a\tb\r\nc\rd&#13;&lt;&gt;&apos;&quot;&#x1F600;", &mut out);
        assert_eq!(out, "a\tb\nc\nd\r<>'\"\u{1F600}");
    }

    #[test]
    fn character_references_stay_within_xml() {
        assert_eq!(character_reference(b"65"), Some('A'));
        assert_eq!(character_reference(b"x0041"), Some('A'));
        for bad in [
            &b"0"[..],
            b"1",
            b"xD800",
            b"xFFFE",
            b"x110000",
            b"99999999999999999999",
            b"",
            b"x",
            b"6g",
            b"X41",
        ] {
            assert_eq!(character_reference(bad), None);
        }
    }
}
