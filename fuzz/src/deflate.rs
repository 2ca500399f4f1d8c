use bytes::BytesMut;
use ws_framing::{
    Connection, Instant,
    connection::{Action, Binary, Config, Event, Message},
    deflate::{self, Agreed, Takeover},
};

use crate::ws_frame::now;

const MESSAGE_BYTES: usize = 4_096;

/// Inflates `data` as compressed messages, and compresses it; its first bytes choose what was agreed and the chunks.
///
/// # Panics
///
/// Where chunks can be told apart, a message is larger than allowed, or what was compressed is not read back.
pub fn deflate(data: &[u8]) {
    let [setup, step, data @ ..] = data else {
        return;
    };
    let now = now();
    let agreed = agreed(*setup);
    let step = usize::from(*step).max(1);
    let frames = frames(data, step);
    let whole = read(agreed, &frames, frames.len().max(1), now);
    assert_eq!(read(agreed, &frames, 1, now), whole, "byte by byte");
    assert_eq!(
        read(agreed, &frames, step, now),
        whole,
        "{step} bytes at a time"
    );
    for action in &whole {
        if let Action::Deliver(Event::Message(message)) = action {
            assert!(message.as_bytes().len() <= MESSAGE_BYTES);
        }
    }
    round_trip(agreed, data, step, now);
}

fn agreed(setup: u8) -> Agreed {
    let takeover = |bit| {
        if setup & bit == 0 {
            Takeover::Reset
        } else {
            Takeover::Keep
        }
    };
    let mut config = deflate::Config::default();
    config.our_takeover = takeover(1);
    config.their_takeover = takeover(2);
    config.our_window_bits = 9 + (setup >> 2 & 7);
    config.their_window_bits = 9 + (setup >> 5);
    config.threshold_bytes = 0;
    config.level = if setup & 4 == 0 { 1 } else { 6 };
    let offer = deflate::offer(&config);
    let accepted = deflate::accept([offer.as_bytes()], &config);
    let accepted = accepted.expect("well-formed").expect("an offer of ours");
    deflate::confirm([accepted.response.as_bytes()], &config)
        .expect("an answer")
        .expect("the extension")
}

/// Compressed messages of two fragments each, masked with zeros.
fn frames(data: &[u8], step: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for message in data.chunks(step * 7 + 1) {
        let (front, back) = message.split_at(message.len() / 2);
        for (first, part) in [(0x42, front), (0x80, back)] {
            let [high, low] = u16::try_from(part.len())
                .expect("a short part")
                .to_be_bytes();
            frames.push(first);
            if part.len() < 126 {
                frames.push(0x80 | low);
            } else {
                frames.extend_from_slice(&[0x80 | 126, high, low]);
            }
            frames.extend_from_slice(&[0; 4]);
            frames.extend_from_slice(part);
        }
    }
    frames
}

fn config() -> Config {
    let mut config = Config::default();
    config.message_bytes = MESSAGE_BYTES;
    config.frame_bytes = MESSAGE_BYTES;
    config.binary = Binary::Accepted;
    config.outbox_bytes = usize::MAX;
    config
}

fn read(agreed: Agreed, bytes: &[u8], step: usize, now: Instant) -> Vec<Action> {
    let mut connection = Connection::server(config(), now).with_deflate(agreed);
    let mut input = BytesMut::new();
    for piece in bytes.chunks(step) {
        input.extend_from_slice(piece);
        connection.handle_input(&mut input, now);
    }
    std::iter::from_fn(|| connection.poll_action()).collect()
}

fn round_trip(agreed: Agreed, data: &[u8], step: usize, now: Instant) {
    let server = Connection::server(config(), now).with_deflate(agreed);
    let client = Connection::client(config(), [7; 32], now).with_deflate(agreed);
    for (mut from, mut to) in [(server, client), {
        let server = Connection::server(config(), now).with_deflate(agreed);
        let client = Connection::client(config(), [7; 32], now).with_deflate(agreed);
        (client, server)
    }] {
        let mut wire = BytesMut::new();
        for message in data.chunks((step * 16).min(MESSAGE_BYTES)) {
            let message = Message::Binary(message.to_vec().into());
            from.send(message, now).expect("room");
        }
        while let Some(transmit) = from.poll_transmit() {
            wire.extend_from_slice(&transmit.head);
            wire.extend_from_slice(&transmit.payload);
        }
        let mut came = Vec::new();
        // Inflated messages wait to be taken before more are.
        while !wire.is_empty() {
            to.handle_input(&mut wire, now);
            let actions = std::iter::from_fn(|| to.poll_action());
            came.extend(actions.flat_map(|action| match action {
                Action::Deliver(Event::Message(message)) => message.as_bytes().to_vec(),
                Action::Deliver(_) | Action::Close | Action::Abort => panic!("no message"),
            }));
        }
        assert_eq!(came, data);
    }
}
