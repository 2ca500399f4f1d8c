//! The relay's web side as a BOSH session: conditions are decided here, once.

use bosh_proto::server::{Event, Manager, SessionKey};

use super::{WebAction, WebEvent};
use crate::Instant;

/// What a session's event means to the relay; `None` where it means nothing to it (`Opening`, `Paused`, `Writable`).
pub fn event(_event: Event) -> Option<WebEvent> {
    todo!()
}

/// Carries out an order on the session. A full outbox gives the order back: apply it again after `Event::Writable`.
pub fn apply(
    _manager: &mut Manager,
    _session: SessionKey,
    _action: WebAction,
    _now: Instant,
) -> Result<(), WebAction> {
    todo!()
}

/// The condition for a session that is refused with this stream error.
pub fn refusal(_error: &xmpp_wire::StreamError) -> bosh_proto::Condition {
    todo!()
}
