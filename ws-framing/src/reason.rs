use crate::CloseCode;

xmpp_machine::reasons! {
    /// The rule that a peer broke, or the time that it let pass.
    ///
    /// ```
    /// use ws_framing::{CloseCode, Reason};
    ///
    /// assert_eq!(Reason::UnmaskedFrame.as_str(), "unmasked-frame");
    /// assert_eq!(Reason::UnmaskedFrame.close_code(), CloseCode::PROTOCOL_ERROR);
    /// assert_eq!(Reason::SecondOpen.condition(), Some("not-authorized"));
    /// ```
    pub enum Reason {
        /// A client sent a frame without a mask (RFC 6455 §5.1).
        ///
        /// To do: update or replace the client; a proxy in between may also have damaged the
        /// stream.
        UnmaskedFrame = "unmasked-frame",
        /// A server sent a frame with a mask (RFC 6455 §5.1).
        ///
        /// To do: update or replace the server; a proxy in between may also have damaged the
        /// stream.
        MaskedFrame = "masked-frame",
        /// A frame has a reserved bit set for which no extension was agreed (RFC 6455 §5.2).
        ///
        /// To do: report it to the authors of the peer's software, which may compress although
        /// permessage-deflate was not agreed; look for a proxy that changes the handshake.
        ReservedBits = "reserved-bits",
        /// A frame has an opcode that RFC 6455 does not define (§5.2).
        ///
        /// To do: report it to the authors of the peer's software; look for a proxy that damages
        /// the stream.
        UnknownOpcode = "unknown-opcode",
        /// A ping, pong or Close frame is in fragments (RFC 6455 §5.5).
        ///
        /// To do: report it to the authors of the peer's software.
        FragmentedControl = "fragmented-control",
        /// A control frame or a continuation says that it is compressed (RFC 7692 §6.1).
        ///
        /// To do: report it to the authors of the peer's software, or switch compression off.
        CompressedContinuation = "compressed-continuation",
        /// A continuation frame came without a message that it continues (RFC 6455 §5.4).
        ///
        /// To do: report it to the authors of the peer's software.
        ContinuationOfNothing = "continuation-of-nothing",
        /// A message began before the last one in fragments was complete (RFC 6455 §5.4).
        ///
        /// To do: report it to the authors of the peer's software.
        InterleavedMessage = "interleaved-message",
        /// The peer sent a binary message, which XMPP does not use (RFC 7395 §3.2).
        ///
        /// To do: check that the peer speaks XMPP over WebSocket at this address.
        BinaryMessage = "binary-message",
        /// A ping, pong or Close frame is longer than 125 bytes (RFC 6455 §5.5).
        ///
        /// To do: report it to the authors of the peer's software.
        ControlTooLong = "control-too-long",
        /// A frame's length has its highest bit set (RFC 6455 §5.2).
        ///
        /// To do: report it to the authors of the peer's software; look for a proxy that damages
        /// the stream.
        LengthOutOfRange = "length-out-of-range",
        /// A frame's length is not written in its shortest form (RFC 6455 §5.2).
        ///
        /// To do: report it to the authors of the peer's software.
        LengthNotShortest = "length-not-shortest",
        /// A message is longer than the limit.
        ///
        /// To do: raise the limit on messages if the peer is right to send them; before
        /// authentication a lower limit applies.
        MessageTooLong = "message-too-long",
        /// A message came in more fragments than the limit.
        ///
        /// To do: raise the limit on fragments if the peer is to be trusted; floods of tiny
        /// fragments are an attack.
        TooManyFragments = "too-many-fragments",
        /// A text message is not UTF-8 (RFC 6455 §8.1).
        ///
        /// To do: report it to the authors of the peer's software.
        NotUtf8 = "not-utf8",
        /// A compressed message cannot be inflated (RFC 7692 §7.2.2).
        ///
        /// To do: report it to the authors of the peer's software, or switch compression off.
        CompressedDataInvalid = "compressed-data-invalid",
        /// A Close frame has a payload of one byte (RFC 6455 §5.5.1).
        ///
        /// To do: report it to the authors of the peer's software.
        ClosePayloadTooShort = "close-payload-too-short",
        /// A Close frame has a code that may not be sent (RFC 6455 §7.4).
        ///
        /// To do: report it to the authors of the peer's software.
        CloseCodeInvalid = "close-code-invalid",
        /// The text of a Close frame is not UTF-8 (RFC 6455 §5.5.1).
        ///
        /// To do: report it to the authors of the peer's software.
        CloseReasonNotUtf8 = "close-reason-not-utf8",
        /// The peer sent more pings and pongs than the limit.
        ///
        /// To do: look at what the peer does; raise the limit on control frames if it is right.
        ControlFlood = "control-flood",
        /// Nothing came from the peer in time after a ping.
        ///
        /// To do: nothing, if the peer's network is gone; where it happens often, look for a proxy
        /// that holds data back, or raise the pong timeout.
        PongTimeout = "pong-timeout",
        /// The peer did not answer our Close frame in time.
        ///
        /// To do: nothing; the session had ended before.
        CloseTimeout = "close-timeout",
        /// The connection ended without a Close frame (RFC 6455 §7.1.5).
        ///
        /// To do: nothing, if clients roam or are closed; where it happens often, look for a proxy
        /// that ends idle connections.
        TransportEnded = "transport-ended",
        /// No `<open/>` came from the client in time.
        ///
        /// To do: check that the peer speaks XMPP over WebSocket; connections that send nothing may
        /// be an attack.
        OpenTimeout = "open-timeout",
        /// The server's `<open/>` or its stream features did not come in time.
        ///
        /// To do: look at the server, which may be overloaded or may not reach the one behind it.
        FeaturesTimeout = "features-timeout",
        /// The client did not authenticate in time.
        ///
        /// To do: raise the authentication timeout if people need longer; many such clients may be
        /// an attack.
        AuthTimeout = "auth-timeout",
        /// A message does not begin with `<` (RFC 7395 §3.3.3).
        ///
        /// To do: report it to the authors of the peer's software.
        NotMarkup = "not-markup",
        /// The client sent messages of white space too often (RFC 7395 §3.8).
        ///
        /// To do: let the client use WebSocket pings to keep its connection alive.
        TooMuchWhiteSpace = "too-much-white-space",
        /// A message is no XML document (RFC 6120 §4.9.3.13).
        ///
        /// To do: report it to the authors of the peer's software.
        NotWellFormed = "not-well-formed",
        /// A message has a comment, a processing instruction, a DTD or an entity (RFC 6120 §11.1).
        ///
        /// To do: report it to the authors of the peer's software.
        RestrictedXml = "restricted-xml",
        /// A message declares another encoding than UTF-8 (RFC 6120 §11.6).
        ///
        /// To do: report it to the authors of the peer's software.
        UnsupportedEncoding = "unsupported-encoding",
        /// An element is longer than the limit of the XML reader.
        ///
        /// To do: raise the limit on the bytes of an element if the peer is right to send it.
        ElementTooLong = "element-too-long",
        /// An element is nested deeper than the limit.
        ///
        /// To do: raise the limit on depth if the peer is right to send it.
        TooDeep = "too-deep",
        /// A tag has more attributes or declarations than the limit.
        ///
        /// To do: raise the limit on attributes if the peer is right to send it.
        TooManyAttributes = "too-many-attributes",
        /// The first message is `<stream:stream>` instead of `<open/>` (RFC 7395 §3.3.2).
        ///
        /// To do: replace the peer, which speaks the protocol from before RFC 7395.
        StreamTagInsteadOfOpen = "stream-tag-instead-of-open",
        /// An `<open/>` or `<close/>` is in a wrong namespace (RFC 7395 §3.3.2).
        ///
        /// To do: report it to the authors of the peer's software.
        FramingNamespace = "framing-namespace",
        /// An `<open/>` or `<close/>` has content (RFC 7395 §3.3.2).
        ///
        /// To do: report it to the authors of the peer's software.
        FramingNotEmpty = "framing-not-empty",
        /// The first element is neither `<open/>` nor a stanza (RFC 7395 §3.4).
        ///
        /// To do: report it to the authors of the peer's software.
        FirstIsNotOpen = "first-is-not-open",
        /// A stanza came before `<open/>` (RFC 7395 §3.4).
        ///
        /// To do: report it to the authors of the peer's software.
        StanzaBeforeOpen = "stanza-before-open",
        /// Something other than `<open/>` came where the stream restarts (RFC 7395 §3.7).
        ///
        /// To do: report it to the authors of the peer's software.
        RestartExpected = "restart-expected",
        /// An `<open/>` came where no restart of the stream is due (RFC 7395 §3.7).
        ///
        /// To do: report it to the authors of the peer's software.
        SecondOpen = "second-open",
        /// The restart of a stream names another domain than its beginning (RFC 6120 §6.4.6).
        ///
        /// To do: report it to the client's authors.
        RestartForOtherDomain = "restart-for-other-domain",
        /// An `<open/>` has no version, or one below 1.0 (RFC 6120 §4.7.5).
        ///
        /// To do: replace the peer, which speaks the protocol from before RFC 6120.
        UnsupportedVersion = "unsupported-version",
        /// An `<open/>` has no `to`, or one that is no domain (RFC 6120 §4.7.2).
        ///
        /// To do: report it to the client's authors, or name the domain of this listener in the
        /// configuration.
        ImproperAddressing = "improper-addressing",
        /// The client sent more than one element before the stream features.
        ///
        /// To do: report it to the client's authors, which has to wait for the features.
        ElementBeforeFeatures = "element-before-features",
        /// A stanza came before the client was authenticated (RFC 6120 §4.9.3.12).
        ///
        /// To do: report it to the client's authors; where the server does not use SASL, let early
        /// stanzas pass.
        StanzaBeforeAuthentication = "stanza-before-authentication",
        /// An element is in no namespace (RFC 7395 §3.3.3).
        ///
        /// To do: report it to the authors of the peer's software, or take such stanzas for
        /// `jabber:client` in the configuration.
        NoNamespace = "no-namespace",
        /// A stanza is in `jabber:server` instead of `jabber:client` (RFC 7395 §3.3.3).
        ///
        /// To do: report it to the authors of the peer's software.
        ServerNamespace = "server-namespace",
        /// `jabber:client` is bound to a prefix (RFC 6120 §4.8.5).
        ///
        /// To do: report it to the authors of the peer's software.
        PrefixedStanza = "prefixed-stanza",
        /// An element of the stream or framing namespace is none that the peer may send.
        ///
        /// To do: report it to the authors of the peer's software.
        UnexpectedStreamElement = "unexpected-stream-element",
    }
}

