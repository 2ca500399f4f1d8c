//! What a server's stream says, and what the client is shown of it (W-R-400 to W-R-427).

use xmpp_wire::{Element, StreamError, StreamHeader, ns};

use super::{
    ServerAction,
    login::is_wrong_guess,
    machine::{Authentication, HEADER_PATIENCE, Relay, internal},
    redial::Followed,
    resumption::{Management, locations, management, without_location},
};
use crate::{
    Cause, Closed, Reason,
    client::Event,
    features::{Filtered, Stage, idle_time},
    session::{Ending, Order},
};

impl Relay {
    pub(super) fn take_event(&mut self, event: Event) {
        match event {
            Event::Opened(header) => {
                // W-R-414: both are required there.
                let header = StreamHeader {
                    from: header.from.or_else(|| self.header.to.clone()),
                    lang: Some(header.lang.unwrap_or_else(|| "en".to_owned())),
                    ..header
                };
                if self.authentication == Authentication::None {
                    self.withheld = Some((header, self.stream.now() + HEADER_PATIENCE));
                } else {
                    self.tell(Order::Open(header));
                }
            }
            Event::Element(element) if element.is("error", ns::STREAM) => {
                self.error = Some(element);
            }
            Event::Repaired { repair, from } => {
                self.ask(ServerAction::Repaired { repair, from });
            }
            Event::Element(element) => {
                self.show_header();
                self.element(&element);
            }
            Event::Ended => {
                self.show_header();
                self.end_session(Ending::Clean);
            }
            // The relay takes what it gets, and holds the client instead.
            Event::Writable => {}
            Event::Closed(closed) => self.stream_closed(&closed),
        }
    }

    /// Told late, so that a server that sends us on is not seen; and once, whoever sent us on.
    pub(super) fn show_header(&mut self) {
        if let Some((header, _)) = self.withheld.take()
            && !std::mem::replace(&mut self.search.header_shown, true)
        {
            self.tell(Order::Open(header));
        }
    }

    fn element(&mut self, element: &Element) {
        let name = element.name();
        match (name.namespace, name.local) {
            (ns::STREAM, "features") => return self.features(element),
            // It counts as a stanza for XEP-0198, and its sender may have had it come so.
            (ns::SERVER, "message" | "presence" | "iq") => {
                self.tell(Order::Element(element.moved(ns::SERVER, ns::CLIENT)));
                return;
            }
            (ns::CLIENT, _) => {
                self.tell(Order::Element(element.clone()));
                return;
            }
            _ => {}
        }
        let said = management(element);
        let passed = match said {
            Management::None => element.clone(),
            Management::Active | Management::Resumable => without_location(element).standalone(),
        };
        self.tell_login(element);
        if said != Management::None {
            // Before the client hears of it: it may come back at once.
            for (id, node) in locations(element) {
                self.ask(ServerAction::Remember { id, node });
            }
        }
        self.tell(Order::Element(passed));
        if self.authentication == Authentication::Running {
            let name = element.name();
            match (name.namespace, name.local) {
                (ns::SASL, "success") => {
                    self.authentication = Authentication::RestartDue;
                    self.early_room = self.early_bytes;
                    self.ready = false;
                }
                (ns::SASL2, "success") => self.authentication = Authentication::Done,
                (ns::SASL | ns::SASL2, "failure") => self.authentication = Authentication::None,
                _ => {}
            }
        }
        if said != Management::None {
            self.manage(said);
        }
    }

    /// What an answer to an attempt to sign in says, told before the answer itself.
    fn tell_login(&mut self, element: &Element) {
        if self.authentication != Authentication::Running {
            return;
        }
        let name = element.name();
        match (name.namespace, name.local) {
            (ns::SASL | ns::SASL2, "success") => {
                let account = self.attempt.finish();
                self.ask(ServerAction::LoginSucceeded { account });
            }
            (ns::SASL | ns::SASL2, "failure") => {
                let account = self.attempt.finish();
                if is_wrong_guess(element) {
                    self.ask(ServerAction::LoginFailed { account });
                }
            }
            _ => {}
        }
    }

    fn features(&mut self, features: &Element) {
        let stage = match self.authentication {
            Authentication::None | Authentication::Running => Stage::BeforeAuthentication,
            Authentication::RestartDue | Authentication::Done => Stage::Authenticated,
        };
        if let Some(idle) = idle_time(features) {
            self.stream.keep_alive_within(idle / 2);
        }
        let (filtered, warnings) = self.filter.apply(features, stage);
        for warning in warnings {
            self.ask(ServerAction::Warn(warning));
        }
        match filtered {
            Filtered::Features(features) => {
                let first = stage == Stage::BeforeAuthentication && !self.features_passed;
                if !(first && self.search.features_shown) {
                    self.tell(Order::Element(features));
                }
                self.features_passed = true;
                if self.authentication != Authentication::RestartDue {
                    self.ready = true;
                    self.forward_early();
                }
            }
            Filtered::Nothing => {
                let error = StreamError::new("policy-violation")
                    .with_text("the server offers no way to authenticate that can be used here");
                self.reason.get_or_insert(Reason::NoMechanism);
                self.end_session(Ending::Refused(error));
                self.end_stream();
            }
        }
    }

    fn end_stream(&mut self) {
        let now = self.stream.now();
        self.stream.close(now);
    }

    fn stream_closed(&mut self, closed: &Closed) {
        if closed.cause == Cause::Peer && self.follow(closed.error.as_ref()) == Followed::Yes {
            return;
        }
        self.show_header();
        self.cause = Some(closed.cause);
        self.reason = self.reason.or(closed.reason);
        let close = match closed.cause {
            Cause::Ours => Ending::Clean,
            Cause::Peer => match (self.error.take(), &closed.error) {
                // W-R-418: what was not followed here the client must not follow either.
                (_, Some(error)) if error.condition == "see-other-host" => {
                    Ending::Unreachable(self.loss())
                }
                (Some(error), _) => Ending::StreamError(error),
                // An error before TLS.
                (None, Some(error)) => Ending::StreamError(error.to_element()),
                (None, None) => Ending::Clean,
            },
            Cause::Fault => Ending::Internal(internal()),
            Cause::Network | Cause::Timeout if self.resumable() => Ending::Lost,
            Cause::Network | Cause::Timeout | Cause::Tls => Ending::Unreachable(self.loss()),
        };
        self.end_session(close);
    }

    /// What a lost server is called: `remote-connection-failed` is not for the provider's own (RFC 6120 §4.9.3.15).
    pub(super) fn loss(&self) -> StreamError {
        if self.foreign {
            StreamError::new("remote-connection-failed")
        } else {
            internal()
        }
    }
}
