//! What carries a session's messages.

use bytes::Bytes;
use xmpp_machine::{Clock, Moment, SendError};

use crate::{
    CloseCode, Reason,
    connection::{Action, Cause, Compression},
};

/// The WebSocket under a session: frames on bytes ([`Connection`](crate::Connection)), or somebody
/// else's whole messages ([`Messages`](crate::xmpp::Messages)).
pub trait WebSocket: Carry {}

/// What a session needs of its WebSocket. Nobody else can implement it.
#[expect(unnameable_types, reason = "it seals `WebSocket`")]
pub trait Carry {
    /// The time of both layers.
    fn clock(&self) -> &Clock;

    /// The same, to tell it the time.
    fn clock_mut(&mut self) -> &mut Clock;

    /// Queues a message where there is room.
    fn send_text(&mut self, text: Bytes) -> Result<(), SendError<Bytes>>;

    /// Queues a message past the bound; it is dropped where nothing can be sent any more.
    fn send_last(&mut self, text: Bytes);

    /// Starts the WebSocket's closing behind what is queued, once.
    fn start_closing(&mut self, cause: Cause, reason: Option<Reason>, code: CloseCode, now: Moment);

    /// Drops the WebSocket without a Close frame.
    fn drop_transport(&mut self, cause: Cause, reason: Option<Reason>, diagnostic: &'static str);

    /// What happened below.
    fn next_action(&mut self) -> Option<Action>;

    /// The application has heard all that came.
    fn caught_up(&mut self) {}

    /// The bound on messages from now on.
    fn set_message_bytes(&mut self, bytes: usize);

    /// Whether what is sent from now on may be compressed.
    fn set_compression(&mut self, _: Compression) {}

    /// Stops reading messages.
    fn hold(&mut self);

    /// Reads messages again.
    fn release(&mut self, now: Moment);

    /// Does what is due; tells of a peer that has fallen silent, about which nothing has been done.
    fn handle_deadline(&mut self, now: Moment) -> Option<Reason>;

    /// The next deadline.
    fn next_deadline(&self) -> Option<Moment>;

    /// Whether reading is useful now.
    fn wants_input(&self) -> bool;

    /// What was queued and never left, once the WebSocket is over.
    fn take_unsent(&mut self) -> Vec<Bytes>;
}