/// What a peer that breaks a rule is told.
struct Answer {
    code: CloseCode,
    /// Of the Close frame, where no stream error explains it.
    text: &'static str,
    /// Of the stream error.
    condition: Option<&'static str>,
    error_text: Option<&'static str>,
}

impl Reason {
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
            Self::UnmaskedFrame => Answer::protocol("an unmasked frame from a client"),
            Self::MaskedFrame => Answer::protocol("a masked frame from a server"),
            Self::ReservedBits => Answer::protocol("a reserved bit without an extension"),
            Self::UnknownOpcode => Answer::protocol("a reserved opcode"),
            Self::FragmentedControl => Answer::protocol("a fragmented control frame"),
            Self::CompressedContinuation => {
                Answer::protocol("RSV1 on a frame that begins no message")
            }
            Self::ContinuationOfNothing => Answer::protocol("a continuation of nothing"),
            Self::InterleavedMessage => Answer::protocol("a message inside a fragmented message"),
            Self::BinaryMessage => {
                Answer::frame(CloseCode::UNSUPPORTED_DATA, "binary messages are not taken")
            }
            Self::ControlTooLong => Answer::protocol("a control frame above 125 bytes"),
            Self::LengthOutOfRange => Answer::protocol("a length with its top bit set"),
            Self::LengthNotShortest => {
                Answer::protocol("a length that is not in its shortest form")
            }
            Self::MessageTooLong => Answer::too_big(),
            Self::TooManyFragments => Answer::frame(
                CloseCode::POLICY_VIOLATION,
                "a message in too many fragments",
            ),
            Self::NotUtf8 => Answer::frame(CloseCode::INVALID_PAYLOAD, "text that is not UTF-8"),
            Self::CompressedDataInvalid => Answer::frame(
                CloseCode::INVALID_PAYLOAD,
                "compressed data that cannot be inflated",
            ),
            Self::ClosePayloadTooShort => Answer::protocol("a Close payload of one byte"),
            Self::CloseCodeInvalid => Answer::protocol("a close code that may not be sent"),
            Self::CloseReasonNotUtf8 => Answer::frame(
                CloseCode::INVALID_PAYLOAD,
                "a close reason that is not UTF-8",
            ),
            Self::ControlFlood => {
                Answer::frame(CloseCode::POLICY_VIOLATION, "too many control frames")
            }
            Self::PongTimeout => {
                Answer::stream("connection-timeout").with_text("no pong came in time")
            }
            Self::CloseTimeout => Answer::frame(CloseCode::NORMAL, "no Close frame came in time"),
            Self::TransportEnded => Answer::frame(CloseCode::NORMAL, "the transport ended"),
            Self::OpenTimeout => Answer::stream("connection-timeout"),
            Self::FeaturesTimeout => Answer::stream("connection-timeout"),
            Self::AuthTimeout => {
                Answer::stream("policy-violation").with_error_text("authentication took too long")
            }
            Self::NotMarkup => Answer::stream("bad-format"),
            Self::TooMuchWhiteSpace => Answer::stream("bad-format"),
            Self::NotWellFormed => Answer::stream("not-well-formed"),
            Self::RestrictedXml => Answer::stream("restricted-xml"),
            Self::UnsupportedEncoding => Answer::stream("unsupported-encoding"),
            Self::ElementTooLong => Answer::too_big(),
            Self::TooDeep => Answer::stream("policy-violation")
                .with_error_text("the element is nested too deeply or has too many attributes"),
            Self::TooManyAttributes => Answer::stream("policy-violation")
                .with_error_text("the element is nested too deeply or has too many attributes"),
            Self::StreamTagInsteadOfOpen => Answer::stream("invalid-namespace"),
            Self::FramingNamespace => Answer::stream("invalid-namespace"),
            Self::FramingNotEmpty => Answer::stream("bad-format"),
            Self::FirstIsNotOpen => Answer::stream("bad-format"),
            Self::StanzaBeforeOpen => Answer::stream("not-authorized"),
            Self::RestartExpected => Answer::stream("not-authorized"),
            Self::SecondOpen => {
                Answer::stream("not-authorized").with_error_text("no stream restart is due")
            }
            Self::RestartForOtherDomain => Answer::stream("not-authorized"),
            Self::UnsupportedVersion => Answer::stream("unsupported-version"),
            Self::ImproperAddressing => Answer::stream("improper-addressing"),
            Self::ElementBeforeFeatures => {
                Answer::stream("policy-violation").with_error_text("wait for the stream features")
            }
            Self::StanzaBeforeAuthentication => Answer::stream("not-authorized"),
            Self::NoNamespace => Answer::stream("invalid-namespace"),
            Self::ServerNamespace => Answer::stream("invalid-namespace"),
            Self::PrefixedStanza => Answer::stream("bad-namespace-prefix"),
            Self::UnexpectedStreamElement => Answer::stream("unsupported-stanza-type"),
        }
    }
}

impl Answer {
    /// A rule of RFC 6455: the WebSocket is closed with this code.
    fn frame(code: CloseCode, text: &'static str) -> Self {
        Self {
            code,
            text,
            condition: None,
            error_text: None,
        }
    }

    /// A rule of RFC 6455's framing.
    fn protocol(text: &'static str) -> Self {
        Self::frame(CloseCode::PROTOCOL_ERROR, text)
    }

    /// A rule of RFC 7395 or RFC 6120: the stream ends with this error.
    fn stream(condition: &'static str) -> Self {
        Self {
            condition: Some(condition),
            ..Self::frame(CloseCode::NORMAL, "")
        }
    }

    fn too_big() -> Self {
        Self {
            code: CloseCode::TOO_BIG,
            text: "a message larger than the limit",
            error_text: Some("the message is larger than the limit"),
            ..Self::stream("policy-violation")
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
