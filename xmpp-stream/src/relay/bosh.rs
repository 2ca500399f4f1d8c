//! The relay's web side as a BOSH session: conditions are decided here, once.
//!
//! ```
//! use std::time::Instant;
//! use bosh_proto::server::{Manager, SessionKey};
//! use xmpp_stream::relay::{WebAction, bosh};
//!
//! /// What the relay orders is tried until it succeeds; the order comes back where the outbox is full.
//! fn carry_out(manager: &mut Manager, session: SessionKey, order: WebAction, now: Instant) -> Option<WebAction> {
//!     bosh::apply(manager, session, order, now).err()
//! }
//! ```

use bosh_proto::{
    Condition,
    server::{Accept, Cause, Event, Manager, SendError, SessionKey},
};

use xmpp_wire::StreamError;

use super::{WebAction, WebClose, WebClosed, WebEvent};
use crate::Instant;

/// What a session's event means to the relay; `None` where it means nothing to it (`Opening`, `Paused`, `Writable`).
pub fn event(event: Event) -> Option<WebEvent> {
    match event {
        Event::Opening(_) | Event::Paused(_) | Event::Writable => None,
        Event::Element(element) => Some(WebEvent::Element(element)),
        Event::Restarted(header) => Some(WebEvent::Restarted(header)),
        Event::Closed(closed) => Some(WebEvent::Closed(WebClosed {
            // B-X-032: only terminate ends the stream; a client that fell silent or broke a rule may resume.
            clean: closed.cause == Cause::Terminated,
            undelivered: closed.undelivered,
        })),
    }
}

/// Carries out an order on the session.
///
/// # Errors
///
/// A full outbox gives the order back: apply it again after `Event::Writable`. Orders for a session that is over are dropped.
#[expect(
    clippy::result_large_err,
    reason = "the order comes back as it was given; a box would cost every order"
)]
pub fn apply(
    manager: &mut Manager,
    session: SessionKey,
    action: WebAction,
    now: Instant,
) -> Result<(), WebAction> {
    match action {
        WebAction::Open(header) => manager.accept(session, Accept { header }, now),
        WebAction::Element(element) => {
            if let Err(SendError::Full(element)) = manager.send(session, element, now) {
                return Err(WebAction::Element(element));
            }
        }
        // A BOSH session ends without XML towards the server anyway; the relay knows the rest.
        WebAction::Resumable(_) | WebAction::Server(_) => {}
        WebAction::Hold => manager.hold_input(session, now),
        WebAction::Release => manager.release_input(session, now),
        WebAction::Close(WebClose::StreamError(error)) => {
            let condition = Some(Condition::RemoteStreamError);
            manager.close(session, condition, Some(error), now);
        }
        WebAction::Close(close) => manager.close(session, condition(&close), None, now),
    }
    Ok(())
}

/// B-R-139's table.
fn condition(close: &WebClose) -> Option<Condition> {
    match close {
        WebClose::Clean => None,
        WebClose::StreamError(_) => Some(Condition::RemoteStreamError),
        WebClose::Unreachable(_) | WebClose::Lost => Some(Condition::RemoteConnectionFailed),
        WebClose::Fault(error) => Some(match error.condition.as_str() {
            "policy-violation" | "not-authorized" => Condition::PolicyViolation,
            _ => Condition::BadRequest,
        }),
        WebClose::Refused(_) => Some(Condition::UndefinedCondition),
        WebClose::Internal(_) => Some(Condition::InternalServerError),
    }
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
