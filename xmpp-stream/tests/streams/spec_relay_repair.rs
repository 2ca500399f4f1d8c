//! Elements of a server's that break Namespaces in XML or a limit: their recipient keeps its stream, whoever wrote them, and every stanza its place.

use std::sync::Arc;

use bosh_proto::{
    Channel, ConnectionId, Request,
    server::{Action as BoshAction, Config, Event, Manager, SessionKey},
};
use bytes::BytesMut;
use xmpp_stream::{
    Action, Relay,
    client::Tls,
    relay,
    session::{
        Accepted as _, Order,
        bosh::{self, ManagedSession},
    },
};
use xmpp_wire::{Element, Wrapped, XmlLimits, ns};

use crate::{
    chain::{Chain, Side},
    support::*,
};

const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3' id='some' resume='true'/>";

/// W-R-445, W-R-305 (from a server)
#[test]
fn a_broken_element_is_mended_and_told() {
    let mut scene = Scene::authenticated();
    for (broken, repair, mended) in [
        (
            // What ejabberd makes of a message whose root declared the prefix.
            "<message from='b@a.example/c'><x xmlns='u:x' q:y='1'/></message>",
            "Namespaces of \"b@a.example/c\"",
            "<message xmlns=\"jabber:client\" xml:lang=\"en\" xmlns:q=\"urn:xmpp-web:undeclared:q\" from='b@a.example/c'><x xmlns='u:x' q:y='1'/></message>",
        ),
        (
            "<c:iq xmlns:c='jabber:client' type='get' id='1'><a:b:c/></c:iq>",
            "Names of \"\"",
            "<iq xmlns=\"jabber:client\" xml:lang=\"en\" xmlns:c='jabber:client' type='get' id='1'><removed xmlns=\"urn:xmpp-web:removed\"/></iq>",
        ),
    ] {
        assert_eq!(
            scene.server(broken),
            [format!("repaired {repair}"), mended.to_owned()]
        );
    }
    // Nobody is answered by the gateway.
    assert_eq!(scene.sent(), "");
}

/// RFC 6120 §4.8.3: a stanza that a server forgot to move into the namespace of its client's stream counts like any other.
#[test]
fn stanzas_between_servers_are_moved_to_the_clients_namespace() {
    let mut scene = Scene::authenticated();
    for (given, moved) in [
        (
            "<message xmlns='jabber:server' to='a'><body>x</body></message>",
            "<message xml:lang=\"en\" xmlns='jabber:client' to='a'><body>x</body></message>",
        ),
        (
            "<s:presence xmlns:s='jabber:server'><s:show>away</s:show></s:presence>",
            "<presence xml:lang=\"en\" xmlns=\"jabber:client\" xmlns:s='jabber:server'><show>away</show></presence>",
        ),
    ] {
        assert_eq!(scene.server(given), [moved]);
    }
}

/// A client's session over one of the two transports, from its bytes to the server's.
trait Session {
    fn client_says(&mut self, xml: &str);
    fn server_says(&mut self, raw: &str);
    /// What the client has heard since it was asked last.
    fn heard(&mut self) -> Vec<Element>;
    /// The same for the server.
    fn forwarded(&mut self) -> String;
}

impl Session for Chain {
    fn client_says(&mut self, xml: &str) {
        assert!(self.say(Side::Client, xml));
        self.run();
    }

    fn server_says(&mut self, raw: &str) {
        self.inject(raw);
        self.run();
        assert_eq!(self.closed, None, "{raw}");
    }

    fn heard(&mut self) -> Vec<Element> {
        std::mem::take(&mut self.at_client)
    }

    fn forwarded(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.upstream)).expect("UTF-8")
    }
}

struct Bosh {
    manager: Manager,
    session: SessionKey,
    relay: Relay,
    rid: u32,
    /// Requests without an answer.
    held: usize,
    sid: String,
    now: std::time::Instant,
    heard: Vec<Element>,
}

