use std::borrow::Cow;

use bytes::Bytes;

/// An answer: status, fields, body. `Content-Length` (unless 101/204/304), `Connection` and `Date`-less framing are the connection's to write.
///
/// ```
/// use xmpp_http1::Response;
///
/// let response = Response::new(429)
///     .with_field("Retry-After", "5")
///     .with_body("text/plain", "later")
///     .closing();
/// assert_eq!(response.fields[1], ("Content-Type".into(), "text/plain".into()));
/// assert_eq!((&response.body[..], response.close), (&b"later"[..], true));
/// ```
///
/// There is no `Date`: a machine has no wall clock (RFC 9110 §6.6.1 lets a server without one leave it out).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Field lines in order. Names and values are checked when written: one that could split the head is left out.
    pub fields: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body of the response.
    pub body: Bytes,
    /// Close the connection after this answer.
    pub close: bool,
}

impl Response {
    /// An answer without fields and body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: Bytes::new(),
            close: false,
        }
    }

    /// Adds a field line.
    #[must_use]
    pub fn with_field(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Sets body and `Content-Type`.
    #[must_use]
    pub fn with_body(
        mut self,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Bytes>,
    ) -> Self {
        self.fields
            .retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        self.body = body.into();
        self.with_field("Content-Type", content_type)
    }

    /// Closes the connection after this answer.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}
