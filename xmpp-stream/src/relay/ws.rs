//! The relay's web side as an RFC 7395 session: conditions and close codes are decided here, once.

use ws_framing::xmpp::{Event, Session};

use super::{WebAction, WebEvent};
use crate::Instant;

/// What a session's event means to the relay; `None` where it means nothing to it (the first `Opened`, `Writable`).
pub fn event(_event: Event) -> Option<WebEvent> {
    todo!()
}

/// Carries out an order on the session. A full outbox gives the order back: apply it again after `Event::Writable`.
pub fn apply(_session: &mut Session, _action: WebAction, _now: Instant) -> Result<(), WebAction> {
    todo!()
}