impl Bosh {
    /// Authenticated, with resumption.
    fn enabled() -> Self {
        let now = epoch();
        let mut manager = Manager::new(Arc::new(Config::default()), [7; 32]);
        manager.handle_request(
            request("<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='a.example' ver='1.6' wait='60' hold='1' \
                    xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>"),
            now,
        );
        let Some(BoshAction::Deliver {
            session,
            event: Event::Opening(opening),
        }) = manager.poll_action()
        else {
            panic!("no session");
        };
        let mut bosh = Self {
            manager,
            session,
            relay: Relay::new(config(Tls::None), opening.header, now),
            rid: 1,
            held: 1,
            sid: String::new(),
            now,
            heard: Vec::new(),
        };
        bosh.server_says(&format!("{HEADER}{MECHANISMS}"));
        bosh.client_says(&format!("<auth {SASL} mechanism='PLAIN'>x</auth>"));
        bosh.server_says(&format!("<success {SASL}/>"));
        bosh.post("xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'", "");
        bosh.server_says(&format!("{HEADER}{BIND}"));
        bosh.server_says(ENABLED);
        bosh.heard();
        bosh.forwarded();
        bosh
    }

    fn post(&mut self, attributes: &str, inside: &str) {
        self.rid += 1;
        self.held += 1;
        let (rid, sid) = (self.rid, &self.sid);
        self.manager.handle_request(
            request(&format!("<body xmlns='http://jabber.org/protocol/httpbind' rid='{rid}' sid='{sid}' {attributes}>{inside}</body>")),
            self.now,
        );
        self.run();
    }

    fn run(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            while let Some(action) = self.relay.poll_action() {
                moved = true;
                if let Action::Deliver(relay::Event::Session(order)) = action {
                    if let Order::End(close) = &order {
                        panic!("{close:?}");
                    }
                    let mut session = ManagedSession {
                        manager: &mut self.manager,
                        key: self.session,
                    };
                    session.apply(order, self.now).expect("room");
                }
            }
            // The linger of an answer.
            self.now += std::time::Duration::from_millis(10);
            self.manager.handle_timeout(self.now);
            while let Some(action) = self.manager.poll_action() {
                moved = true;
                match action {
                    BoshAction::Respond { id, response } => {
                        self.manager.handle_sent(id, self.now);
                        self.held -= 1;
                        let limits = XmlLimits::default();
                        let prefixes = [("stream", ns::STREAM)];
                        let body = Wrapped::parse(response.body, &prefixes, &limits);
                        let body = body.expect("namespace-well-formed");
                        assert_eq!(body.wrapper.attribute("type"), None);
                        if let Some(sid) = body.wrapper.attribute("sid") {
                            self.sid = sid.into_owned();
                        }
                        let elements = body.elements.iter();
                        self.heard
                            .extend(elements.map(|element| element.standalone()));
                    }
                    BoshAction::Deliver { event, .. } => {
                        if let Some(event) = bosh::event(event) {
                            self.relay.handle_session(event, self.now);
                        }
                    }
                    BoshAction::Abort { .. } => panic!("a request was not answered"),
                }
            }
        }
    }
}

fn request(body: &str) -> Request {
    Request {
        body: body.to_owned().into(),
        connection: ConnectionId(1),
        address: None,
        channel: Channel::Tls,
    }
}

impl Session for Bosh {
    fn client_says(&mut self, xml: &str) {
        self.post("", xml);
    }

    fn server_says(&mut self, raw: &str) {
        self.relay.handle_input(&mut BytesMut::from(raw), self.now);
        self.run();
    }

    fn heard(&mut self) -> Vec<Element> {
        // Until nothing waits: a request is held then.
        for _ in 0..100 {
            if self.held > 0 {
                return std::mem::take(&mut self.heard);
            }
            self.post("", "");
        }
        panic!("no request is held");
    }

    fn forwarded(&mut self) -> String {
        let mut sent = Vec::new();
        while let Some(bytes) = self.relay.poll_transmit() {
            sent.extend_from_slice(&bytes);
        }
        String::from_utf8(sent).expect("UTF-8")
    }
}

