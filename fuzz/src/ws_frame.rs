use bytes::BytesMut;
use ws_framing::{
    Connection, Instant,
    connection::{Action, Binary, Config, Event},
};

/// Bytes of a message that is taken.
const MESSAGE_BYTES: usize = 300;
/// The longest header of a frame.
const HEADER_BYTES: usize = 14;

/// Feeds `data` to both ends of a WebSocket, as frames (its first byte chooses the chunks).
///
/// # Panics
///
/// Where chunks can be told apart, a limit does not hold, something comes behind the end, or the answer is no frame of that end.
pub fn ws_frame(data: &[u8]) {
    let Some((&step, bytes)) = data.split_first() else {
        return;
    };
    let now = now();
    for end in [End::Server, End::Client] {
        let whole = run(end, bytes, bytes.len().max(1), now);
        assert_eq!(run(end, bytes, 1, now), whole, "byte by byte");
        let step = usize::from(step).max(1);
        assert_eq!(run(end, bytes, step, now), whole, "{step} bytes at a time");
    }
}

#[derive(Clone, Copy, Debug)]
enum End {
    Server,
    Client,
}

pub(crate) fn now() -> Instant {
    Instant::now()
}

fn run(end: End, bytes: &[u8], step: usize, now: Instant) -> (Vec<Action>, Vec<u8>) {
    let mut config = Config::default();
    config.message_bytes = MESSAGE_BYTES;
    config.frame_bytes = MESSAGE_BYTES - 50;
    config.fragments = 4;
    config.binary = Binary::Accepted;
    let mut connection = match end {
        End::Server => Connection::server(config, now),
        End::Client => Connection::client(config, [7; 32], now),
    };
    let mut input = BytesMut::new();
    let mut actions = Vec::new();
    for piece in bytes.chunks(step) {
        input.extend_from_slice(piece);
        connection.handle_input(&mut input, now);
        assert!(
            input.len() < MESSAGE_BYTES + HEADER_BYTES,
            "{} bytes wait",
            input.len()
        );
        while let Some(action) = connection.poll_action() {
            actions.push(action);
        }
    }
    check(&actions);
    let mut output = Vec::new();
    while let Some(transmit) = connection.poll_transmit() {
        output.extend_from_slice(&transmit.head);
        output.extend_from_slice(&transmit.payload);
    }
    check_frames(end, &output);
    (actions, output)
}

/// Messages within their limit, text that is UTF-8, and nothing behind the end.
fn check(actions: &[Action]) {
    let mut over = false;
    for action in actions {
        match action {
            Action::Deliver(Event::Message(message)) => {
                assert!(!over, "a message behind the end");
                assert!(message.as_bytes().len() <= MESSAGE_BYTES);
                if let ws_framing::connection::Message::Text(text) = message {
                    assert!(std::str::from_utf8(text.as_bytes()).is_ok());
                }
            }
            Action::Deliver(Event::Closed(_)) => {
                assert!(!over, "two ends");
                over = true;
            }
            Action::Deliver(Event::Pong(_) | Event::Writable) => panic!("nobody asked"),
            Action::Handover(never) => match *never {},
            Action::Close | Action::Abort => assert!(over, "an order before the end"),
        }
    }
}

/// Pongs and one Close at most, the last; masked where a client sends them.
fn check_frames(end: End, mut bytes: &[u8]) {
    let mut closed = false;
    while let [first, second, rest @ ..] = bytes {
        assert!(!closed, "a frame behind Close");
        assert!(matches!(first, 0x8a | 0x88), "{first:#x}");
        closed = *first == 0x88;
        let (masked, length) = (second & 0x80 != 0, usize::from(second & 0x7f));
        assert_eq!(masked, matches!(end, End::Client));
        assert!(length <= 125);
        let length = length + if masked { 4 } else { 0 };
        bytes = rest.get(length..).expect("a whole frame");
    }
    assert!(bytes.is_empty());
}
