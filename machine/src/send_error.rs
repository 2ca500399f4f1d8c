/// Why something was not taken to be sent. It comes back, and nothing changed.
///
/// ```
/// use xmpp_machine::SendError;
///
/// assert_eq!(SendError::Full("an element").into_inner(), "an element");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<T> {
    /// No room now. A machine says when there is (`Event::Writable`).
    #[error("the outbox is full")]
    Full(T),
    /// Not open yet, between two streams, closing, or closed.
    #[error("not open")]
    Closed(T),
    /// A control frame's payload above 125 bytes (RFC 6455 §5.5).
    #[error("longer than a control frame may be")]
    TooLong(T),
    /// What must not be sent, whatever the state: an element in no namespace, or one that another
    /// verb sends.
    #[error("not to be sent over this binding")]
    Forbidden(T),
}

impl<T> SendError<T> {
    /// What was given.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(given)
            | Self::Closed(given)
            | Self::TooLong(given)
            | Self::Forbidden(given) => given,
        }
    }

    /// The same refusal of something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> SendError<U> {
        match self {
            Self::Full(given) => SendError::Full(change(given)),
            Self::Closed(given) => SendError::Closed(change(given)),
            Self::TooLong(given) => SendError::TooLong(change(given)),
            Self::Forbidden(given) => SendError::Forbidden(change(given)),
        }
    }
}