/// Ten ways to break an element, each from a sender that wrote something legal.
fn broken(number: usize) -> String {
    let deep = format!("{}{}", "<a>".repeat(80), "</a>".repeat(80));
    let attributes: String = (0..100).map(|i| format!(" a{i}='1'")).collect();
    match number {
        0 => "<message id='b0'><x xmlns='u:x' q:y='1'/></message>".into(),
        1 => "<message id='b1'><q:x/></message>".into(),
        2 => "<presence id='b2'><x xmlns:a='u' xmlns:b='u' a:c='1' b:c='2'/></presence>".into(),
        3 => "<message id='b3'><x xmlns:a='' a:b='1'/></message>".into(),
        4 => format!("<message id='b4'>{deep}</message>"),
        5 => format!("<message id='b5'><x{attributes}/></message>"),
        6 => format!(
            "<message id='b6'><body>{}</body></message>",
            "x".repeat(600_000)
        ),
        7 => "<message id='b7'><a:b:c/></message>".into(),
        8 => format!("<iq id='b8' type='get'>{deep}</iq>"),
        _ => format!("<iq id='b9' type='result'>{deep}</iq>"),
    }
}

/// W-R-442, W-R-445, XEP-0198 §4, §5: ten such stanzas among thirty. Both ends come to the same `h`, nothing is answered by the gateway, and a resumption repeats none.
#[test]
fn counters_agree_and_a_resumption_repeats_nothing() {
    let transports: [fn() -> Box<dyn Session>; 2] = [
        || Box::new(Chain::enabled(usize::MAX, ENABLED)),
        || Box::new(Bosh::enabled()),
    ];
    for open in transports {
        let mut session = open();
        session.forwarded();
        let mut ids = Vec::new();
        for number in 0..30 {
            let stanza = if number % 3 == 1 {
                ids.push(format!("b{}", number / 3));
                broken(number / 3)
            } else {
                ids.push(number.to_string());
                format!("<message id='{number}'><body>x</body></message>")
            };
            session.server_says(&stanza);
            if number % 7 == 0 {
                session.client_says("<presence xmlns='jabber:client'/>");
            }
        }
        session.server_says("<r xmlns='urn:xmpp:sm:3'/>");
        let heard = session.heard();
        assert!(
            heard.last().is_some_and(|last| last.is("r", ns::SM)),
            "{heard:?}"
        );
        let stanzas: Vec<_> = heard.iter().filter(|one| one.is_stanza()).collect();
        let came: Vec<_> = stanzas
            .iter()
            .map(|one| one.attribute("id").unwrap_or_default().into_owned())
            .collect();
        assert_eq!(came, ids);
        assert!(stanzas[28].is("iq", ns::CLIENT));
        let kind = stanzas[28].attribute("type");
        assert_eq!(kind.as_deref(), Some("error"));
        let errors = stanzas
            .iter()
            .filter(|one| one.attribute("type").as_deref() == Some("error"));
        assert_eq!(errors.count(), 1);
        // The client's count is the server's, and the server's the client's.
        session.client_says(&format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", stanzas.len()));
        let forwarded = session.forwarded();
        assert!(
            forwarded.ends_with("<a xmlns='urn:xmpp:sm:3' h='30'/>"),
            "{forwarded}"
        );
        assert_eq!(forwarded.matches('<').count(), 5 + 1, "{forwarded}");

        // A new connection: the server sends again what is behind the client's count.
        let sent: Vec<usize> = (0..30).collect();
        let mut session = open();
        session.forwarded();
        session.client_says("<resume xmlns='urn:xmpp:sm:3' previd='some' h='30'/>");
        let resume = session.forwarded();
        let h = resume
            .split("h='")
            .nth(1)
            .and_then(|h| h.split('\'').next());
        let h: usize = h.and_then(|h| h.parse().ok()).expect("a count");
        assert!(sent[h..].is_empty());
        session.server_says("<resumed xmlns='urn:xmpp:sm:3' previd='some' h='5'/>");
        session.server_says(&broken(0));
        let heard = session.heard();
        assert!(heard[0].is("resumed", ns::SM));
        assert_eq!(heard.len(), 2);
        assert_eq!(heard[1].attribute("id").as_deref(), Some("b0"));
    }
}
