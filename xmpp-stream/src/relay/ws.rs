//! The relay's web side as an RFC 7395 session: conditions and close codes are decided here, once.
//!
//! ```
//! use std::time::Instant;
//! use ws_framing::xmpp;
//! use xmpp_stream::relay::{WebAction, WebClose, ws};
//!
//! /// What the relay orders is tried until it succeeds; the order comes back where the outbox is full.
//! fn carry_out(session: &mut xmpp::server::Session, order: WebAction, now: Instant) -> Option<WebAction> {
//!     ws::apply(session, order, now).err()
//! }
//! ```

use ws_framing::{
    CloseCode,
    connection::SendError,
    xmpp::{Event, server::Session},
};
use xmpp_wire::StreamError;

use super::{WebAction, WebClose, WebClosed, WebEvent};
use crate::Instant;

/// What a session's event means to the relay; `None` where it means nothing to it (the first `Opened`, `Writable`).
pub fn event(event: Event) -> Option<WebEvent> {
    match event {
        Event::Opened { restart: false, .. } | Event::Writable => None,
        Event::Opened {
            header,
            restart: true,
        } => Some(WebEvent::Restarted(header)),
        Event::Element(element) => Some(WebEvent::Element(element)),
        Event::Closing => Some(WebEvent::Closing),
        Event::Closed(closed) => Some(WebEvent::Closed(WebClosed {
            clean: closed.stream_closed,
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
pub fn apply(session: &mut Session, action: WebAction, now: Instant) -> Result<(), WebAction> {
    match action {
        WebAction::Open(header) => {
            if let Err(SendError::Full(header)) = session.open(header, now) {
                return Err(WebAction::Open(header));
            }
        }
        WebAction::Element(element) => {
            if let Err(SendError::Full(element)) = session.send(element, now) {
                return Err(WebAction::Element(element));
            }
        }
        WebAction::Resumable(resumable) => session.set_resumable(resumable),
        WebAction::Server(_) => {}
        WebAction::Hold => session.hold_input(now),
        WebAction::Release => session.release_input(now),
        WebAction::Close(close) => self::close(session, close, now)?,
    }
    Ok(())
}

/// The gateway is going down (W-R-473): a session that can be resumed is only disconnected, any other one is told.
pub fn shutdown(session: &mut Session, resumable: bool, now: Instant) {
    if resumable {
        session.disconnect(CloseCode::GOING_AWAY, now);
    } else {
        session.fail(
            StreamError::new("system-shutdown"),
            CloseCode::GOING_AWAY,
            now,
        );
    }
}

/// Refuses the stream that the client wants to open, with this error.
pub fn refuse(session: &mut Session, error: StreamError, now: Instant) {
    let code = match error.condition.as_str() {
        "system-shutdown" => CloseCode::GOING_AWAY,
        "internal-server-error" => CloseCode::INTERNAL_ERROR,
        _ => CloseCode::NORMAL,
    };
    session.fail(error, code, now);
}

/// W-R-343: 1000 where the WebSocket did its work, 1011 where the fault is behind us.
#[expect(
    clippy::result_large_err,
    reason = "the order comes back as it was given; a box would cost every order"
)]
fn close(session: &mut Session, close: WebClose, now: Instant) -> Result<(), WebAction> {
    match close {
        WebClose::Clean => session.close(now),
        WebClose::StreamError(element) => match session.send(element, now) {
            Ok(()) => session.close(now),
            Err(SendError::Full(element)) => {
                return Err(WebAction::Close(WebClose::StreamError(element)));
            }
            // The stream is not open yet: the session opens it for the error.
            Err(SendError::Closed(element)) => {
                session.fail(StreamError::from_element(&element), CloseCode::NORMAL, now);
            }
            Err(_) => session.close(now),
        },
        WebClose::Fault(error) | WebClose::Refused(error) => {
            session.fail(error, CloseCode::NORMAL, now);
        }
        WebClose::Unreachable(error) | WebClose::Internal(error) => {
            session.fail(error, CloseCode::INTERNAL_ERROR, now);
        }
        WebClose::Lost => session.disconnect(CloseCode::INTERNAL_ERROR, now),
    }
    Ok(())
}
