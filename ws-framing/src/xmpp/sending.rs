//! What goes out: an element as a message of its own, what our header must have, and what a sent element changes.

use bytes::Bytes;
use xmpp_wire::{Element, StreamError, StreamHeader, ns};

use super::{
    Event, Session, content, framing,
    session::{Auth, Phase},
};
use crate::{Instant, frame::Role};

impl Session {
    /// What a sent element changes.
    pub(super) fn handle_sent(&mut self, element: &Element, now: Instant) {
        let name = element.name();
        match (name.namespace, name.local) {
            (ns::STREAM, "error") => {
                self.fail_sent(StreamError::from_element(element), now);
            }
            _ if self.role == Role::Client => {}
            (ns::STREAM, "features") if matches!(self.phase, Phase::AwaitingFeatures) => {
                self.phase = Phase::Running;
                if let Some(early) = self.early.take() {
                    self.deliver(Event::Element(*early));
                }
            }
            (ns::SASL, "success") if self.auth == Auth::Awaited => {
                self.authenticated();
                if !matches!(self.phase, Phase::CloseReceived { .. }) {
                    self.phase = Phase::AwaitingRestart;
                }
            }
            (ns::SASL2, "success") if self.auth == Auth::Awaited => self.authenticated(),
            _ => {}
        }
        if self.role == Role::Server {
            self.note_bound(element);
        }
    }

    pub(super) fn authenticated(&mut self) {
        self.auth = Auth::Done;
        if self.role == Role::Server {
            self.negotiation = None;
        }
        self.connection
            .set_message_bytes(self.config.connection.message_bytes);
    }

    /// Fills in what our `<open/>` must have (W-R-325).
    pub(super) fn complete(&mut self, header: &mut StreamHeader) {
        let peer = self.asked.as_deref();
        let version = |header: &StreamHeader| header.version.as_deref().and_then(framing::version);
        let ours = version(header).unwrap_or((1, 0)).min((1, 0));
        let (major, minor) = peer.and_then(version).unwrap_or(ours).min(ours);
        header.version = Some(format!("{major}.{minor}"));
        if header.to.is_none() {
            header.to = peer.and_then(|peer| peer.from.clone());
        }
        header.lang.get_or_insert_with(|| self.config.lang.clone());
        header.id.get_or_insert_with(|| self.ids.next());
    }
}

/// An element as a message of its own. Language is inherited by what carries human text (W-R-407); STARTTLS is not offered here (W-R-368).
pub(super) fn document(element: &Element) -> Bytes {
    let name = element.name();
    let alone = match (name.namespace, name.local) {
        (ns::STREAM, "features") => content::without_starttls(element).with_stream_prefix(),
        (ns::STREAM, "error") => element.standalone_with_lang().with_stream_prefix(),
        (ns::STREAM, _) => element.with_stream_prefix(),
        _ if element.is_stanza() => element.standalone_with_lang(),
        _ => element.standalone(),
    };
    alone.raw().clone()
}
