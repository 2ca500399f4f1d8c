//! RFC 7395 sessions in the vocabulary of all sessions: close codes are decided here, once.
//!
//! ```
//! use std::time::Instant;
//! use ws_framing::xmpp;
//! use xmpp_stream::session::{Accepted as _, Order};
//!
//! /// An order is tried until it is carried out; it comes back where there is no room, until `Event::Writable`.
//! fn carry_out(session: &mut xmpp::server::Session, order: Order, now: Instant) -> Option<Order> {
//!     session.apply(order, now).err()
//! }
//! ```

use ws_framing::{
    CloseCode,
    xmpp::{self, Role, client, server},
};
use xmpp_machine::SendError;
use xmpp_wire::{Element, StreamError, StreamHeader};

use super::{Accepted, Closed, Dialled, Ending, Event, Session};
use crate::Instant;

/// What a session's event says in the vocabulary of all sessions.
pub fn event(event: xmpp::Event) -> Event<Box<xmpp::Closed>> {
    match event {
        xmpp::Event::Opened {
            header,
            restart: false,
        } => Event::Opened(header),
        xmpp::Event::Opened { header, .. } => Event::Restarted(header),
        xmpp::Event::Element(element) => Event::Element(element),
        xmpp::Event::Writable => Event::Writable,
        xmpp::Event::Closing => Event::Closing,
        xmpp::Event::Closed(mut closed) => Event::Closed(Closed {
            clean: closed.stream_closed,
            undelivered: std::mem::take(&mut closed.undelivered),
            how: Box::new(closed),
        }),
    }
}

impl<R: Role> Session for xmpp::Session<R> {
    fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>> {
        self.send(element, now)
    }

    fn hold_input(&mut self, now: Instant) {
        self.hold_input(now);
    }

    fn release_input(&mut self, now: Instant) {
        self.release_input(now);
    }

    fn close(&mut self, now: Instant) {
        self.close(now);
    }
}

impl Dialled for client::Session {
    fn abort(&mut self, now: Instant) {
        self.disconnect(CloseCode::GOING_AWAY, now);
    }
}

impl Accepted for server::Session {
    fn open(&mut self, header: StreamHeader, now: Instant) -> Result<(), SendError<StreamHeader>> {
        self.open(header, now)
    }

    fn set_resumable(&mut self, resumable: bool) {
        self.set_resumable(resumable);
    }

    fn fail(&mut self, error: StreamError, now: Instant) {
        let code = match error.condition.as_str() {
            "system-shutdown" => CloseCode::GOING_AWAY,
            "internal-server-error" => CloseCode::INTERNAL_ERROR,
            _ => CloseCode::NORMAL,
        };
        self.fail(error, code, now);
    }

    /// The session opens the stream for the error.
    fn refuse(&mut self, error: StreamError, now: Instant) {
        Accepted::fail(self, error, now);
    }

    /// W-R-343: 1000 where the WebSocket did its work, 1011 where the fault is behind us.
    fn end(&mut self, ending: Ending, now: Instant) -> Result<(), Ending> {
        match ending {
            Ending::Clean => self.close(now),
            Ending::StreamError(element) => match self.send(element, now) {
                Ok(()) => self.close(now),
                Err(SendError::Full(element)) => return Err(Ending::StreamError(element)),
                // The stream is not open yet: the session opens it for the error.
                Err(SendError::Closed(element)) => {
                    self.fail(StreamError::from_element(&element), CloseCode::NORMAL, now);
                }
                Err(_) => self.close(now),
            },
            Ending::Fault(error) | Ending::Refused(error) => {
                self.fail(error, CloseCode::NORMAL, now);
            }
            Ending::Unreachable(error) | Ending::Internal(error) => {
                self.fail(error, CloseCode::INTERNAL_ERROR, now);
            }
            Ending::Lost => self.disconnect(CloseCode::INTERNAL_ERROR, now),
        }
        Ok(())
    }

    fn redirect(&mut self, uri: &str, now: Instant) {
        self.redirect(uri, now);
    }

    fn shut_down(&mut self, resumable: bool, now: Instant) {
        if resumable {
            self.disconnect(CloseCode::GOING_AWAY, now);
        } else {
            Accepted::fail(self, StreamError::new("system-shutdown"), now);
        }
    }
}
