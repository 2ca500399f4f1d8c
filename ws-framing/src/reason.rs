use std::fmt;

use crate::CloseCode;

/// The rule that a peer broke, or the time that it let pass.
///
/// ```
/// use ws_framing::{CloseCode, Reason};
///
/// assert_eq!(Reason::UnmaskedFrame.as_str(), "unmasked-frame");
/// assert_eq!(Reason::UnmaskedFrame.close_code(), CloseCode::PROTOCOL_ERROR);
/// assert_eq!(Reason::SecondOpen.condition(), Some("not-authorized"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A client sent a frame without a mask (RFC 6455 §5.1).
    ///
    /// To do: mend or replace the client; a proxy in between may also have damaged the stream.
    UnmaskedFrame,
    /// A server sent a frame with a mask (RFC 6455 §5.1).
    ///
    /// To do: mend or replace the server; a proxy in between may also have damaged the stream.
    MaskedFrame,
    /// A frame has a reserved bit set for which no extension was agreed (RFC 6455 §5.2).
    ///
    /// To do: mend the peer, which may compress although permessage-deflate was not agreed; look
    /// for a proxy that changes the handshake.
    ReservedBits,
    /// A frame has an opcode that RFC 6455 does not define (§5.2).
    ///
    /// To do: mend the peer; look for a proxy that damages the stream.
    UnknownOpcode,
    /// A ping, pong or Close frame is in fragments (RFC 6455 §5.5).
    ///
    /// To do: mend the peer.
    FragmentedControl,
    /// A control frame or a continuation says that it is compressed (RFC 7692 §6.1).
    ///
    /// To do: mend the peer, or switch compression off.
    CompressedContinuation,
    /// A continuation frame came without a message that it continues (RFC 6455 §5.4).
    ///
    /// To do: mend the peer.
    ContinuationOfNothing,
    /// A message began before the last one in fragments was complete (RFC 6455 §5.4).
    ///
    /// To do: mend the peer.
    InterleavedMessage,
    /// The peer sent a binary message, which XMPP does not use (RFC 7395 §3.2).
    ///
    /// To do: check that the peer speaks XMPP over WebSocket at this address.
    BinaryMessage,
    /// A ping, pong or Close frame is longer than 125 bytes (RFC 6455 §5.5).
    ///
    /// To do: mend the peer.
    ControlTooLong,
    /// A frame's length has its highest bit set (RFC 6455 §5.2).
    ///
    /// To do: mend the peer; look for a proxy that damages the stream.
    LengthOutOfRange,
    /// A frame's length is not written in its shortest form (RFC 6455 §5.2).
    ///
    /// To do: mend the peer.
    LengthNotShortest,
    /// A message is longer than the limit.
    ///
    /// To do: raise the limit on messages if the peer is right to send them; before authentication
    /// a lower limit applies.
    MessageTooLong,
    /// A message came in more fragments than the limit.
    ///
    /// To do: raise the limit on fragments if the peer is to be trusted; floods of tiny fragments
    /// are an attack.
    TooManyFragments,
    /// A text message is not UTF-8 (RFC 6455 §8.1).
    ///
    /// To do: mend the peer.
    NotUtf8,
    /// A compressed message cannot be inflated (RFC 7692 §7.2.2).
    ///
    /// To do: mend the peer, or switch compression off.
    CompressedDataInvalid,
    /// A Close frame has a payload of one byte (RFC 6455 §5.5.1).
    ///
    /// To do: mend the peer.
    ClosePayloadTooShort,
    /// A Close frame has a code that may not be sent (RFC 6455 §7.4).
    ///
    /// To do: mend the peer.
    CloseCodeInvalid,
    /// The text of a Close frame is not UTF-8 (RFC 6455 §5.5.1).
    ///
    /// To do: mend the peer.
    CloseReasonNotUtf8,
    /// The peer sent more pings and pongs than the limit.
    ///
    /// To do: look at what the peer does; raise the limit on control frames if it is right.
    ControlFlood,
    /// Nothing came from the peer in time after a ping.
    ///
    /// To do: nothing, if the peer's network is gone; where it happens often, look for a proxy that
    /// holds data back, or raise the pong timeout.
    PongTimeout,
    /// The peer did not answer our Close frame in time.
    ///
    /// To do: nothing; the session had ended before.
    CloseTimeout,
    /// The connection ended without a Close frame (RFC 6455 §7.1.5).
    ///
    /// To do: nothing, if clients roam or are closed; where it happens often, look for a proxy that
    /// ends idle connections.
    TransportEnded,
    /// No `<open/>` came from the client in time.
    ///
    /// To do: check that the peer speaks XMPP over WebSocket; connections that send nothing may be
    /// an attack.
    OpenTimeout,
    /// The server's `<open/>` or its stream features did not come in time.
    ///
    /// To do: look at the server, which may be overloaded or may not reach the one behind it.
    FeaturesTimeout,
    /// The client did not authenticate in time.
    ///
    /// To do: raise the authentication timeout if people need longer; many such clients may be an
    /// attack.
    AuthTimeout,
    /// A message does not begin with `<` (RFC 7395 §3.3.3).
    ///
    /// To do: mend the peer.
    NotMarkup,
    /// The client sent messages of white space too often (RFC 7395 §3.8).
    ///
    /// To do: let the client use WebSocket pings to keep its connection alive.
    TooMuchWhiteSpace,
    /// A message is no XML document (RFC 6120 §4.9.3.13).
    ///
    /// To do: mend the peer.
    NotWellFormed,
    /// A message has a comment, a processing instruction, a DTD or an entity (RFC 6120 §11.1).
    ///
    /// To do: mend the peer.
    RestrictedXml,
    /// A message declares another encoding than UTF-8 (RFC 6120 §11.6).
    ///
    /// To do: mend the peer.
    UnsupportedEncoding,
    /// An element is longer than the limit of the XML reader.
    ///
    /// To do: raise the limit on the bytes of an element if the peer is right to send it.
    ElementTooLong,
    /// An element is nested deeper than the limit.
    ///
    /// To do: raise the limit on depth if the peer is right to send it.
    TooDeep,
    /// A tag has more attributes or declarations than the limit.
    ///
    /// To do: raise the limit on attributes if the peer is right to send it.
    TooManyAttributes,
    /// The first message is `<stream:stream>` instead of `<open/>` (RFC 7395 §3.3.2).
    ///
    /// To do: replace the peer, which speaks the protocol from before RFC 7395.
    StreamTagInsteadOfOpen,
    /// An `<open/>` or `<close/>` is in a wrong namespace (RFC 7395 §3.3.2).
    ///
    /// To do: mend the peer.
    FramingNamespace,
    /// An `<open/>` or `<close/>` has content (RFC 7395 §3.3.2).
    ///
    /// To do: mend the peer.
    FramingNotEmpty,
    /// The first element is neither `<open/>` nor a stanza (RFC 7395 §3.4).
    ///
    /// To do: mend the peer.
    FirstIsNotOpen,
    /// A stanza came before `<open/>` (RFC 7395 §3.4).
    ///
    /// To do: mend the peer.
    StanzaBeforeOpen,
    /// Something other than `<open/>` came where the stream restarts (RFC 7395 §3.7).
    ///
    /// To do: mend the peer.
    RestartExpected,
    /// An `<open/>` came where no restart of the stream is due (RFC 7395 §3.7).
    ///
    /// To do: mend the peer.
    SecondOpen,
    /// The restart of a stream names another domain than its beginning (RFC 6120 §6.4.6).
    ///
    /// To do: mend the client.
    RestartForOtherDomain,
    /// An `<open/>` has no version, or one below 1.0 (RFC 6120 §4.7.5).
    ///
    /// To do: replace the peer, which speaks the protocol from before RFC 6120.
    UnsupportedVersion,
    /// An `<open/>` has no `to`, or one that is no domain (RFC 6120 §4.7.2).
    ///
    /// To do: mend the client, or name the domain of this listener in the configuration.
    ImproperAddressing,
    /// The client sent more than one element before the stream features.
    ///
    /// To do: mend the client, which has to wait for the features.
    ElementBeforeFeatures,
    /// A stanza came before the client was authenticated (RFC 6120 §4.9.3.12).
    ///
    /// To do: mend the client; where the server does not use SASL, let early stanzas pass.
    StanzaBeforeAuthentication,
    /// An element is in no namespace (RFC 7395 §3.3.3).
    ///
    /// To do: mend the peer, or take such stanzas for `jabber:client` in the configuration.
    NoNamespace,
    /// A stanza is in `jabber:server` instead of `jabber:client` (RFC 7395 §3.3.3).
    ///
    /// To do: mend the peer.
    ServerNamespace,
    /// `jabber:client` is bound to a prefix (RFC 6120 §4.8.5).
    ///
    /// To do: mend the peer.
    PrefixedStanza,
    /// An element of the stream or framing namespace is none that the peer may send.
    ///
    /// To do: mend the peer.
    UnexpectedStreamElement,
}

