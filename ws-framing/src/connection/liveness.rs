//! Pings of our own, and what their silence means (W-R-366).

use std::time::Duration;

use xmpp_machine::Moment;

use super::Config;

/// Whether the peer is known to be there.
#[derive(Debug)]
pub(super) struct Liveness {
    interval: Option<Duration>,
    timeout: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No pings, or the connection is closing.
    Off,
    /// Something came lately.
    Heard { ping_at: Moment },
    /// A ping is out.
    Asked { deadline: Moment },
    /// Nothing is read: silence means nothing. As `Heard` ..
    HeldHeard,
    /// Input is held, and a ping was sent that is not answered.
    HeldAsked,
}

/// What has become due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// A ping is to be sent.
    Ping,
    /// Nothing came in time.
    Silent,
}

impl Liveness {
    pub(super) fn new(config: &Config, now: Moment) -> Self {
        let mut liveness = Self {
            interval: config.ping_interval,
            timeout: config.pong_timeout,
            state: State::Off,
        };
        liveness.note_input(now);
        liveness
    }

    /// Any bytes came.
    pub(super) fn note_input(&mut self, now: Moment) {
        self.state = self.interval.map_or(State::Off, |interval| State::Heard {
            ping_at: now + interval,
        });
    }

    pub(super) fn stop(&mut self) {
        self.interval = None;
        self.state = State::Off;
    }

    pub(super) fn hold(&mut self) {
        self.state = match self.state {
            State::Heard { .. } | State::HeldHeard => State::HeldHeard,
            State::Asked { .. } | State::HeldAsked => State::HeldAsked,
            State::Off => State::Off,
        };
    }

    pub(super) fn release(&mut self, now: Moment) {
        match self.state {
            State::HeldHeard => self.note_input(now),
            State::HeldAsked => {
                self.state = State::Asked {
                    deadline: now + self.timeout,
                };
            }
            State::Off | State::Heard { .. } | State::Asked { .. } => {}
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        match self.state {
            State::Heard { ping_at: at } | State::Asked { deadline: at } => Some(at),
            State::Off | State::HeldHeard | State::HeldAsked => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Moment) -> Due {
        match self.state {
            State::Heard { ping_at } if now >= ping_at => {
                self.state = State::Asked {
                    deadline: now + self.timeout,
                };
                Due::Ping
            }
            State::Asked { deadline } if now >= deadline => {
                self.stop();
                Due::Silent
            }
            State::Off
            | State::Heard { .. }
            | State::Asked { .. }
            | State::HeldHeard
            | State::HeldAsked => Due::Nothing,
        }
    }
}
