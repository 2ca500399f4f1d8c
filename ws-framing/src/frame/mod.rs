//! Frames (RFC 6455 §5).

/// A close code that may be sent (RFC 6455 §7.4; W-R-155 to 157). 1004, 1005, 1006 and 1015 cannot be made.
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
    /// 1011.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// A code that may be on the wire: 1000-1003, 1007-1014, 3000-4999.
    pub fn new(_code: u16) -> Option<Self> {
        todo!()
    }
    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}
