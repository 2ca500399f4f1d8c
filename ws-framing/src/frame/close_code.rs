//! Close codes and the payload of a Close frame (RFC 6455 §5.5.1, §7.4).

use std::fmt;

use bytes::Bytes;

use xmpp_machine::Proved as _;

use super::header::CONTROL_BYTES;
use crate::Reason;

/// Reported where the Close frame had no code (RFC 6455 §7.1.5); never sent.
const NO_CODE: u16 = 1005;
/// Reported where no Close frame came (RFC 6455 §7.1.5); never sent.
pub(crate) const NO_CLOSE: u16 = 1006;

/// A close code that may be sent (RFC 6455 §7.4; W-R-155, W-R-156, W-R-157). 1004, 1005, 1006 and 1015 cannot be made.
///
/// ```
/// use ws_framing::CloseCode;
///
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(4001).map(CloseCode::get), Some(4001));
/// assert_eq!(CloseCode::new(1006), None);
/// assert_eq!(CloseCode::TOO_BIG.to_string(), "1009");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000.
    pub const NORMAL: Self = Self(1000);
    /// 1001.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010, a client's alone: the server did not agree to an extension that it needs.
    pub const MISSING_EXTENSION: Self = Self(1010);
    /// 1011.
    pub const INTERNAL_ERROR: Self = Self(1011);

    /// A code that may be on the wire: 1000-1003, 1007-1014, 3000-4999.
    pub fn new(code: u16) -> Option<Self> {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(Self(code))
    }

    /// The code as the number on the wire (RFC 6455 §7.4).
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a Close frame says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CloseFrame {
    pub(crate) code: Option<CloseCode>,
    pub(crate) reason: String,
}

impl CloseFrame {
    /// One to send; the reason is cut at a character to what fits beside the code (RFC 6455 §5.5).
    pub(crate) fn new(code: CloseCode, reason: &str) -> Self {
        let mut end = reason.len().min(CONTROL_BYTES - 2);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            code: Some(code),
            reason: reason.proved(..end).to_owned(),
        }
    }

    /// Reads the payload: empty, or a code that may be on the wire and UTF-8 (W-R-154, W-R-155).
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Reason> {
        if payload.is_empty() {
            return Ok(Self::default());
        }
        let Some((code, reason)) = payload.split_first_chunk() else {
            return Err(Reason::ClosePayloadTooShort);
        };
        let Some(code) = CloseCode::new(u16::from_be_bytes(*code)) else {
            return Err(Reason::CloseCodeInvalid);
        };
        match std::str::from_utf8(reason) {
            Ok(reason) => Ok(Self {
                code: Some(code),
                reason: reason.to_owned(),
            }),
            Err(_) => Err(Reason::CloseReasonNotUtf8),
        }
    }

    pub(crate) fn payload(&self) -> Bytes {
        let mut payload = Vec::with_capacity(2 + self.reason.len());
        if let Some(code) = self.code {
            payload.extend_from_slice(&code.get().to_be_bytes());
            payload.extend_from_slice(self.reason.as_bytes());
        }
        payload.into()
    }

    /// The number to report (W-R-163).
    pub(crate) fn number(&self) -> u16 {
        self.code.map_or(NO_CODE, CloseCode::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_at_a_character() {
        let frame = CloseFrame::new(CloseCode::NORMAL, &"é".repeat(80));
        assert_eq!(frame.reason, "é".repeat(61));
        assert_eq!(frame.payload().len(), 124);
    }

    #[test]
    fn a_reply_to_an_empty_close_is_empty() {
        let frame = CloseFrame::parse(b"").unwrap();
        assert_eq!((frame.number(), frame.payload().len()), (1005, 0));
    }
}