/// What a peer that breaks a rule is told.
struct Answer {
    name: &'static str,
    code: CloseCode,
    /// Of the Close frame, where no stream error explains it.
    text: &'static str,
    /// Of the stream error.
    condition: Option<&'static str>,
    error_text: Option<&'static str>,
}

impl Reason {
    /// All reasons.
    pub const ALL: &[Self] = &[
        Self::UnmaskedFrame,
        Self::MaskedFrame,
        Self::ReservedBits,
        Self::UnknownOpcode,
        Self::FragmentedControl,
        Self::CompressedContinuation,
        Self::ContinuationOfNothing,
        Self::InterleavedMessage,
        Self::BinaryMessage,
        Self::ControlTooLong,
        Self::LengthOutOfRange,
        Self::LengthNotShortest,
        Self::MessageTooLong,
        Self::TooManyFragments,
        Self::NotUtf8,
        Self::CompressedDataInvalid,
        Self::ClosePayloadTooShort,
        Self::CloseCodeInvalid,
        Self::CloseReasonNotUtf8,
        Self::ControlFlood,
        Self::PongTimeout,
        Self::CloseTimeout,
        Self::TransportEnded,
        Self::OpenTimeout,
        Self::FeaturesTimeout,
        Self::AuthTimeout,
        Self::NotMarkup,
        Self::TooMuchWhiteSpace,
        Self::NotWellFormed,
        Self::RestrictedXml,
        Self::UnsupportedEncoding,
        Self::ElementTooLong,
        Self::TooDeep,
        Self::TooManyAttributes,
        Self::StreamTagInsteadOfOpen,
        Self::FramingNamespace,
        Self::FramingNotEmpty,
        Self::FirstIsNotOpen,
        Self::StanzaBeforeOpen,
        Self::RestartExpected,
        Self::SecondOpen,
        Self::RestartForOtherDomain,
        Self::UnsupportedVersion,
        Self::ImproperAddressing,
        Self::ElementBeforeFeatures,
        Self::StanzaBeforeAuthentication,
        Self::NoNamespace,
        Self::ServerNamespace,
        Self::PrefixedStanza,
        Self::UnexpectedStreamElement,
    ];

