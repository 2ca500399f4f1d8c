//! One vocabulary for sessions, whatever carries them: what a session tells ([`Event`]) and what it is told
//! ([`Session`]; [`Accepted`] where a client opened it, [`Dialled`] where we did).
//!
//! [`bosh`] and [`websocket`] implement it; conditions and close codes are decided there, once. The end of a session has these verbs:
//!
//! | verb | meaning |
//! | --- | --- |
//! | `close` | politely: the stream ends, behind what was sent |
//! | `abort` | now, without a farewell |
//! | `fail` | with a stream error of ours |
//! | `refuse` | the same for a stream that is not open yet |
//! | `end` | as a relay says it: see [`Ending`] |
//! | `redirect` | to another endpoint, for a stream that is not open yet |
//! | `shut_down` | the process ends all of them |

use xmpp_machine::SendError;
use xmpp_wire::{Element, StreamError, StreamHeader};

use crate::Instant;

#[cfg(feature = "bosh")]
pub mod bosh;
#[cfg(feature = "ws")]
pub mod websocket;

/// What a session tells. `E` is how it ended, in the words of what carries it.
#[derive(Debug)]
pub enum Event<E> {
    /// The peer's first header: a client's asks for a stream, a server's answers.
    Opened(StreamHeader),
    /// The peer's header of a stream that was begun anew on the same connection.
    Restarted(StreamHeader),
    /// An element; it stands alone.
    Element(Element),
    /// There is room again behind `SendError::Full`.
    Writable,
    /// The peer ends its stream; the answer is `close`.
    Closing,
    /// The end: nothing follows.
    Closed(Closed<E>),
}

/// How a session ended.
#[derive(Debug)]
pub struct Closed<E> {
    /// The peer ended the stream on purpose (`<close/>`, terminate), so that nothing may be resumed.
    pub clean: bool,
    /// Elements that were taken and never reached the peer, in order (B-X-030).
    pub undelivered: Vec<Element>,
    /// The same in the words of what carries it.
    pub how: E,
}

impl<E> Event<E> {
    /// The same event with other words for its end.
    pub fn map<F>(self, change: impl FnOnce(E) -> F) -> Event<F> {
        match self {
            Self::Opened(header) => Event::Opened(header),
            Self::Restarted(header) => Event::Restarted(header),
            Self::Element(element) => Event::Element(element),
            Self::Writable => Event::Writable,
            Self::Closing => Event::Closing,
            Self::Closed(closed) => Event::Closed(Closed {
                clean: closed.clean,
                undelivered: closed.undelivered,
                how: change(closed.how),
            }),
        }
    }
}

/// What every session is told.
pub trait Session {
    /// Sends an element, which stands alone.
    ///
    /// # Errors
    ///
    /// Gives the element back.
    fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>>;

    /// Reads no more from the peer for now. Deadlines that wait for the peer stand still.
    fn hold_input(&mut self, now: Instant);

    /// Goes on reading.
    fn release_input(&mut self, now: Instant);

    /// Ends the stream, behind what was sent.
    fn close(&mut self, now: Instant);
}

/// What a session that we opened is told beside that.
pub trait Dialled: Session {
    /// Ends it without a farewell to the stream: `Closed` follows at once.
    fn abort(&mut self, now: Instant);
}

/// What a session that a client opened is told beside that.
pub trait Accepted: Session {
    /// Answers the peer's header, the first one and that of each restart.
    ///
    /// # Errors
    ///
    /// Gives the header back: no room, or not the time for it.
    #[expect(
        clippy::result_large_err,
        reason = "the header comes back as it was given, once a stream"
    )]
    fn open(&mut self, header: StreamHeader, now: Instant) -> Result<(), SendError<StreamHeader>>;

    /// Whether the session can be resumed by XEP-0198, so that its loss is not its end (W-R-447).
    fn set_resumable(&mut self, resumable: bool) {
        let _ = resumable;
    }

    /// Ends a stream that is open, with an error of ours.
    fn fail(&mut self, error: StreamError, now: Instant);

    /// Refuses the stream that the peer asks for.
    fn refuse(&mut self, error: StreamError, now: Instant);

    /// Ends the stream as a relay says it.
    ///
    /// # Errors
    ///
    /// Gives the ending back where there is no room: try again after `Event::Writable`.
    #[expect(
        clippy::result_large_err,
        reason = "the ending comes back as it was given; a box would cost every order"
    )]
    fn end(&mut self, ending: Ending, now: Instant) -> Result<(), Ending>;

    /// Sends the peer to another endpoint, in place of an answer to its first header (RFC 7395 §3.6.1, XEP-0124 §17.2).
    fn redirect(&mut self, uri: &str, now: Instant);

    /// The process goes down (W-R-473): a session that can be resumed is only disconnected, any other one is told.
    fn shut_down(&mut self, resumable: bool, now: Instant);

    /// Carries out an order of a relay's. Orders for a session that is over are dropped.
    ///
    /// # Errors
    ///
    /// Gives the order back where there is no room: try again after `Event::Writable`.
    #[expect(
        clippy::result_large_err,
        reason = "the order comes back as it was given; a box would cost every order"
    )]
    fn apply(&mut self, order: Order, now: Instant) -> Result<(), Order> {
        match order {
            Order::Open(header) => {
                if let Err(SendError::Full(header)) = self.open(header, now) {
                    return Err(Order::Open(header));
                }
            }
            Order::Element(element) => {
                if let Err(SendError::Full(element)) = self.send(element, now) {
                    return Err(Order::Element(element));
                }
            }
            Order::Resumable(resumable) => self.set_resumable(resumable),
            Order::Hold => self.hold_input(now),
            Order::Release => self.release_input(now),
            Order::End(ending) => return self.end(ending, now).map_err(Order::End),
        }
        Ok(())
    }
}

/// What a relay orders of a session.
#[derive(Debug)]
pub enum Order {
    /// The other side's header: answer the peer's opening (or restart) with it.
    Open(StreamHeader),
    /// An element for the peer; it stands alone, in the spelling of W-R-309.
    Element(Element),
    /// XEP-0198 resumption became agreed, or ended (W-R-447).
    Resumable(bool),
    /// The other side has no room: stop reading the peer (`hold_input`) ...
    Hold,
    /// ... and go on.
    Release,
    /// End the session. The last order.
    End(Ending),
}

/// How a relay ends a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Cleanly: `<close/>` and 1000; terminate without a condition.
    Clean,
    /// The other side's own `<stream:error/>`, passed on whole: 1000; `remote-stream-error`.
    StreamError(Element),
    /// The server was lost or never reached (W-R-417, W-R-444): this error, 1011; `remote-connection-failed`.
    Unreachable(StreamError),
    /// The server was lost, but the session can be resumed (W-R-417): no XML, 1011; `remote-connection-failed`.
    Lost,
    /// The client broke the rules of the relay (`<starttls/>`, W-R-441): this error, 1000; `policy-violation` or `bad-request`.
    Fault(StreamError),
    /// The server offers nothing that may be used here (W-R-427): this error, 1000; `undefined-condition` (B-X-016).
    Refused(StreamError),
    /// The server broke the protocol or a limit (W-R-445, 446): this error, 1011; `internal-server-error`.
    Internal(StreamError),
}
