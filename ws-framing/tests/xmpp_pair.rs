//! A client's and a server's `xmpp::Session` over a link that cuts bytes anywhere: from `<open/>` through SASL and the restart to the end.

use std::collections::VecDeque;

use bytes::BytesMut;
use proptest::prelude::*;
use ws_framing::{
    connection::{Action, Cause, SendError},
    xmpp::{Closed, Config, Event, Role, Session, server},
};
use xmpp_wire::{Element, ns};

use crate::support::{
    Rig, seconds,
    stream::{FEATURES, SUCCESS},
};

/// One end with its application.
struct End<R: Role> {
    rig: Rig<Session<R>>,
    /// What a server answers `<open/>` with: features, too.
    answer: fn(&mut Rig<Session<R>>) -> usize,
    /// What its application still has to say.
    queue: VecDeque<Element>,
    said: Vec<Element>,
    heard: Vec<Element>,
    /// How many features it has sent or heard.
    features: usize,
    /// It was refused, and waits for `Writable`.
    full: bool,
    closed: Option<Closed>,
    shut: bool,
    /// On the way to the other end.
    in_flight: BytesMut,
    held: bool,
}

fn config() -> Config {
    let mut config = Config::default();
    config.connection.outbox_bytes = 2000;
    config
}

impl<R: Role> End<R> {
    fn new(
        rig: Rig<Session<R>>,
        answer: fn(&mut Rig<Session<R>>) -> usize,
        queue: &[Element],
    ) -> Self {
        Self {
            rig,
            answer,
            queue: queue.iter().cloned().collect(),
            said: Vec::new(),
            heard: Vec::new(),
            features: 0,
            full: false,
            closed: None,
            shut: false,
            in_flight: BytesMut::new(),
            held: false,
        }
    }

    /// What its application does about what has happened.
    fn act(&mut self) {
        let now = self.rig.now;
        for action in self.rig.actions() {
            assert!(!self.shut, "{action:?} behind the last order");
            match action {
                Action::Deliver(Event::Opened { restart, .. }) => {
                    assert_eq!(restart, self.features > 0);
                    self.features += (self.answer)(&mut self.rig);
                }
                Action::Deliver(Event::Element(element)) => self.hear(element),
                Action::Deliver(Event::Closing) => self.rig.machine.close(now),
                Action::Deliver(Event::Writable) => {
                    assert!(std::mem::take(&mut self.full), "nobody waited");
                }
                Action::Deliver(Event::Closed(closed)) => {
                    assert_eq!(self.closed.replace(closed), None);
                }
                Action::Close => self.shut = true,
                Action::Abort => panic!("aborted"),
            }
        }
        while self.features == 2
            && !self.full
            && let Some(element) = self.queue.pop_front()
        {
            match self.rig.machine.send(element.clone(), now) {
                Ok(()) => self.said.push(element),
                Err(SendError::Full(given)) => {
                    assert_eq!(given, element);
                    self.queue.push_front(given);
                    self.full = true;
                }
                Err(refused) => panic!("{refused:?}"),
            }
        }
    }

    fn hear(&mut self, element: Element) {
        let name = element.name();
        match (name.namespace, name.local) {
            (ns::STREAM, "features") => {
                self.features += 1;
                if self.features == 1 {
                    self.rig
                        .send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
                }
            }
            (ns::SASL, "auth") => self.rig.send(SUCCESS),
            (ns::SASL, "success") => {}
            _ => self.heard.push(element),
        }
    }

    fn hold_or_release(&mut self, pause: bool) {
        let now = self.rig.now;
        if self.held {
            self.rig.machine.release_input(now);
            self.held = false;
            // What was read meanwhile is looked at now.
            self.rig.feed([]);
        } else if pause && self.closed.is_none() {
            self.rig.machine.hold_input(now);
            self.held = true;
        }
    }