    /// The name, as it is logged and documented: `unmasked-frame`.
    pub fn as_str(self) -> &'static str {
        self.answer().name
    }

    /// The code of the Close frame (RFC 6455 §7.4.1).
    pub fn close_code(self) -> CloseCode {
        self.answer().code
    }

    /// The condition of the stream error (RFC 6120 §4.9.3); `None` where no stream error is sent.
    pub fn condition(self) -> Option<&'static str> {
        self.answer().condition
    }

    /// The text of the Close frame.
    pub(crate) fn close_text(self) -> &'static str {
        self.answer().text
    }

    /// The text of the stream error, where the condition does not say it all.
    pub(crate) fn error_text(self) -> Option<&'static str> {
        self.answer().error_text
    }

    fn answer(self) -> Answer {
        match self {
            Self::UnmaskedFrame => Answer::frame(
                "unmasked-frame",
                CloseCode::PROTOCOL_ERROR,
                "an unmasked frame from a client",
            ),
            Self::MaskedFrame => Answer::frame(
                "masked-frame",
                CloseCode::PROTOCOL_ERROR,
                "a masked frame from a server",
            ),
            Self::ReservedBits => Answer::frame(
                "reserved-bits",
                CloseCode::PROTOCOL_ERROR,
                "a reserved bit without an extension",
            ),
            Self::UnknownOpcode => Answer::frame(
                "unknown-opcode",
                CloseCode::PROTOCOL_ERROR,
                "a reserved opcode",
            ),
            Self::FragmentedControl => Answer::frame(
                "fragmented-control",
                CloseCode::PROTOCOL_ERROR,
                "a fragmented control frame",
            ),
            Self::CompressedContinuation => Answer::frame(
                "compressed-continuation",
                CloseCode::PROTOCOL_ERROR,
                "RSV1 on a frame that begins no message",
            ),
            Self::ContinuationOfNothing => Answer::frame(
                "continuation-of-nothing",
                CloseCode::PROTOCOL_ERROR,
                "a continuation of nothing",
            ),
            Self::InterleavedMessage => Answer::frame(
                "interleaved-message",
                CloseCode::PROTOCOL_ERROR,
                "a message inside a fragmented message",
            ),
            Self::BinaryMessage => Answer::frame(
                "binary-message",
                CloseCode::UNSUPPORTED_DATA,
                "binary messages are not taken",
            ),
            Self::ControlTooLong => Answer::frame(
                "control-too-long",
                CloseCode::PROTOCOL_ERROR,
                "a control frame above 125 bytes",
            ),
            Self::LengthOutOfRange => Answer::frame(
                "length-out-of-range",
                CloseCode::PROTOCOL_ERROR,
                "a length with its top bit set",
            ),
            Self::LengthNotShortest => Answer::frame(
                "length-not-shortest",
                CloseCode::PROTOCOL_ERROR,
                "a length that is not in its shortest form",
            ),
            Self::MessageTooLong => Answer::too_big("message-too-long"),
            Self::TooManyFragments => Answer::frame(
                "too-many-fragments",
                CloseCode::POLICY_VIOLATION,
                "a message in too many fragments",
            ),
            Self::NotUtf8 => Answer::frame(
                "not-utf8",
                CloseCode::INVALID_PAYLOAD,
                "text that is not UTF-8",
            ),
            Self::CompressedDataInvalid => Answer::frame(
                "compressed-data-invalid",
                CloseCode::INVALID_PAYLOAD,
                "compressed data that cannot be inflated",
            ),
            Self::ClosePayloadTooShort => Answer::frame(
                "close-payload-too-short",
                CloseCode::PROTOCOL_ERROR,
                "a Close payload of one byte",
            ),
            Self::CloseCodeInvalid => Answer::frame(
                "close-code-invalid",
                CloseCode::PROTOCOL_ERROR,
                "a close code that may not be sent",
            ),
            Self::CloseReasonNotUtf8 => Answer::frame(
                "close-reason-not-utf8",
                CloseCode::INVALID_PAYLOAD,
                "a close reason that is not UTF-8",
            ),
            Self::ControlFlood => Answer::frame(
                "control-flood",
                CloseCode::POLICY_VIOLATION,
                "too many control frames",
            ),
            Self::PongTimeout => Answer::stream("pong-timeout", "connection-timeout")
                .with_text("no pong came in time"),
            Self::CloseTimeout => Answer::frame(
                "close-timeout",
                CloseCode::NORMAL,
                "no Close frame came in time",
            ),
            Self::TransportEnded => {
                Answer::frame("transport-ended", CloseCode::NORMAL, "the transport ended")
            }
            Self::OpenTimeout => Answer::stream("open-timeout", "connection-timeout"),
            Self::FeaturesTimeout => Answer::stream("features-timeout", "connection-timeout"),
            Self::AuthTimeout => Answer::stream("auth-timeout", "policy-violation")
                .with_error_text("authentication took too long"),
            Self::NotMarkup => Answer::stream("not-markup", "bad-format"),
            Self::TooMuchWhiteSpace => Answer::stream("too-much-white-space", "bad-format"),
            Self::NotWellFormed => Answer::stream("not-well-formed", "not-well-formed"),
            Self::RestrictedXml => Answer::stream("restricted-xml", "restricted-xml"),
            Self::UnsupportedEncoding => {
                Answer::stream("unsupported-encoding", "unsupported-encoding")
            }
            Self::ElementTooLong => Answer::too_big("element-too-long"),
            Self::TooDeep => Answer::stream("too-deep", "policy-violation")
                .with_error_text("the element is nested too deeply or has too many attributes"),
            Self::TooManyAttributes => Answer::stream("too-many-attributes", "policy-violation")
                .with_error_text("the element is nested too deeply or has too many attributes"),
            Self::StreamTagInsteadOfOpen => {
                Answer::stream("stream-tag-instead-of-open", "invalid-namespace")
            }
            Self::FramingNamespace => Answer::stream("framing-namespace", "invalid-namespace"),
            Self::FramingNotEmpty => Answer::stream("framing-not-empty", "bad-format"),
            Self::FirstIsNotOpen => Answer::stream("first-is-not-open", "bad-format"),
            Self::StanzaBeforeOpen => Answer::stream("stanza-before-open", "not-authorized"),
            Self::RestartExpected => Answer::stream("restart-expected", "not-authorized"),
            Self::SecondOpen => Answer::stream("second-open", "not-authorized")
                .with_error_text("no stream restart is due"),
            Self::RestartForOtherDomain => {
                Answer::stream("restart-for-other-domain", "not-authorized")
            }
            Self::UnsupportedVersion => {
                Answer::stream("unsupported-version", "unsupported-version")
            }
            Self::ImproperAddressing => {
                Answer::stream("improper-addressing", "improper-addressing")
            }
            Self::ElementBeforeFeatures => {
                Answer::stream("element-before-features", "policy-violation")
                    .with_error_text("wait for the stream features")
            }
            Self::StanzaBeforeAuthentication => {
                Answer::stream("stanza-before-authentication", "not-authorized")
            }
            Self::NoNamespace => Answer::stream("no-namespace", "invalid-namespace"),
            Self::ServerNamespace => Answer::stream("server-namespace", "invalid-namespace"),
            Self::PrefixedStanza => Answer::stream("prefixed-stanza", "bad-namespace-prefix"),
            Self::UnexpectedStreamElement => {
                Answer::stream("unexpected-stream-element", "unsupported-stanza-type")
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Answer {
    /// A rule of RFC 6455: the WebSocket is closed with this code.
    fn frame(name: &'static str, code: CloseCode, text: &'static str) -> Self {
        Self {
            name,
            code,
            text,
            condition: None,
            error_text: None,
        }
    }

    /// A rule of RFC 7395 or RFC 6120: the stream ends with this error.
    fn stream(name: &'static str, condition: &'static str) -> Self {
        Self {
            condition: Some(condition),
            ..Self::frame(name, CloseCode::NORMAL, "")
        }
    }

    fn too_big(name: &'static str) -> Self {
        Self {
            code: CloseCode::TOO_BIG,
            text: "a message larger than the limit",
            error_text: Some("the message is larger than the limit"),
            ..Self::stream(name, "policy-violation")
        }
    }

    fn with_text(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    fn with_error_text(self, text: &'static str) -> Self {
        Self {
            error_text: Some(text),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_variants_in_kebab_case() {
        for (at, reason) in Reason::ALL.iter().enumerate() {
            let kebab =
                format!("{reason:?}")
                    .char_indices()
                    .fold(String::new(), |mut kebab, (at, c)| {
                        if at > 0 && c.is_ascii_uppercase() {
                            kebab.push('-');
                        }
                        kebab.push(c.to_ascii_lowercase());
                        kebab
                    });
            assert_eq!(reason.to_string(), kebab);
            assert_eq!(*reason as usize, at, "not all are in `ALL`, in order");
        }
    }
}
