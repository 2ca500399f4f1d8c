//! What bad input and lost patience get (W-R-360, RFC 6120 §4.9.3).

use xmpp_wire::{Element, StreamError, XmlErrorKind, ns};

use crate::CloseCode;

/// What went wrong on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A message or frame above the limit.
    TooBig,
    /// XML that is deeper or richer in attributes than the limits.
    XmlLimits,
    NotWellFormed,
    /// Comment, processing instruction, DTD, entity.
    Restricted,
    Encoding,
    /// The first character is not `<`; white space too often; content in `<open/>` or `<close/>`; a first message of no known kind.
    Format,
    /// `<open/>` or `<close/>` in another namespace, `<stream:stream>` in place of `<open/>`.
    FramingNamespace,
    /// A stanza in `jabber:server`, or an element in no namespace.
    ContentNamespace,
    /// `jabber:client` bound to a prefix.
    ContentPrefix,
    /// An element of the stream or framing namespace that is none of those that a client sends.
    ElementType,
    /// A stanza before its time, anything but `<open/>` when the stream is to be restarted.
    NotAuthorized,
    /// `<open/>` when none is due.
    SecondOpen,
    Version,
    /// `to` is missing or no domain.
    Addressing,
    /// More than one message before the features.
    Premature,
    /// No `<open/>`, or no pong.
    Silent,
    /// No success of SASL in time.
    AuthTimeout,
}

/// What it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) condition: &'static str,
    pub(super) code: CloseCode,
}

impl Fault {
    /// What each fault gets (W-R-360), where it is about XML. What the WebSocket layer fails by itself has no condition.
    pub(super) fn answer(self) -> Answer {
        let (condition, code) = match self {
            Self::TooBig => ("policy-violation", CloseCode::TOO_BIG),
            Self::XmlLimits | Self::Premature | Self::AuthTimeout => {
                ("policy-violation", CloseCode::NORMAL)
            }
            Self::NotWellFormed => ("not-well-formed", CloseCode::NORMAL),
            Self::Restricted => ("restricted-xml", CloseCode::NORMAL),
            Self::Encoding => ("unsupported-encoding", CloseCode::NORMAL),
            Self::Format => ("bad-format", CloseCode::NORMAL),
            Self::FramingNamespace | Self::ContentNamespace => {
                ("invalid-namespace", CloseCode::NORMAL)
            }
            Self::ContentPrefix => ("bad-namespace-prefix", CloseCode::NORMAL),
            Self::ElementType => ("unsupported-stanza-type", CloseCode::NORMAL),
            Self::NotAuthorized | Self::SecondOpen => ("not-authorized", CloseCode::NORMAL),
            Self::Version => ("unsupported-version", CloseCode::NORMAL),
            Self::Addressing => ("improper-addressing", CloseCode::NORMAL),
            Self::Silent => ("connection-timeout", CloseCode::NORMAL),
        };
        Answer { condition, code }
    }

    pub(super) fn error(self) -> StreamError {
        let error = StreamError::new(self.answer().condition);
        match self.text() {
            Some(text) if self == Self::TooBig => error
                .with_text(text)
                .with_application(Element::build("stanza-too-big", ns::ERRORS).finish()),
            Some(text) => error.with_text(text),
            None => error,
        }
    }

    /// Words for the peer's log where the condition does not say it all.
    fn text(self) -> Option<&'static str> {
        match self {
            Self::TooBig => Some("the message is larger than the limit"),
            Self::XmlLimits => Some("the element is nested too deeply or has too many attributes"),
            Self::Premature => Some("wait for the stream features"),
            Self::AuthTimeout => Some("authentication took too long"),
            Self::SecondOpen => Some("no stream restart is due"),
            Self::NotWellFormed
            | Self::Restricted
            | Self::Encoding
            | Self::Format
            | Self::FramingNamespace
            | Self::ContentNamespace
            | Self::ContentPrefix
            | Self::ElementType
            | Self::NotAuthorized
            | Self::Version
            | Self::Addressing
            | Self::Silent => None,
        }
    }
}

impl From<XmlErrorKind> for Fault {
    fn from(kind: XmlErrorKind) -> Self {
        match kind {
            XmlErrorKind::Restricted => Self::Restricted,
            XmlErrorKind::Encoding => Self::Encoding,
            XmlErrorKind::TooBig => Self::TooBig,
            XmlErrorKind::TooDeep | XmlErrorKind::TooManyAttributes => Self::XmlLimits,
            // Whatever may be added is no XML document either.
            XmlErrorKind::NotWellFormed
            | XmlErrorKind::Namespace
            | XmlErrorKind::Utf8
            | XmlErrorKind::Text
            | _ => Self::NotWellFormed,
        }
    }
}
