/// Bounds on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request head, blank line included. Default 16 384.
    pub head_bytes: usize,
    /// Bytes of the start line. Default 8 192.
    pub start_line_bytes: usize,
    /// Field lines. Default 100.
    pub fields: usize,
    /// Bytes of a body, decoded. Default 262 144.
    pub body_bytes: usize,
    /// Requests read ahead and not yet answered; reading stops there. Default 8.
    pub pipelined: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 16_384,
            start_line_bytes: 8_192,
            fields: 100,
            body_bytes: 262_144,
            pipelined: 8,
        }
    }
}