    /// Up to so many bytes arrive at the other end; says whether anything moved.
    fn carry<P: Role>(&mut self, to: &mut End<P>, most: usize) -> bool {
        if self.in_flight.is_empty() {
            let transmit = self.rig.machine.poll_transmit().unwrap_or_default();
            self.in_flight.extend_from_slice(&transmit.head);
            self.in_flight.extend_from_slice(&transmit.payload);
        }
        let cut = self.in_flight.len().min(most);
        let piece = self.in_flight.split_to(cut);
        if cut > 0 {
            to.rig.feed(piece);
        } else if self.shut && to.closed.is_none() {
            to.rig.machine.handle_eof(to.rig.now);
        }
        cut > 0
    }
}

fn stanza() -> impl Strategy<Value = Element> {
    let body = prop_oneof!["[a-z<>&é ]{0,30}", "[a-z]{1500}"];
    ("[0-9]{1,4}", body).prop_map(|(id, body)| {
        Element::build("message", ns::CLIENT)
            .attribute("id", &id)
            .child(Element::build("body", ns::CLIENT).text(&body).finish())
            .finish()
    })
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Client,
    Server,
    Both,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// W-R-300, W-R-352, W-R-353, W-R-357: every element arrives once and in order, both ways, whatever the cuts and pauses; the restart shows no
    /// `<close/>`; the closing is clean, whoever starts it, or both at once.
    #[test]
    fn elements_arrive_once_and_in_order_until_the_end(
        up in prop::collection::vec(stanza(), 0..15),
        down in prop::collection::vec(stanza(), 0..15),
        cuts in prop::collection::vec(1usize..2500, 1..40),
        pauses in prop::collection::vec(any::<u8>(), 1..20),
        closes in prop_oneof![Just(Who::Client), Just(Who::Server), Just(Who::Both)],
    ) {
        let mut client = End::new(Rig::client_session(config()), |_| 0, &up);
        let answer = |rig: &mut Rig<server::Session>| {
            rig.answer("1");
            rig.send(FEATURES);
            1
        };
        let mut server = End::new(Rig::session(config()), answer, &down);
        server.rig.now = client.rig.now;
        client.rig.open();
        let mut pauses = pauses.iter().cycle();
        let mut closing = false;
        for cut in cuts.iter().cycle().take(100_000) {
            client.act();
            server.act();
            let pause = *pauses.next().unwrap();
            client.hold_or_release(pause & 1 != 0);
            server.hold_or_release(pause & 2 != 0);
            let moved = client.carry(&mut server, *cut) | server.carry(&mut client, *cut);
            let done = client.queue.is_empty() && server.queue.is_empty()
                && client.features == 2 && server.features == 2;
            if done && !closing {
                closing = true;
                if matches!(closes, Who::Client | Who::Both) {
                    client.rig.machine.close(client.rig.now);
                }
                if matches!(closes, Who::Server | Who::Both) {
                    server.rig.machine.close(server.rig.now);
                }
            }
            if client.shut && server.shut {
                break;
            }
            if !moved && pause & 4 != 0 {
                client.rig.now += seconds(1);
                server.rig.now = client.rig.now;
                client.rig.machine.handle_timeout(client.rig.now);
                server.rig.machine.handle_timeout(server.rig.now);
            }
        }
        prop_assert!(client.shut && server.shut);
        prop_assert_eq!(&client.said, &up);
        prop_assert_eq!(&server.said, &down);
        prop_assert_eq!(&server.heard, &up);
        prop_assert_eq!(&client.heard, &down);
        let (at_client, at_server) = (client.closed.unwrap(), server.closed.unwrap());
        for closed in [&at_client, &at_server] {
            prop_assert_eq!(closed.connection.code, 1000);
            prop_assert!(closed.stream_closed && closed.error.is_none() && closed.undelivered.is_empty());
        }
        let causes = (at_client.connection.cause, at_server.connection.cause);
        match closes {
            Who::Client => prop_assert_eq!(causes, (Cause::Ours, Cause::Peer)),
            Who::Server => prop_assert_eq!(causes, (Cause::Peer, Cause::Ours)),
            Who::Both => prop_assert!(causes.0 == Cause::Ours || causes.1 == Cause::Ours),
        }
    }
}
