//! The client's part: it opens, restarts after a success of SASL, and reads what a server says (RFC 7395 §3.4, §3.7).

use xmpp_wire::{Element, StreamHeader, ns};

use super::{
    Channel, Event, SeeOther, Session, content,
    fault::Fault,
    framing,
    receive::speaks_1_0,
    session::{Auth, Phase},
};
use crate::{Instant, connection::SendError, frame::Role};

impl Session {
    /// A client's new `<open/>` after a success of RFC 6120's SASL, with the header of `open`: nobody sends `<close/>` (RFC 7395 §3.7). SASL2 has no
    /// restart. RFC 6120 §6.4.6 leaves no choice and no time for anything in between.
    fn restart(&mut self, now: Instant) {
        if let Some(header) = self.asked.take() {
            self.send_open(&header, now);
            self.asked = Some(header);
            self.phase = Phase::OpenSent { restart: true };
        }
    }

    /// Whether the stream restarts, or its new features have not come: what is sent waits for them, as over BOSH (B-X-020).
    pub(super) fn is_restarting(&self) -> bool {
        self.role == Role::Client
            && match self.phase {
                Phase::OpenSent { restart } => restart,
                Phase::AwaitingFeatures => self.auth == Auth::Done,
                Phase::Unopened
                | Phase::AwaitingOpen
                | Phase::Opened
                | Phase::Running
                | Phase::AwaitingRestart
                | Phase::CloseSent { .. }
                | Phase::Failed { .. }
                | Phase::CloseReceived { .. }
                | Phase::CloseAnswered { .. }
                | Phase::Over => false,
            }
    }

    pub(super) fn open_as_client(
        &mut self,
        header: StreamHeader,
        now: Instant,
    ) -> Result<(), SendError<StreamHeader>> {
        if !matches!(self.phase, Phase::Unopened) {
            return Err(SendError::Closed(header));
        }
        if !header.to.as_deref().is_some_and(framing::is_domain) {
            return Err(SendError::Forbidden(header));
        }
        let header = StreamHeader {
            from: header.from.filter(|_| self.config.channel == Channel::Tls),
            id: None,
            version: Some("1.0".to_owned()),
            lang: header.lang.or_else(|| Some(self.config.lang.clone())),
            ..header
        };
        self.send_open(&header, now);
        self.asked = Some(Box::new(header));
        self.phase = Phase::OpenSent { restart: false };
        Ok(())
    }

    fn send_open(&mut self, header: &StreamHeader, now: Instant) {
        self.connection.send_last(framing::open(header));
        self.negotiation = self.config.features_timeout.map(|timeout| now + timeout);
        self.held_since = self.held_since.map(|_| now);
    }

    /// The server's `<open/>`.
    pub(super) fn handle_answer(&mut self, element: &Element, now: Instant) {
        match self.phase {
            Phase::OpenSent { restart } => {
                let header = StreamHeader::from_element(element);
                if !speaks_1_0(&header) {
                    return self.fault(Fault::Version, now);
                }
                self.phase = Phase::AwaitingFeatures;
                self.deliver(Event::Opened { header, restart });
            }
            // It crossed our `<close/>`.
            Phase::CloseSent { .. } => {}
            Phase::Unopened
            | Phase::AwaitingOpen
            | Phase::Opened
            | Phase::AwaitingFeatures
            | Phase::Running
            | Phase::AwaitingRestart
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => self.fault(Fault::SecondOpen, now),
        }
    }

    /// An element of the server's. What may come when is the application's to judge: it knows what it asked for.
    pub(super) fn handle_served(&mut self, element: Element, now: Instant) {
        if element.is("features", ns::STREAM) {
            if matches!(self.phase, Phase::AwaitingFeatures) {
                self.negotiation = None;
                self.phase = Phase::Running;
            }
            self.deliver(Event::Element(content::without_starttls(&element)));
            if std::mem::take(&mut self.refused) {
                self.deliver(Event::Writable);
            }
            return;
        }
        match content::accept(element, self.config.namespaces) {
            Ok(element) => {
                self.note_success(&element, now);
                self.note_bound(&element);
                self.deliver(Event::Element(element));
            }
            Err(fault) => self.fault(fault, now),
        }
    }

    fn note_success(&mut self, element: &Element, now: Instant) {
        if self.auth == Auth::Done
            || !matches!(self.phase, Phase::AwaitingFeatures | Phase::Running)
        {
            return;
        }
        if element.is("success", ns::SASL) {
            self.authenticated();
            self.restart(now);
        } else if element.is("success", ns::SASL2) {
            self.authenticated();
        }
    }

    pub(super) fn note_redirect(&mut self, close: &Element) {
        let judge = |uri: &str| SeeOther::judge(uri, self.config.channel, self.config.redirects);
        self.see_other = close
            .attribute("see-other-uri")
            .map(|uri| Box::new(judge(&uri)));
    }
}
