/// HTTP/1.0 or HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0: no keep-alive unless asked for.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// A request's start line and fields; from the wire, or built from another HTTP stack's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {/* one buffer, ranges */}

impl RequestHead {
    /// Builds one from parts.
    pub fn new(_method: &str, _target: &str, _version: Version) -> Self {
        todo!()
    }
    /// Adds a field line.
    #[must_use]
    pub fn with_field(self, _name: &str, _value: impl AsRef<[u8]>) -> Self {
        todo!()
    }
    /// The method, as sent.
    pub fn method(&self) -> &str {
        todo!()
    }
    /// The request target, as sent.
    pub fn target(&self) -> &str {
        todo!()
    }
    /// The path of an origin-form or absolute-form target, without query; `None` for the other forms.
    pub fn path(&self) -> Option<&str> {
        todo!()
    }
    /// The query, without `?`.
    pub fn query(&self) -> Option<&str> {
        todo!()
    }
    /// The version.
    pub fn version(&self) -> Version {
        todo!()
    }
    /// The host (and port) that the request is for: the target's authority in absolute-form, else the one Host field (RFC 9112 §3.2.2). `None` unless valid UTF-8.
    pub fn authority(&self) -> Option<&str> {
        todo!()
    }
    /// Values of every field line of that name (ASCII case-insensitive), outer white space trimmed.
    pub fn fields<'a>(&'a self, _name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        std::iter::empty()
    }
    /// The value of the only field line of that name; `None` where there is none, or more than one.
    pub fn field(&self, _name: &str) -> Option<&[u8]> {
        todo!()
    }
    /// The elements of the comma list that all lines of that name make together, trimmed, empty ones skipped.
    pub fn list<'a>(&'a self, _name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        std::iter::empty()
    }
    /// Whether that list has this token (ASCII case-insensitive).
    pub fn has_token(&self, _name: &str, _token: &str) -> bool {
        todo!()
    }
}
