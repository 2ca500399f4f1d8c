/// Bounds on one connection.
///
/// ```
/// let mut limits = xmpp_http1::Limits::default();
/// limits.pipelined = 2;
/// assert_eq!(limits.body_bytes, 262_144);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request head, blank line included; past it 431. Also bounds a chunked body's extensions, and its trailers. Default 16 384: browsers with large cookies stay below.
    pub head_bytes: usize,
    /// Bytes of the start line, without its CRLF; past it (or past `head_bytes`) 414. Default 8 192: what RFC 9112 §3 asks for at least, rounded up.
    pub start_line_bytes: usize,
    /// Field lines; past it 431. Default 100: browsers send about 20.
    pub fields: usize,
    /// Bytes of a body, decoded; past it 413 (B-R-019). Default 262 144: the common stanza limit of XMPP servers.
    pub body_bytes: usize,
    /// Requests read ahead and not yet answered; reading stops there. At least 1. Default 8: BOSH clients pipeline two at most.
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
