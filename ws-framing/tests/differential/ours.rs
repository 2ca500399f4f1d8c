//! `ws_framing` as the one that reads.

use bytes::BytesMut;
use ws_conformance::Subject;
use ws_framing::{
    Connection, Instant,
    connection::{Action, Binary, Config, Event, Message},
};

use crate::Outcome;

#[expect(
    clippy::disallowed_methods,
    reason = "an epoch has to come from somewhere"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.binary = Binary::Accepted;
    config.message_bytes = 1 << 20;
    config.frame_bytes = 1 << 20;
    config.fragments = usize::MAX;
    config
}

pub(crate) fn connection(subject: Subject, now: Instant) -> Connection {
    match subject {
        Subject::Server => Connection::server(config(), now),
        Subject::Client => Connection::client(config(), [7; 32], now),
    }
}

pub(crate) fn read(subject: Subject, bytes: &[u8]) -> Outcome {
    let now = now();
    let mut connection = connection(subject, now);
    connection.handle_input(&mut BytesMut::from(bytes), now);
    let mut outcome = Outcome::default();
    while let Some(action) = connection.poll_action() {
        if let Action::Deliver(Event::Message(message)) = action {
            let opcode = match message {
                Message::Text(_) => 1,
                Message::Binary(_) => 2,
            };
            outcome.messages.push((opcode, message.as_bytes().clone()));
        }
    }
    outcome.note_output(subject, &output(&mut connection));
    outcome
}

pub(crate) fn output(connection: &mut Connection) -> Vec<u8> {
    let mut output = Vec::new();
    while let Some(transmit) = connection.poll_transmit() {
        output.extend_from_slice(&transmit.head);
        output.extend_from_slice(&transmit.payload);
    }
    output
}
