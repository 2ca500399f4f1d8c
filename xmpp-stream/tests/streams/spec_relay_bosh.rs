//! What a relay's orders become in a BOSH session (B-R-139's table, B-X-027).

use std::sync::Arc;

use bosh_proto::{
    Channel, Condition, ConnectionId, Request,
    server::{Action, Config, Event, Manager, SessionKey},
};
use xmpp_stream::session::{
    self, Accepted as _, Ending, Order,
    bosh::{self, ManagedSession},
};
use xmpp_wire::StreamError;

use crate::support::{element, epoch};

struct Session {
    manager: Manager,
    key: SessionKey,
    now: std::time::Instant,
}

impl Session {
    fn opened() -> Self {
        let now = epoch();
        let mut manager = Manager::new(Arc::new(Config::default()), [7; 32]);
        let body = "<body xmlns='http://jabber.org/protocol/httpbind' rid='7' to='a.example' ver='1.6' wait='60' hold='1' \
                    xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>";
        manager.handle_request(
            Request {
                body: body.into(),
                connection: ConnectionId(1),
                address: None,
                channel: Channel::Tls,
            },
            now,
        );
        let mut key = None;
        while let Some(action) = manager.poll_action() {
            if let Action::Deliver {
                session,
                event: Event::Opening(_),
            } = action
            {
                key = Some(session);
            }
        }
        let key = key.expect("a session");
        Self { manager, key, now }
    }

    fn tell(&mut self, order: Order) {
        let mut session = ManagedSession {
            manager: &mut self.manager,
            key: self.key,
        };
        session.apply(order, self.now).expect("room");
    }

    /// The bodies that this order sends.
    fn apply(
        &mut self,
        order: Order,
    ) -> (Vec<String>, Vec<session::Event<bosh_proto::server::Closed>>) {
        self.tell(order);
        let (mut bodies, mut events) = (Vec::new(), Vec::new());
        let mut due = Some(self.now);
        while let Some(at) = due.take() {
            self.now = self.now.max(at);
            self.manager.handle_timeout(self.now);
            while let Some(action) = self.manager.poll_action() {
                match action {
                    Action::Respond { response, .. } => {
                        bodies.push(String::from_utf8_lossy(&response.body).into_owned());
                    }
                    Action::Deliver { event, .. } => events.extend(bosh::event(event)),
                    Action::Abort { .. } => {}
                }
            }
            if bodies.is_empty() {
                due = self.manager.poll_timeout();
            }
        }
        (bodies, events)
    }
}

/// B-R-139, B-X-016: one condition for each way to end.
#[test]
fn every_end_has_its_condition() {
    let error = |condition: &str| StreamError::new(condition);
    for (close, condition) in [
        (
            Ending::Unreachable(error("internal-server-error")),
            "remote-connection-failed",
        ),
        (Ending::Lost, "remote-connection-failed"),
        (Ending::Fault(error("not-authorized")), "policy-violation"),
        (Ending::Fault(error("invalid-namespace")), "bad-request"),
        (
            Ending::Refused(error("policy-violation")),
            "undefined-condition",
        ),
        (
            Ending::Internal(error("internal-server-error")),
            "internal-server-error",
        ),
    ] {
        let (bodies, events) = Session::opened().apply(Order::End(close));
        assert_eq!(bodies.len(), 1);
        assert!(
            bodies[0].contains(&format!("condition='{condition}'")),
            "{bodies:?}"
        );
        assert!(matches!(&events[..], [session::Event::Closed(closed)] if !closed.clean));
    }
    let (bodies, _) = Session::opened().apply(Order::End(Ending::Clean));
    assert!(bodies[0].contains("type='terminate'") && !bodies[0].contains("condition="));
}

/// B-X-027: the whole error, behind what was queued.
#[test]
fn a_stream_error_is_in_the_last_body() {
    let error = "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\"><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let mut session = Session::opened();
    session.tell(Order::Element(element("<message xmlns='jabber:client'/>")));
    let (bodies, _) = session.apply(Order::End(Ending::StreamError(element(error))));
    let body = bodies.last().expect("a body");
    assert!(body.contains("condition='remote-stream-error'"), "{body}");
    let (message, error) = (body.find("<message"), body.find("<stream:error"));
    assert!(
        message.is_some() && message < error && body.contains("<conflict "),
        "{body}"
    );
}

/// A session refused before it was accepted gets the condition of the same name.
#[test]
fn a_refusal_keeps_its_name() {
    for (name, condition) in [
        ("host-unknown", Condition::HostUnknown),
        ("improper-addressing", Condition::ImproperAddressing),
        ("system-shutdown", Condition::SystemShutdown),
        ("conflict", Condition::UndefinedCondition),
    ] {
        assert_eq!(bosh::refusal(&StreamError::new(name)), condition);
    }
}

/// B-R-051: the client's `xml:lang` appears in the header to the server, beside the domain that it wants.
#[test]
fn the_clients_language_reaches_the_server() {
    let now = epoch();
    let mut config = bosh_proto::client::Config::new("a.example");
    config.lang = Some("de".into());
    let mut client = bosh_proto::client::Session::new(config, [7; 32], now);
    let Some(bosh_proto::client::Action::Request { body, .. }) = client.poll_action() else {
        panic!("no creation request");
    };
    let mut manager = Manager::new(Arc::new(Config::default()), [7; 32]);
    let request = Request {
        body,
        connection: ConnectionId(1),
        address: None,
        channel: Channel::Tls,
    };
    manager.handle_request(request, now);
    let Some(Action::Deliver {
        event: Event::Opening(opening),
        ..
    }) = manager.poll_action()
    else {
        panic!("no session");
    };
    let config = xmpp_stream::relay::Config::default();
    let mut relay = xmpp_stream::relay::Relay::new(config, opening.header, now);
    let header = relay.poll_transmit().expect("a header");
    assert_eq!(
        header,
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         to='a.example' version='1.0' xml:lang='de'>"
    );
}
