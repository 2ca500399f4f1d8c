use std::time::Instant;

use bytes::BytesMut;
use xmpp_http1::Transmit;

/// A stream machine, as the pump sees it: pure forwarding to the machine's own verbs.
pub trait Machine {
    /// What it delivers.
    type Event;
    /// Bytes came, appended to `input`.
    fn handle_input(&mut self, input: &mut BytesMut, now: Instant);
    /// The transport ended.
    fn handle_eof(&mut self, now: Instant);
    /// A deadline may have passed.
    fn handle_timeout(&mut self, now: Instant);
    /// Whether reading is useful now.
    fn wants_input(&self) -> bool;
    /// The next order.
    fn poll_order(&mut self) -> Option<Order<Self::Event>>;
    /// The next bytes.
    fn poll_transmit(&mut self) -> Option<Transmit>;
    /// When to call `handle_timeout` at the latest.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// The orders that stream machines give.
#[derive(Debug)]
pub enum Order<E> {
    /// Tell the application.
    Deliver(E),
    /// Stream and unread bytes belong to the next machine.
    Detach,
    /// Do the TLS handshake, then go on.
    StartTls,
    /// Write what is left, shut down, drain a little, drop.
    Close,
    /// Drop now.
    Abort,
}
