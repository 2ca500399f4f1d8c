//! A response's status line and fields: one buffer and ranges into it.

use bytes::Bytes;
use xmpp_machine::Proved as _;

use crate::{
    Version,
    head::{Elements, FieldLine, Span},
};

/// A response's status line and fields; from the wire, or built from another HTTP stack's parts.
///
/// Two heads are equal when status, version and field lines are, whatever buffers hold them. The reason phrase is
/// not kept (RFC 9112 §4: a client ignores it).
///
/// ```
/// use xmpp_http1::ResponseHead;
///
/// let head = ResponseHead::new(200)
///     .with_field("Content-Type", "text/xml; charset=utf-8")
///     .with_field("Connection", "keep-alive, Upgrade");
/// assert_eq!(head.status(), 200);
/// assert_eq!(head.field("content-type"), Some(&b"text/xml; charset=utf-8"[..]));
/// assert!(head.has_token("connection", "upgrade"));
/// ```
#[derive(Clone, Debug)]
pub struct ResponseHead {
    bytes: Bytes,
    status: u16,
    version: Version,
    fields: Vec<FieldLine>,
}

impl ResponseHead {
    /// Builds one of HTTP/1.1 from parts, which are taken as they are: the stack that parsed them has judged them.
    pub fn new(status: u16) -> Self {
        Self::from_spans(Bytes::new(), status, Version::Http11, Vec::new())
    }

    /// Adds a field line.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().trim_ascii();
        let mut bytes = Vec::from(std::mem::take(&mut self.bytes));
        let (start, middle) = (bytes.len(), bytes.len() + name.len());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(value);
        self.fields.push(FieldLine {
            name: Span::new(start..middle),
            value: Span::new(middle..bytes.len()),
        });
        self.bytes = bytes.into();
        self
    }

    /// One whose ranges were found in `bytes`.
    pub(crate) fn from_spans(
        bytes: Bytes,
        status: u16,
        version: Version,
        fields: Vec<FieldLine>,
    ) -> Self {
        Self {
            bytes,
            status,
            version,
            fields,
        }
    }

    /// The status code, 100 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The HTTP version of the response.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Every field line, in order: name and trimmed value.
    pub fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|line| (self.octets(line.name), self.octets(line.value)))
    }

    /// Values of every field line of that name (ASCII case-insensitive), outer white space trimmed.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.lines()
            .filter(move |(line, _)| line.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The value of the only field line of that name; `None` where there is none, or more than one.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.lines().filter_map(|(line, value)| {
            line.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        });
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// The elements of the comma list that all lines of that name make together, trimmed, empty ones skipped.
    ///
    /// A comma inside a quoted string does not separate (RFC 9110 §5.6.4).
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.fields(name).flat_map(Elements::of)
    }

    /// Whether that list has this token (ASCII case-insensitive).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.list(name)
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    fn octets(&self, span: Span) -> &[u8] {
        self.bytes.proved(span.range())
    }
}

impl PartialEq for ResponseHead {
    fn eq(&self, other: &Self) -> bool {
        self.status == other.status
            && self.version == other.version
            && self.lines().eq(other.lines())
    }
}

impl Eq for ResponseHead {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name_in_any_case() {
        let head = ResponseHead::new(200)
            .with_field("Set-Cookie", "a=1")
            .with_field("set-cookie", " b=2 ")
            .with_field("ETag", [0xff]);
        assert_eq!(head.field("SET-COOKIE"), None, "two lines");
        let cookies: Vec<_> = head.fields("set-cookie").collect();
        assert_eq!(cookies, [&b"a=1"[..], b"b=2"]);
        assert_eq!(head.field("etag"), Some(&[0xff][..]));
        assert_eq!(head.lines().count(), 3);
    }

    #[test]
    fn heads_are_equal_by_what_they_say() {
        let head = ResponseHead::new(200).with_field("a", "1");
        assert_eq!(head, ResponseHead::new(200).with_field("a", " 1 "));
        assert_ne!(head, ResponseHead::new(201).with_field("a", "1"));
        assert_ne!(head, ResponseHead::new(200));
    }
}
