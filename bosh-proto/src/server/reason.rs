//! Which rule ended a session. What the client is told of it is a condition, which many reasons
//! share.

use xmpp_wire::XmlErrorKind;

use crate::Condition;

xmpp_machine::reasons! {
    /// The rule that ended a session, for logs: the client is told no more than
    /// [`condition`](Self::condition) (B-R-093).
    pub enum Reason {
        /// A body was not well-formed XML, or not UTF-8.
        ///
        /// To do: look for a proxy that cuts or rewrites requests; otherwise report it to the
        /// client's authors.
        NotWellFormed = "not-well-formed",
        /// A body held XML that XMPP forbids: a document type, a comment, a processing instruction,
        /// an entity (RFC 6120 §11.1).
        ///
        /// To do: report it to the client's authors.
        RestrictedXml = "restricted-xml",
        /// A body was larger, deeper, or had more attributes than the XML limits allow.
        ///
        /// To do: raise the limit if a client that you trust needs more; otherwise nothing.
        XmlLimit = "xml-limit",
        /// A client that had not signed in sent a body longer than it may
        /// (`body_bytes_before_auth`).
        ///
        /// To do: nothing, unless users with large tickets or certificates cannot sign in: then
        /// raise the limit.
        BodyTooLong = "body-too-long",
        /// A request had no `rid`, or one that is no number from 1 to 2^53 - 1.
        ///
        /// To do: report it to the client's authors.
        RidMissing = "rid-missing",
        /// A `rid` lay beyond the window of `requests`: the client sent more requests at once than
        /// it was granted.
        ///
        /// To do: report it to the client's authors; where it comes with one network only, look for
        /// a proxy that drops requests.
        WindowExceeded = "window-exceeded",
        /// A request came again under its `rid` with another body, in a session that is protected
        /// by keys.
        ///
        /// To do: if it is frequent, look for somebody who injects requests, or for two copies of
        /// one client (a duplicated browser tab).
        RetransmissionDiffers = "retransmission-differs",
        /// A request came again whose answer is no longer kept.
        ///
        /// To do: look for a network that loses answers for long, or for two copies of one client.
        AnswerNotKept = "answer-not-kept",
        /// One request came again more often than `duplicates_per_rid`.
        ///
        /// To do: look for a proxy that repeats requests, and whose timeout is shorter than `wait`.
        RidRepeatedTooOften = "rid-repeated-too-often",
        /// Requests came again more often in a minute than `duplicates_per_minute`.
        ///
        /// To do: look for a proxy that repeats requests, and whose timeout is shorter than `wait`.
        TooManyRetransmissions = "too-many-retransmissions",
        /// More requests were unanswered at once than the session was granted (XEP-0124 §11).
        ///
        /// To do: report it to the client's authors.
        TooManyRequests = "too-many-requests",
        /// Empty requests came faster than `polling` allows (XEP-0124 §11, §12).
        ///
        /// To do: report it to the client's authors; where many clients do it, look for a proxy
        /// that answers in our place.
        PollingTooOften = "polling-too-often",
        /// The session's requests were further above its rate than `patience` makes up for.
        ///
        /// To do: nothing; raise `session_requests` if a client that you trust needs more.
        RateExceeded = "rate-exceeded",
        /// A request was missing, and those behind it held more bytes than a client that has not
        /// signed in may leave here.
        ///
        /// To do: nothing.
        RidGap = "rid-gap",
        /// A client sent more bytes before its server was reached than one that has not signed in
        /// may leave here.
        ///
        /// To do: look whether the XMPP server is slow to accept connections; otherwise nothing.
        TooMuchBeforeAccept = "too-much-before-accept",
        /// A `newkey` was no SHA-1 digest in hexadecimal digits (XEP-0124 §15).
        ///
        /// To do: report it to the client's authors.
        NewKeyMalformed = "new-key-malformed",
        /// A request of a session that is protected by keys had none.
        ///
        /// To do: if it is frequent, look for somebody who injects requests.
        KeyMissing = "key-missing",
        /// A request's key was not the one that the request before it announced.
        ///
        /// To do: if it is frequent, look for somebody who injects requests, or for two copies of
        /// one client (a duplicated browser tab).
        KeyMismatch = "key-mismatch",
        /// A `pause` was no number.
        ///
        /// To do: report it to the client's authors.
        PauseMalformed = "pause-malformed",
        /// A client asked for a pause where none are offered.
        ///
        /// To do: report it to the client's authors, or set `maxpause`.
        PauseNotOffered = "pause-not-offered",
        /// A client asked for a pause longer than `maxpause`.
        ///
        /// To do: report it to the client's authors, or raise `maxpause`.
        PauseTooLong = "pause-too-long",
        /// A body held a stream header, which only RFC 6120's TCP streams have.
        ///
        /// To do: report it to the client's authors.
        StreamElement = "stream-element",
        /// A client sent a stanza before it had signed in.
        ///
        /// To do: report it to the client's authors.
        EarlyStanza = "early-stanza",
        /// A client did not sign in within `auth_timeout`.
        ///
        /// To do: nothing, unless users are that slow: then raise the timeout.
        AuthTimeout = "auth-timeout",
        /// The connection of the creation request broke before its answer left, so that the client
        /// does not know its session.
        ///
        /// To do: if it is frequent, look whether the XMPP server is slow, so that clients or
        /// proxies give up.
        CreationLost = "creation-lost",
        /// No request came for longer than `inactivity`.
        ///
        /// To do: nothing: people close pages and lose networks. Where many sessions end so at
        /// once, look for a network or proxy that failed.
        Inactive = "inactive",
        /// No request came by the end of the pause that the client had asked for.
        ///
        /// To do: nothing.
        PauseExpired = "pause-expired",
        /// The server sent an element that the charset which the client asked for cannot spell.
        ///
        /// To do: report it to the client's authors, or switch `ascii_charsets` off.
        CharsetTooSmall = "charset-too-small",
    }
}

