use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ws_framing::{
    CloseCode, Connection, Instant,
    connection::{Action, Binary, Compression, Config, Event, Message, SendError},
    deflate::{self, Takeover},
};

use crate::ws_frame::now;

/// Bytes of the messages in waiting above which `send` refuses.
const OUTBOX_BYTES: usize = 400;

/// Calls a connection's verbs in the order that `data` gives: after a byte that sets it up, one byte is one call.
///
/// # Panics
///
/// Where the contract of the machines is broken: two ends, an order behind the last, a deadline that makes no progress, a refusal that
/// keeps what it was given, a second run that differs.
pub fn ws_connection(data: &[u8]) {
    let Some((&setup, calls)) = data.split_first() else {
        return;
    };
    let epoch = now();
    let first = Run::new(setup, epoch).all(calls);
    assert_eq!(Run::new(setup, epoch).all(calls), first, "the same again");
}

struct Run {
    connection: Connection,
    now: Instant,
    input: BytesMut,
    /// What was told and written, in order.
    record: Vec<String>,
    closed: bool,
    /// `Close` was ordered.
    closing: bool,
    over: bool,
    /// How often `send` has refused more than `Writable` was told.
    owed: u32,
    written: usize,
}

impl Run {
    fn new(setup: u8, now: Instant) -> Self {
        let mut config = Config::default();
        config.message_bytes = 300;
        config.frame_bytes = 300;
        config.fragments = 6;
        config.outbox_bytes = OUTBOX_BYTES;
        config.binary = Binary::Accepted;
        if setup & 2 != 0 {
            config.fragment_bytes = Some(usize::from(setup >> 4) * 8 + 1);
        }
        let mut connection = if setup & 1 == 0 {
            Connection::server(config, now)
        } else {
            Connection::client(config, [7; 32], now)
        };
        if setup & 4 != 0 {
            let mut deflate = deflate::Config::default();
            deflate.threshold_bytes = 0;
            if setup & 8 != 0 {
                (deflate.our_takeover, deflate.their_takeover) = (Takeover::Keep, Takeover::Keep);
            }
            let offer = deflate::offer(&deflate);
            let accepted = deflate::accept([offer.as_bytes()], &deflate);
            let accepted = accepted.expect("well-formed").expect("an offer of ours");
            connection = connection.with_deflate(accepted.agreed);
        }
        Self {
            connection,
            now,
            input: BytesMut::new(),
            record: Vec::new(),
            closed: false,
            closing: false,
            over: false,
            owed: 0,
            written: 0,
        }
    }

    fn all(mut self, mut calls: &[u8]) -> Vec<String> {
        while let [call, rest @ ..] = calls {
            calls = rest;
            let size = usize::from(call >> 4);
            match call & 0x0f {
                0 | 1 => {
                    let (piece, rest) = calls.split_at(calls.len().min(size * 3));
                    calls = rest;
                    self.input.extend_from_slice(piece);
                    self.connection.handle_input(&mut self.input, self.now);
                }
                2 => self.send(Message::from("é".repeat(size * 12))),
                3 => self.send(Message::Binary(vec![call & 0xf0; size * 25].into())),
                4 => self.ping(size),
                5 => self.connection.close(CloseCode::NORMAL, "bye", self.now),
                6 => self.connection.hold_input(self.now),
                7 => self.connection.release_input(self.now),
                8 => self.pass(Duration::from_secs(size as u64)),
                9 => self.expire(),
                10 => self.connection.handle_eof(self.now),
                11 => self.transmit(),
                12 => self.drain(),
                13 => self.connection.set_compression(if size & 1 == 0 {
                    Compression::Allowed
                } else {
                    Compression::Withheld
                }),
                14 => self.connection.set_message_bytes(size * 20),
                // Time that goes backwards is clamped.
                _ => self
                    .connection
                    .handle_timeout(self.now - Duration::from_millis(size as u64)),
            }
        }
        self.end();
        self.record
    }

    fn send(&mut self, message: Message) {
        let given = message.clone();
        match self.connection.send(message, self.now) {
            Ok(()) => {}
            Err(refused) => {
                self.owed += u32::from(matches!(refused, SendError::Full(_)));
                assert_eq!(refused.into_inner(), given, "it comes back");
            }
        }
    }

    fn ping(&mut self, size: usize) {
        let payload = Bytes::from(vec![b'p'; size * 9]);
        match self.connection.ping(payload.clone(), self.now) {
            Ok(()) => assert!(payload.len() <= 125),
            Err(refused) => assert_eq!(refused.into_inner(), payload),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.connection.handle_timeout(self.now);
    }

    /// The deadline passes, and the next is later or absent.
    fn expire(&mut self) {
        let Some(deadline) = self.connection.poll_timeout() else {
            return;
        };
        self.now = self.now.max(deadline);
        self.connection.handle_timeout(self.now);
        let next = self.connection.poll_timeout();
        assert!(next.is_none_or(|next| next > deadline), "no progress");
    }

    fn transmit(&mut self) {
        if let Some(transmit) = self.connection.poll_transmit() {
            assert!(!transmit.head.is_empty());
            assert!(!self.over, "bytes behind the end");
            self.written += transmit.head.len() + transmit.payload.len();
            self.record.push(format!("{transmit:?}"));
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.connection.poll_action() {
            assert!(!self.over, "an order behind the last: {action:?}");
            match &action {
                Action::Deliver(Event::Closed(_)) => {
                    assert!(!self.closed, "a second end");
                    self.closed = true;
                }
                Action::Deliver(Event::Writable) => {
                    let owed = self.owed.checked_sub(1);
                    self.owed = owed.expect("nothing was refused");
                }
                Action::Deliver(_) => assert!(!self.closed, "told behind the end"),
                Action::Handover(never) => match *never {},
                Action::Close => {
                    assert!(self.closed && !self.closing);
                    self.closing = true;
                }
                Action::Abort => {
                    assert!(self.closed);
                    self.over = true;
                }
            }
            self.record.push(format!("{action:?}"));
        }
    }

    /// The transport ends; then everything does, in bounded time.
    fn end(&mut self) {
        self.connection.release_input(self.now);
        self.connection.handle_eof(self.now);
        for _ in 0..64 {
            self.drain();
            self.transmit();
            self.expire();
        }
        self.drain();
        assert!(self.closed, "no end");
        assert!(self.closing || self.over, "no last order");
        assert_eq!(self.connection.poll_timeout(), None);
        assert_eq!(self.connection.poll_transmit(), None);
        assert_eq!(self.connection.poll_action(), None);
        assert!(!self.connection.wants_input());
        let late = self.connection.send(Message::from("late"), self.now);
        assert!(matches!(late, Err(SendError::Closed(_))), "{late:?}");
    }
}
