//! Where the two ends of a stream differ.

use bytes::Bytes;
use xmpp_machine::Moment;
use xmpp_wire::{Element, XmlError, XmlLimits};

use super::{SeeOther, Session, WebSocket};
use crate::Reason;

/// An end of a stream: [`client::Client`](super::client::Client) or
/// [`server::Server`](super::server::Server).
pub trait Role: Rules {}

/// What only one end does, or each in its way. Nobody else can implement it.
#[expect(unnameable_types, reason = "it seals `Role`")]
pub trait Rules: Sized {
    /// How far a stream has come between the first `<open/>` and the first `<close/>`.
    type Step: Copy + std::fmt::Debug;

    /// Reads a message of the peer's.
    fn parse(message: Bytes, limits: &XmlLimits) -> Result<Element, XmlError>;

    /// A message of white space came. Some servers keep connections alive so (T-14): a client does
    /// not mind.
    fn handle_white_space<W: WebSocket>(_: &mut Session<Self, W>, _: Moment) {}

    /// The peer's `<open/>` came.
    fn handle_open<W: WebSocket>(session: &mut Session<Self, W>, element: &Element, now: Moment);

    /// An element came behind the first `<open/>`.
    fn handle_element<W: WebSocket>(session: &mut Session<Self, W>, element: Element, now: Moment);

    /// The peer's `<close/>` came, which may redirect a client.
    fn note_redirect<W: WebSocket>(_: &mut Session<Self, W>, _: &Element) {}

    /// An element of ours was queued.
    fn note_sent<W: WebSocket>(_: &mut Session<Self, W>, _: &Element) {}

    /// A stream error of ours is about to be queued, which the application asked for or not.
    fn prepare_error<W: WebSocket>(_: &mut Session<Self, W>, _asked: bool, _condition: &str) {}

    /// No pong came in time.
    fn handle_silence<W: WebSocket>(session: &mut Session<Self, W>, reason: Reason, now: Moment);

    /// Forgets the element that waits for the features; none is taken from the peer any more.
    fn forget_early(&mut self) {}

    /// Where the peer sent us.
    fn take_redirect(&mut self) -> Option<SeeOther> {
        None
    }

    /// Whether the peer's first message is still to come.
    fn is_awaiting_answer(_: Self::Step) -> bool {
        false
    }

    /// Whether elements may have been promised that are still to be sent.
    fn may_owe_elements(_: Self::Step) -> bool {
        true
    }

    /// Whether elements may be sent.
    fn may_send(step: Self::Step) -> bool;

    /// Whether what is to be sent waits for the stream's restart; `Writable` follows then.
    fn must_wait<W: WebSocket>(_: &mut Session<Self, W>) -> bool {
        false
    }

    /// What the peer let pass where its time for the negotiation is over; no step is before
    /// `<open/>`.
    fn overdue(step: Option<Self::Step>) -> Reason;
}
