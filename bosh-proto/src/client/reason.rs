//! Which rule ended a session on the client's side.

use xmpp_wire::XmlErrorKind;

xmpp_machine::reasons! {
    /// The rule that ended a session, for logs; `None` in [`Closed`](super::Closed) where the
    /// application, the connection manager or the server ended it.
    pub enum Reason {
        /// No request was answered at the creation: there was no connection, or it broke.
        ///
        /// To do: check the URL, the network and whether the connection manager runs.
        CreationUnanswered = "creation-unanswered",
        /// No request was answered for as long as the session can live without.
        ///
        /// To do: nothing if the network was away; otherwise look for a proxy that drops long
        /// requests.
        AnswersMissing = "answers-missing",
        /// TLS was refused, or the server's certificate is not valid for its name.
        ///
        /// To do: check the certificate, and the clock of this machine.
        Untrusted = "untrusted",
        /// The connection manager answered with an HTTP redirect, which a POST does not follow.
        ///
        /// To do: configure the URL that it redirects to, if it is the right one.
        HttpRedirect = "http-redirect",
        /// The connection manager refused a request as too large (413).
        ///
        /// To do: lower `request_bytes`, or raise the server's limit.
        RequestTooLong = "request-too-long",
        /// A connection manager that names no version ended the session with 400, 403 or 404.
        ///
        /// To do: see its log.
        LegacyStatus = "legacy-status",
        /// The connection manager, or a proxy, refused requests with a 4xx again and again.
        ///
        /// To do: check the URL, and what stands in front of the connection manager.
        StatusRepeated = "status-repeated",
        /// The session's creation was tried as often as it may be, and an HTTP status answered the
        /// last try.
        ///
        /// To do: check the URL, and what stands in front of the connection manager.
        CreationStatus = "creation-status",
        /// Answers were not BOSH.
        ///
        /// To do: look for a captive portal or a proxy that answers in the server's place; check
        /// the URL.
        NotBosh = "not-bosh",
        /// The connection manager answered one request with `type='error'` more often than a
        /// repetition makes sense (XEP-0124 §17.3).
        ///
        /// To do: report it to the authors of the connection manager.
        ErrorRepeated = "error-repeated",
        /// The connection manager answered the creation with `type='error'`.
        ///
        /// To do: report it to the authors of the connection manager.
        CreationError = "creation-error",
        /// The answer to the creation had no `sid`.
        ///
        /// To do: report it to the authors of the connection manager.
        SidMissing = "sid-missing",
        /// An answer was longer than `response_bytes`, or than the driver reads.
        ///
        /// To do: raise `response_bytes` if the server is yours.
        AnswerTooLong = "answer-too-long",
        /// An answer held XML that XMPP forbids, or that breaks its namespaces.
        ///
        /// To do: report it to the authors of the connection manager.
        RestrictedXml = "restricted-xml",
        /// An answer was larger, deeper, or had more attributes than the XML limits allow.
        ///
        /// To do: raise the limits if the server is yours.
        XmlLimit = "xml-limit",
        /// An answer held a stream header, which only RFC 6120's TCP streams have.
        ///
        /// To do: report it to the authors of the connection manager.
        StreamElement = "stream-element",
        /// No features came within `restart_timeout` of the restart behind SASL.
        ///
        /// To do: report it to the authors of the connection manager.
        FeaturesMissing = "features-missing",
        /// More than `held_bytes` came while the application did not read, and the session could
        /// live no longer without a request.
        ///
        /// To do: make the application read, or raise `held_bytes`.
        HeldInputTooLong = "held-input-too-long",
    }
}

impl Reason {
    /// What is wrong with a body that the scanner refused.
    pub(super) fn of_xml(kind: XmlErrorKind) -> Self {
        match kind {
            XmlErrorKind::TooBig | XmlErrorKind::TooDeep | XmlErrorKind::TooManyAttributes => {
                Self::XmlLimit
            }
            XmlErrorKind::NotWellFormed
            | XmlErrorKind::Utf8
            | XmlErrorKind::Namespace
            | XmlErrorKind::Restricted
            | XmlErrorKind::Encoding
            | XmlErrorKind::Text
            | _ => Self::RestrictedXml,
        }
    }
}
