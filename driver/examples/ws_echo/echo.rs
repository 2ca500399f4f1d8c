//! What the echoing examples have in common.

use std::collections::VecDeque;

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};
use ws_framing::{
    Connection,
    connection::{Binary, Closed, Config, Event, Message, SendError},
};
use xmpp_web_driver::{Pump, Runtime, Step};

/// The limits that the Autobahn test suite needs: messages of 16 MiB, and of 65 536 fragments with an empty one behind them. Binary messages are taken, and control
/// frames are not counted.
pub(crate) fn autobahn_profile() -> Config {
    let mut config = Config::default();
    config.message_bytes = 16 * 1024 * 1024;
    config.frame_bytes = config.message_bytes;
    config.fragments = 65_537;
    config.outbox_bytes = 2 * config.message_bytes;
    config.binary = Binary::Accepted;
    config.control_rate = None;
    config
}

/// Sends back every message, and reads no more while the peer does not take them.
pub(crate) async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    connection: Connection,
    stream: S,
    unread: BytesMut,
    runtime: impl Runtime,
) -> Option<Closed> {
    let mut pump = Pump::new(connection, stream, unread, runtime);
    let mut waiting: VecDeque<Message> = VecDeque::new();
    let mut end = None;
    while let Some(step) = pump.next().await {
        let now = pump.now();
        match step {
            Step::Event(Event::Message(message)) => waiting.push_back(message),
            Step::Event(Event::Writable) => pump.machine_mut().release_input(now),
            Step::Event(Event::Closed(closed)) => end = Some(closed),
            Step::Event(Event::Pong(_)) => {}
        }
        while let Some(message) = waiting.pop_front() {
            match pump.machine_mut().send(message, now) {
                Ok(()) => {}
                Err(SendError::Full(message)) => {
                    waiting.push_front(message);
                    pump.machine_mut().hold_input(now);
                    break;
                }
                // Nobody is there to hear it.
                Err(_) => waiting.clear(),
            }
        }
    }
    end
}
