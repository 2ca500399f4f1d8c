//! BOSH sessions, of a connection manager and of a client, in the vocabulary of all sessions: conditions are decided here, once.

use bosh_proto::{
    Condition, client,
    server::{self, Accept, Cause, Manager, SessionKey},
};
use xmpp_machine::SendError;
use xmpp_wire::{Element, StreamError, StreamHeader};

use super::{Accepted, Closed, Dialled, Ending, Event, Session};
use crate::Instant;

/// One of a manager's sessions.
#[derive(Debug)]
pub struct ManagedSession<'a> {
    /// The manager.
    pub manager: &'a mut Manager,
    /// The session's key.
    pub key: SessionKey,
}

/// What a session's event says in the vocabulary of all sessions; `None` where it says nothing there (`Paused`).
pub fn event(event: server::Event) -> Option<Event<server::Closed>> {
    Some(match event {
        server::Event::Opening(opening) => Event::Opened(opening.header),
        server::Event::Paused(_) => return None,
        server::Event::Writable => Event::Writable,
        server::Event::Element(element) => Event::Element(element),
        server::Event::Restarted(header) => Event::Restarted(header),
        server::Event::Closed(mut closed) => Event::Closed(Closed {
            // B-X-032: only terminate ends the stream; a client that fell silent or broke a rule may resume.
            clean: closed.cause == Cause::Terminated,
            undelivered: std::mem::take(&mut closed.undelivered),
            how: closed,
        }),
    })
}

/// The condition for a session that is refused with this stream error: the one of the same name, where BOSH has it.
pub fn refusal(error: &StreamError) -> Condition {
    match error.condition.as_str() {
        "bad-request" | "bad-format" => Condition::BadRequest,
        "host-gone" => Condition::HostGone,
        "host-unknown" => Condition::HostUnknown,
        "improper-addressing" => Condition::ImproperAddressing,
        "internal-server-error" => Condition::InternalServerError,
        "policy-violation" | "not-authorized" | "resource-constraint" => Condition::PolicyViolation,
        "remote-connection-failed" => Condition::RemoteConnectionFailed,
        "system-shutdown" => Condition::SystemShutdown,
        _ => Condition::UndefinedCondition,
    }
}

impl Session for ManagedSession<'_> {
    fn send(&mut self, element: Element, now: Instant) -> Result<(), SendError<Element>> {
        self.manager.send(self.key, element, now)
    }

    fn hold_input(&mut self, now: Instant) {
        self.manager.hold_input(self.key, now);
    }

    fn release_input(&mut self, now: Instant) {
        self.manager.release_input(self.key, now);
    }

    fn close(&mut self, now: Instant) {
        self.manager.close(self.key, None, None, now);
    }
}

impl Accepted for ManagedSession<'_> {
    /// To a restart over BOSH there is no such answer.
    fn open(&mut self, header: StreamHeader, now: Instant) -> Result<(), SendError<StreamHeader>> {
        self.manager.accept(self.key, Accept { header }, now);
        Ok(())
    }

    fn fail(&mut self, error: StreamError, now: Instant) {
        let error = Some(error.to_element());
        self.manager.close(self.key, None, error, now);
    }

    fn refuse(&mut self, error: StreamError, now: Instant) {
        let condition = refusal(&error);
        self.manager.close(self.key, Some(condition), None, now);
    }

    /// B-R-139's table. Nothing here waits for room.
    fn end(&mut self, ending: Ending, now: Instant) -> Result<(), Ending> {
        let condition = match &ending {
            Ending::Clean => None,
            Ending::StreamError(_) => Some(Condition::RemoteStreamError),
            Ending::Unreachable(_) | Ending::Lost => Some(Condition::RemoteConnectionFailed),
            Ending::Fault(error) => Some(match error.condition.as_str() {
                "policy-violation" | "not-authorized" => Condition::PolicyViolation,
                _ => Condition::BadRequest,
            }),
            Ending::Refused(_) => Some(Condition::UndefinedCondition),
            Ending::Internal(_) => Some(Condition::InternalServerError),
        };
        let error = if let Ending::StreamError(error) = ending {
            Some(error)
        } else {
            None
        };
        self.manager.close(self.key, condition, error, now);
        Ok(())
    }

    fn redirect(&mut self, uri: &str, now: Instant) {
        self.manager.redirect(self.key, uri, now);
    }

    /// `Manager::shut_down` tells all its sessions by itself.
    fn shut_down(&mut self, _resumable: bool, _now: Instant) {}
}

/// What a client's session tells, in the vocabulary of all sessions; `None` where it says nothing there.
pub fn client_event(event: client::Event) -> Option<Event<client::Closed>> {
    Some(match event {
        client::Event::Opened(opened) => Event::Opened(StreamHeader {
            from: opened.from,
            ..StreamHeader::default()
        }),
        client::Event::Restarted => Event::Restarted(StreamHeader::default()),
        client::Event::Element(element) => Event::Element(element),
        client::Event::Writable => Event::Writable,
        client::Event::Closed(mut closed) => Event::Closed(Closed {
            clean: closed.cause == client::Cause::Terminated,
            undelivered: std::mem::take(&mut closed.undelivered),
            how: closed,
        }),
        // That the server tells its name late, or another node of its own, changes nothing here.
        client::Event::Host(_) | client::Event::Identified(_) | client::Event::Paused(_) | _ => {
            return None;
        }
    })
}

impl Session for client::Session {
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
        self.abort(now);
    }
}
