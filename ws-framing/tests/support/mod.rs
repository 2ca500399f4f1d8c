//! Frames by hand, and what a machine did with them.

pub(crate) mod stream;

use std::{convert::Infallible, time::Duration};

use bytes::{Bytes, BytesMut};
use ws_framing::{
    Connection, Instant,
    connection::{self, Action, Closed, Event, Message},
};
use xmpp_machine::Machine;

/// The mask of the examples.
pub(crate) const KEY: [u8; 4] = [0xa1, 0xb2, 0xc3, 0xd4];

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Bytes from their hexadecimal digits.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// A frame with its first byte as given; masked, as a client's.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = unmasked(first, payload);
    bytes[1] |= 0x80;
    let header = bytes.len() - payload.len();
    bytes.splice(header..header, KEY);
    for (at, byte) in bytes[header + 4..].iter_mut().enumerate() {
        *byte ^= KEY[at % 4];
    }
    bytes
}

/// A frame with its first byte as given; not masked, as a server's.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(u8::try_from(short).unwrap()),
        medium @ 126..=65_535 => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A whole text message of a client.
pub(crate) fn text(message: &str) -> Vec<u8> {
    masked(0x81, message.as_bytes())
}

/// A Close frame of a client.
pub(crate) fn close(code: u16) -> Vec<u8> {
    masked(0x88, &code.to_be_bytes())
}

/// A machine, the buffer that its driver keeps, and a clock.
pub(crate) struct Rig<M> {
    pub(crate) machine: M,
    pub(crate) buffer: BytesMut,
    pub(crate) now: Instant,
}

impl<M: Machine<Handover = Infallible>> Rig<M> {
    #[expect(
        clippy::disallowed_methods,
        reason = "an epoch has to come from somewhere"
    )]
    pub(crate) fn new(machine: impl FnOnce(Instant) -> M) -> Self {
        let now = Instant::now();
        Self {
            machine: machine(now),
            buffer: BytesMut::new(),
            now,
        }
    }

    /// Bytes arrive.
    pub(crate) fn feed(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.buffer.extend_from_slice(bytes.as_ref());
        self.machine.handle_input(&mut self.buffer, self.now);
        self
    }

    /// Jumps to the next deadline.
    pub(crate) fn expire(&mut self) -> &mut Self {
        self.now = self.machine.poll_timeout().unwrap();
        self.machine.handle_timeout(self.now);
        self
    }

    pub(crate) fn actions(&mut self) -> Vec<Action<M::Event>> {
        std::iter::from_fn(|| self.machine.poll_action()).collect()
    }

    /// Everything that it would write.
    pub(crate) fn output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(transmit) = self.machine.poll_transmit() {
            bytes.extend_from_slice(&transmit.head);
            bytes.extend_from_slice(&transmit.payload);
        }
        bytes
    }

    /// Its frames, unmasked: first byte and payload.
    pub(crate) fn frames(&mut self) -> Vec<(u8, Vec<u8>)> {
        let bytes = self.output();
        let mut rest = &bytes[..];
        let mut frames = Vec::new();
        while let [first, second, behind @ ..] = rest {
            let (length, behind) = match second & 0x7f {
                126 => (
                    usize::from(u16::from_be_bytes([behind[0], behind[1]])),
                    &behind[2..],
                ),
                127 => (
                    usize::try_from(u64::from_be_bytes(behind[..8].try_into().unwrap())).unwrap(),
                    &behind[8..],
                ),
                short => (usize::from(short), behind),
            };
            let (key, behind) = if second & 0x80 == 0 {
                ([0; 4], behind)
            } else {
                (behind[..4].try_into().unwrap(), &behind[4..])
            };
            let payload = behind[..length].iter().zip(key.iter().cycle());
            frames.push((*first, payload.map(|(byte, key)| byte ^ key).collect()));
            rest = &behind[length..];
        }
        frames
    }

    /// The same, readable: texts as they are, control frames by name.
    pub(crate) fn transcript(&mut self) -> Vec<String> {
        let name = |(first, payload): (u8, Vec<u8>)| match first {
            0x81 => String::from_utf8(payload).unwrap(),
            0x88 if payload.is_empty() => "Close".to_owned(),
            0x88 => format!("Close {}", u16::from_be_bytes([payload[0], payload[1]])),
            0x89 => format!("Ping {}", String::from_utf8(payload).unwrap()),
            0x8a => format!("Pong {}", String::from_utf8(payload).unwrap()),
            other => panic!("a frame that begins {other:x}"),
        };
        self.frames().into_iter().map(name).collect()
    }
}

impl Rig<Connection> {
    pub(crate) fn server(config: connection::Config) -> Self {
        Self::new(|now| Connection::server(config, now))
    }

    pub(crate) fn client(config: connection::Config) -> Self {
        Self::new(|now| Connection::client(config, [7; 32], now))
    }

    /// The messages that come, and the end if it does.
    pub(crate) fn events(&mut self) -> (Vec<Bytes>, Option<Closed>) {
        let mut messages = Vec::new();
        let mut end = None;
        for action in self.actions() {
            match action {
                Action::Deliver(Event::Message(message)) => {
                    messages.push(message.as_bytes().clone());
                }
                Action::Deliver(Event::Closed(closed)) => assert_eq!(end.replace(closed), None),
                Action::Deliver(Event::Pong(_) | Event::Writable)
                | Action::Close
                | Action::Abort => {}
            }
        }
        (messages, end)
    }

    pub(crate) fn send(&mut self, text: &'static str) {
        self.machine.send(Message::from(text), self.now).unwrap();
    }

    pub(crate) fn wait(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.machine.handle_timeout(self.now);
        self
    }
}
