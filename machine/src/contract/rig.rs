use std::time::Duration;

use bytes::BytesMut;

use crate::{Action, Instant, Machine};

/// A machine in a test: its clock, and the bytes that it has not taken.
///
/// Two rigs are the two ends of a connection: [`carry`](Self::carry) takes what one writes to the
/// other.
#[derive(Debug)]
pub struct Rig<M> {
    /// The machine that is held.
    pub machine: M,
    /// Bytes that came and were not taken.
    pub input: BytesMut,
    /// The current time of the rig's clock.
    pub now: Instant,
}

impl<M: Machine> Rig<M> {
    /// A machine that is made at the rig's first instant.
    #[expect(clippy::disallowed_methods, reason = "any instant does to begin with")]
    pub fn new(make: impl FnOnce(Instant) -> M) -> Self {
        let now = Instant::now();
        Self {
            machine: make(now),
            input: BytesMut::new(),
            now,
        }
    }

    /// Gives the machine bytes to read.
    pub fn receive(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.input.extend_from_slice(bytes.as_ref());
        self.offer()
    }

    /// What was left is offered again, where the machine wants input.
    pub fn offer(&mut self) -> &mut Self {
        if self.machine.wants_input() && !self.input.is_empty() {
            self.machine.handle_input(&mut self.input, self.now);
        }
        self
    }

    /// The peer ends its direction.
    pub fn end(&mut self) {
        self.machine.handle_eof(self.now);
    }

    /// The stream fails.
    pub fn reset(&mut self) {
        self.machine.handle_reset(self.now);
    }

    /// Time goes by, and deadlines that passed are noticed at its end.
    pub fn wait(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.machine.handle_timeout(self.now);
        self
    }

    /// Goes to the next deadline, if there is one.
    pub fn expire(&mut self) -> &mut Self {
        if let Some(at) = self.machine.poll_timeout() {
            self.now = self.now.max(at);
            self.machine.handle_timeout(self.now);
        }
        self
    }

    /// What it asks for.
    pub fn actions(&mut self) -> Vec<Action<M::Event, M::Handover>> {
        std::iter::from_fn(|| self.machine.poll_action()).collect()
    }

    /// All that it would write.
    pub fn output(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(transmit) = self.machine.poll_transmit() {
            bytes.extend_from_slice(&transmit.head);
            bytes.extend_from_slice(&transmit.payload);
        }
        bytes
    }

    /// Takes what it writes to the other end, at the other end's time, and says how much that was.
    pub fn carry<N: Machine>(&mut self, to: &mut Rig<N>) -> usize {
        let bytes = self.output();
        to.receive(&bytes);
        bytes.len()
    }
}
