use std::fmt;

/// Terminal binding conditions (XEP-0124 §17.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// The `<body/>` or one of its attributes is malformed.
    BadRequest,
    /// The domain is no longer served.
    HostGone,
    /// The domain was never served.
    HostUnknown,
    /// `to` is missing or blank.
    ImproperAddressing,
    /// The connection manager failed.
    InternalServerError,
    /// The `sid` is unknown, the `rid` is outside the window, its response is no longer kept, or
    /// the key is wrong.
    ItemNotFound,
    /// Another request of the session ended it; its answer says why.
    OtherRequest,
    /// The client broke a limit: too many requests, too fast, a pause that is too long.
    PolicyViolation,
    /// The server could not be reached, or was lost without an end tag.
    RemoteConnectionFailed,
    /// The server ended its stream with the `<stream:error/>` that is in the body.
    RemoteStreamError,
    /// The client is to go on at the URI in `<uri/>`.
    SeeOtherUri,
    /// The connection manager is going down.
    SystemShutdown,
    /// An error that no other condition names.
    UndefinedCondition,
}

impl Condition {
    /// Every condition, in the order of XEP-0124 §17.2.
    pub const ALL: [Self; 13] = [
        Self::BadRequest,
        Self::HostGone,
        Self::HostUnknown,
        Self::ImproperAddressing,
        Self::InternalServerError,
        Self::ItemNotFound,
        Self::OtherRequest,
        Self::PolicyViolation,
        Self::RemoteConnectionFailed,
        Self::RemoteStreamError,
        Self::SeeOtherUri,
        Self::SystemShutdown,
        Self::UndefinedCondition,
    ];

    /// The name on the wire, in the attribute `condition`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::HostGone => "host-gone",
            Self::HostUnknown => "host-unknown",
            Self::ImproperAddressing => "improper-addressing",
            Self::InternalServerError => "internal-server-error",
            Self::ItemNotFound => "item-not-found",
            Self::OtherRequest => "other-request",
            Self::PolicyViolation => "policy-violation",
            Self::RemoteConnectionFailed => "remote-connection-failed",
            Self::RemoteStreamError => "remote-stream-error",
            Self::SeeOtherUri => "see-other-uri",
            Self::SystemShutdown => "system-shutdown",
            Self::UndefinedCondition => "undefined-condition",
        }
    }

    /// The status for clients without `ver` (XEP-0124 §17.1); `None` where even they get 200.
    pub fn legacy_status(self) -> Option<u16> {
        match self {
            Self::BadRequest => Some(400),
            Self::PolicyViolation => Some(403),
            Self::ItemNotFound => Some(404),
            Self::HostGone
            | Self::HostUnknown
            | Self::ImproperAddressing
            | Self::InternalServerError
            | Self::OtherRequest
            | Self::RemoteConnectionFailed
            | Self::RemoteStreamError
            | Self::SeeOtherUri
            | Self::SystemShutdown
            | Self::UndefinedCondition => None,
        }
    }

    /// The condition with that name on the wire.
    pub fn from_wire(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.as_str() == name)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B-R-139: thirteen conditions, each read back from its own name.
    #[test]
    fn names_round_trip() {
        for condition in Condition::ALL {
            assert_eq!(Condition::from_wire(condition.as_str()), Some(condition));
        }
        assert_eq!(Condition::from_wire("not-a-condition"), None);
    }

    /// B-R-140.
    #[test]
    fn three_conditions_have_a_legacy_status() {
        let legacy: Vec<_> = Condition::ALL
            .into_iter()
            .filter_map(|c| Some((c.as_str(), c.legacy_status()?)))
            .collect();
        assert_eq!(
            legacy,
            [
                ("bad-request", 400),
                ("item-not-found", 404),
                ("policy-violation", 403)
            ]
        );
    }
}