impl Reason {
    /// What the client was told, where it was told anything.
    pub fn condition(self) -> Option<Condition> {
        match self {
            Self::NotWellFormed
            | Self::RestrictedXml
            | Self::XmlLimit
            | Self::RidMissing
            | Self::NewKeyMalformed
            | Self::PauseMalformed
            | Self::StreamElement => Some(Condition::BadRequest),
            Self::BodyTooLong
            | Self::RidRepeatedTooOften
            | Self::TooManyRetransmissions
            | Self::TooManyRequests
            | Self::PollingTooOften
            | Self::RateExceeded
            | Self::RidGap
            | Self::TooMuchBeforeAccept
            | Self::PauseNotOffered
            | Self::PauseTooLong
            | Self::AuthTimeout => Some(Condition::PolicyViolation),
            Self::WindowExceeded
            | Self::RetransmissionDiffers
            | Self::AnswerNotKept
            | Self::KeyMissing
            | Self::KeyMismatch => Some(Condition::ItemNotFound),
            Self::EarlyStanza => Some(Condition::RemoteStreamError),
            Self::CharsetTooSmall => Some(Condition::UndefinedCondition),
            Self::CreationLost | Self::Inactive | Self::PauseExpired => None,
        }
    }

    /// What is wrong with a body that the scanner refused.
    pub(super) fn of_xml(kind: XmlErrorKind) -> Self {
        match kind {
            XmlErrorKind::Restricted | XmlErrorKind::Encoding => Self::RestrictedXml,
            XmlErrorKind::TooBig | XmlErrorKind::TooDeep | XmlErrorKind::TooManyAttributes => {
                Self::XmlLimit
            }
            XmlErrorKind::NotWellFormed
            | XmlErrorKind::Utf8
            | XmlErrorKind::Namespace
            | XmlErrorKind::Text
            | _ => Self::NotWellFormed,
        }
    }
}
