use bytes::Bytes;

/// An answer: status, fields, body. `Content-Length` (unless 101/204/304), `Connection` and `Date`-less framing are the connection's to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Field lines in order. Names and values are checked when written: one that could split the head is left out.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Close the connection after this answer.
    pub close: bool,
}

impl Response {
    /// An answer without fields and body.
    pub fn new(_status: u16) -> Self {
        todo!()
    }
    /// Adds a field line.
    #[must_use]
    pub fn with_field(self, _name: &str, _value: impl Into<String>) -> Self {
        todo!()
    }
    /// Sets body and `Content-Type`.
    #[must_use]
    pub fn with_body(self, _content_type: &str, _body: impl Into<Bytes>) -> Self {
        todo!()
    }
    /// Closes the connection after this answer.
    #[must_use]
    pub fn closing(self) -> Self {
        todo!()
    }
}
