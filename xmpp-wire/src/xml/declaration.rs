//! The XML declaration (XML 1.0 §2.8; RFC 6120 §11.5): accepted at the very start, version 1.0, UTF-8.

use xmpp_machine::Proved as _;

use super::{chars::is_space, error::XmlErrorKind, scan::Stop};

/// Longest declaration that is read, in bytes.
const DECLARATION_BYTES: usize = 256;

/// Reads the declaration at the front of `rest` (which begins with `<?`); gives its length.
pub(super) fn scan(rest: &[u8]) -> Result<usize, Stop> {
    let bad = |kind| Err(Stop::Bad(kind, 0));
    let opening = b"<?xml";
    if !rest.starts_with(opening) {
        return if opening.starts_with(rest) {
            Err(Stop::More)
        } else {
            bad(XmlErrorKind::Restricted)
        };
    }
    match rest.get(opening.len()) {
        None => return Err(Stop::More),
        Some(&b) if is_space(b) => {}
        Some(_) => return bad(XmlErrorKind::Restricted),
    }
    let window = rest.get(..DECLARATION_BYTES).unwrap_or(rest);
    let Some(end) = memchr::memmem::find(window, b"?>") else {
        return if window.len() < DECLARATION_BYTES {
            Err(Stop::More)
        } else {
            bad(XmlErrorKind::NotWellFormed)
        };
    };
    match judge(window.proved(opening.len()..end)) {
        None => Ok(end + 2),
        Some(kind) => bad(kind),
    }
}

/// What is wrong with the pseudo-attributes, if anything.
fn judge(mut rest: &[u8]) -> Option<XmlErrorKind> {
    let mut names: Vec<&[u8]> = Vec::new();
    loop {
        let trimmed = rest.trim_ascii_start();
        if trimmed.is_empty() {
            break;
        }
        if trimmed.len() == rest.len() {
            return Some(XmlErrorKind::NotWellFormed);
        }
        let Some((name, value, behind)) = pseudo_attribute(trimmed) else {
            return Some(XmlErrorKind::NotWellFormed);
        };
        match (name, names.as_slice()) {
            (b"version", []) if value == b"1.0" => {}
            (b"encoding", [b"version"]) if value.eq_ignore_ascii_case(b"utf-8") => {}
            (b"encoding", [b"version"]) => return Some(XmlErrorKind::Encoding),
            (b"standalone", [b"version"] | [b"version", b"encoding"]) => {
                return Some(XmlErrorKind::Restricted);
            }
            _ => return Some(XmlErrorKind::NotWellFormed),
        }
        names.push(name);
        rest = behind;
    }
    if names.is_empty() {
        Some(XmlErrorKind::NotWellFormed)
    } else {
        None
    }
}

/// `name = 'value'` at the front: name, value, and what is behind it.
fn pseudo_attribute(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let length = bytes.iter().position(|b| !b.is_ascii_lowercase())?;
    let (name, rest) = bytes.split_at_checked(length)?;
    let rest = rest
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let (&quote, rest) = rest.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let length = rest.iter().position(|&b| b == quote)?;
    Some((name, rest.get(..length)?, rest.get(length + 1..)?))
}
