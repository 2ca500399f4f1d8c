//! A connection as what carries a session's messages.

use std::collections::VecDeque;

use bytes::Bytes;
use xmpp_machine::{Clock, Moment, SendError};

use super::{
    Action, Cause, Compression, Connection, Event, KEPT_SLOTS, State, closed_without_frame,
    liveness::Due,
};
use crate::{
    CloseCode, Reason,
    frame::{CloseFrame, Opcode},
    websocket::{Carry, WebSocket},
};

impl WebSocket for Connection {}

impl Carry for Connection {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn clock_mut(&mut self) -> &mut Clock {
        &mut self.clock
    }

    fn send_text(&mut self, text: Bytes) -> Result<(), SendError<Bytes>> {
        self.queue_message(Opcode::Text, text)
    }

    fn send_last(&mut self, text: Bytes) {
        if self.outbox.is_open() {
            self.outbox.message(Opcode::Text, text);
        }
    }

    fn start_closing(
        &mut self,
        cause: Cause,
        reason: Option<Reason>,
        code: CloseCode,
        now: Moment,
    ) {
        self.queue_close(cause, reason, CloseFrame::new(code, ""), now);
    }

    fn drop_transport(&mut self, cause: Cause, reason: Option<Reason>, diagnostic: &'static str) {
        match self.state {
            State::Open | State::Closing { .. } | State::AwaitingEof { .. } => {
                self.end_at_once(closed_without_frame(cause, reason, diagnostic));
            }
            State::Flushing { .. } | State::Over => {}
        }
    }

    fn next_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if matches!(action, Some(Action::Deliver(Event::Closed(_)))) {
            self.sealed = true;
        }
        if action.is_none() && self.actions.capacity() > KEPT_SLOTS {
            self.actions = VecDeque::new();
        }
        action
    }

    fn caught_up(&mut self) {
        self.ahead = 0;
    }

    fn set_message_bytes(&mut self, bytes: usize) {
        self.set_message_bytes(bytes);
    }

    fn set_compression(&mut self, compression: Compression) {
        self.set_compression(compression);
    }

    fn hold(&mut self) {
        self.held = true;
        self.liveness.hold();
    }

    fn release(&mut self, now: Moment) {
        self.held = false;
        self.liveness.release(now);
    }

    fn handle_deadline(&mut self, now: Moment) -> Option<Reason> {
        match &self.state {
            State::Open => match self.liveness.handle_timeout(now) {
                Due::Nothing => {}
                Due::Ping => {
                    // Where the queue of pings is full, one is on its way anyhow.
                    self.outbox.ping(b"");
                }
                Due::Silent => return Some(Reason::PongTimeout),
            },
            State::Closing {
                deadline,
                cause,
                reason,
            } if now >= *deadline => {
                let closed = closed_without_frame(
                    *cause,
                    reason.or(Some(Reason::CloseTimeout)),
                    Reason::CloseTimeout.close_text(),
                );
                if self.outbox.is_empty() {
                    self.end_and_flush(closed, now);
                } else {
                    self.end_at_once(closed);
                }
            }
            State::AwaitingEof { deadline, closed } if now >= *deadline => {
                let closed = closed.clone();
                self.end_and_flush(closed, now);
            }
            State::Flushing { deadline } if now >= *deadline => {
                self.outbox.clear();
                self.actions.push_back(Action::Abort);
                self.state = State::Over;
            }
            State::Closing { .. }
            | State::AwaitingEof { .. }
            | State::Flushing { .. }
            | State::Over => {}
        }
        None
    }

    fn next_deadline(&self) -> Option<Moment> {
        match self.state {
            State::Open => self.liveness.deadline(),
            State::Closing { deadline, .. }
            | State::AwaitingEof { deadline, .. }
            | State::Flushing { deadline } => Some(deadline),
            State::Over => None,
        }
    }

    fn wants_input(&self) -> bool {
        self.wants_input()
    }

    fn take_unsent(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.unsent)
    }
}
