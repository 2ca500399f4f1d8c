/// Terminal binding conditions (XEP-0124 §17.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// Ill-formed wrapper or attribute.
    BadRequest,
    /// The domain is no longer served.
    HostGone,
    /// The domain was never served.
    HostUnknown,
    /// `to` is missing or blank.
    ImproperAddressing,
    /// Our fault, or a queue that overflowed.
    InternalServerError,
    /// Unknown sid, rid out of the window, response no longer stored, bad key.
    ItemNotFound,
    /// This request fell with another one.
    OtherRequest,
    /// Too fast, too many, bad pause.
    PolicyViolation,
    /// The server could not be reached, or was lost without an end tag.
    RemoteConnectionFailed,
    /// The server ended its stream with the `<stream:error/>` that is in the body.
    RemoteStreamError,
    /// Another URI; `<uri/>` says which.
    SeeOtherUri,
    /// The connection manager is going down.
    SystemShutdown,
    /// Anything else.
    UndefinedCondition,
}

impl Condition {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        todo!()
    }
    /// The status for clients without `ver` (XEP-0124 §17.1).
    pub fn legacy_status(self) -> Option<u16> {
        todo!()
    }
}
