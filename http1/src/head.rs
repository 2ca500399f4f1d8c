//! A request's start line and fields: one buffer and ranges into it.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use xmpp_machine::Proved as _;

use crate::target::Target;

/// HTTP/1.0 or HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0: no keep-alive unless asked for.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// A request's start line and fields; from the wire, or built from another HTTP stack's parts.
///
/// Two heads are equal when method, target, version and field lines are, whatever buffers hold them.
///
/// ```
/// use xmpp_http1::{RequestHead, Version};
///
/// let head = RequestHead::new("GET", "/ws?v=1", Version::Http11)
///     .with_field("Host", "a.example")
///     .with_field("Connection", "keep-alive, Upgrade");
/// assert_eq!((head.path(), head.query()), (Some("/ws"), Some("v=1")));
/// assert_eq!(head.authority(), Some("a.example"));
/// assert!(head.has_token("connection", "upgrade"));
/// assert!(head.version() > Version::Http10);
/// ```
#[derive(Clone, Debug)]
pub struct RequestHead {
    bytes: Bytes,
    method: Span,
    target: Span,
    version: Version,
    fields: Arc<[FieldLine]>,
}

/// A range of the head's buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

/// Where a field line's name and trimmed value are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldLine {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

impl RequestHead {
    /// Builds one from parts, which are taken as they are: the stack that parsed them has judged them.
    pub fn new(method: &str, target: &str, version: Version) -> Self {
        let bytes = [method.as_bytes(), target.as_bytes()].concat();
        Self {
            method: Span::new(0..method.len()),
            target: Span::new(method.len()..bytes.len()),
            bytes: bytes.into(),
            version,
            fields: Arc::default(),
        }
    }

    /// Adds a field line.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().trim_ascii();
        let mut bytes = Vec::from(std::mem::take(&mut self.bytes));
        let (start, middle) = (bytes.len(), bytes.len() + name.len());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(value);
        let line = FieldLine {
            name: Span::new(start..middle),
            value: Span::new(middle..bytes.len()),
        };
        self.fields = self.fields.iter().copied().chain([line]).collect();
        self.bytes = bytes.into();
        self
    }

    /// One whose ranges were found in `bytes`.
    pub(crate) fn from_spans(
        bytes: Bytes,
        method: Span,
        target: Span,
        version: Version,
        fields: Vec<FieldLine>,
    ) -> Self {
        Self {
            bytes,
            method,
            target,
            version,
            fields: fields.into(),
        }
    }

    /// All of its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same head in a buffer of its own.
    pub(crate) fn detached(&self) -> Self {
        self.with_bytes(Bytes::copy_from_slice(&self.bytes))
    }

    /// A head of the same length with everything in the same places.
    pub(crate) fn with_bytes(&self, bytes: Bytes) -> Self {
        Self {
            bytes,
            ..self.clone()
        }
    }

    /// Where the value of the only field line of that name is.
    pub(crate) fn place(&self, name: &str) -> Option<Range<usize>> {
        let mut lines = self
            .fields
            .iter()
            .filter(|line| self.octets(line.name).eq_ignore_ascii_case(name.as_bytes()));
        let line = lines.next()?;
        lines.next().is_none().then(|| line.value.range())
    }

    /// The method, as sent.
    pub fn method(&self) -> &str {
        self.text(self.method)
    }

    /// The request target, as sent.
    pub fn target(&self) -> &str {
        self.text(self.target)
    }

    /// The path of an origin-form or absolute-form target, without query; `None` for the other forms.
    pub fn path(&self) -> Option<&str> {
        match Target::parse(self.target())? {
            Target::Origin { path, .. } | Target::Absolute { path, .. } => Some(path),
            Target::Authority | Target::Asterisk => None,
        }
    }

    /// The query, without `?`.
    pub fn query(&self) -> Option<&str> {
        match Target::parse(self.target())? {
            Target::Origin { query, .. } | Target::Absolute { query, .. } => query,
            Target::Authority | Target::Asterisk => None,
        }
    }

    /// The HTTP version of the request.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The host (and port) that the request is for: the target's authority in absolute-form, else the one Host field (RFC 9112 §3.2.2). `None` unless valid UTF-8.
    pub fn authority(&self) -> Option<&str> {
        if let Some(Target::Absolute { authority, .. }) = Target::parse(self.target()) {
            return Some(authority);
        }
        std::str::from_utf8(self.field("host")?).ok()
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

    /// Every field line, in order: name and trimmed value.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|line| (self.octets(line.name), self.octets(line.value)))
    }

    fn octets(&self, span: Span) -> &[u8] {
        self.bytes.proved(span.range())
    }

    /// The parser lets only UTF-8 through for what is read as text.
    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.octets(span)).unwrap_or_default()
    }
}

impl PartialEq for RequestHead {
    fn eq(&self, other: &Self) -> bool {
        self.method() == other.method()
            && self.target() == other.target()
            && self.version == other.version
            && self.lines().eq(other.lines())
    }
}

impl Eq for RequestHead {}

impl Span {
    /// Heads are far below 4 GiB; a range past that would read as empty.
    pub(crate) fn new(range: Range<usize>) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: narrow(range.start),
            end: narrow(range.end),
        }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The elements of one line's comma list.
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(crate) fn of(value: &'a [u8]) -> Self {
        Self { rest: value }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = comma_outside_quotes(self.rest).unwrap_or(self.rest.len());
            let (element, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            let element = element.trim_ascii();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

fn comma_outside_quotes(text: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.iter().position(|&octet| {
        if escaped {
            escaped = false;
        } else if octet == b'"' {
            quoted = !quoted;
        } else if quoted && octet == b'\\' {
            escaped = true;
        }
        octet == b',' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> RequestHead {
        RequestHead::new("GET", "/a?b=c", Version::Http11)
    }

    #[test]
    fn a_list_joins_lines_and_skips_empty_elements() {
        let head = head()
            .with_field("Connection", "keep-alive, ,")
            .with_field("connection", " Upgrade ");
        let list: Vec<_> = head.list("CONNECTION").collect();
        assert_eq!(list, [&b"keep-alive"[..], b"Upgrade"]);
        assert!(head.has_token("connection", "upgrade"));
        assert!(!head.has_token("connection", "upgrad"));
    }

    #[test]
    fn a_comma_inside_quotes_does_not_separate() {
        let head = head().with_field("x", r#"a; p="1,\",2", b, "c"#);
        let list: Vec<_> = head.list("x").collect();
        assert_eq!(list, [&br#"a; p="1,\",2""#[..], b"b", b"\"c"]);
    }

    #[test]
    fn only_a_single_line_is_the_field() {
        let head = head()
            .with_field("a", "1")
            .with_field("A", "2")
            .with_field("b", [0xff]);
        assert_eq!(head.field("a"), None);
        assert_eq!(head.field("b"), Some(&[0xff][..]));
        assert_eq!(head.field("c"), None);
        assert_eq!(head.fields("a").count(), 2);
    }

    #[test]
    fn the_targets_authority_replaces_the_host_field() {
        let head = RequestHead::new("GET", "http://a.example:80?q", Version::Http11)
            .with_field("Host", "b.example");
        assert_eq!(head.authority(), Some("a.example:80"));
        assert_eq!(head.path(), Some("/"));
        assert_eq!(head.query(), Some("q"));
    }

    #[test]
    fn heads_are_equal_by_what_they_say() {
        let whole = head().with_field("a", "1");
        assert_eq!(whole, head().with_field("a", " 1 "));
        assert_ne!(whole, head());
    }
}
