//! A server's session, brought to where a test begins.

use ws_framing::{
    connection::Action,
    xmpp::{Closed, Config, Event, Namespaces, Role, Session, client, server},
};
use xmpp_wire::{Element, StreamHeader, XmlLimits, ns};

use super::{Rig, text, unmasked};

pub(crate) const OPEN: &str =
    r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="a.example" version="1.0" />"#;
/// What a client of the default configuration sends for it.
pub(crate) const CLIENT_OPEN: &str = r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="a.example" xml:lang="en" version="1.0" />"#;
pub(crate) const CLOSE: &str = r#"<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" />"#;
/// The answer to `OPEN` by `answered`.
pub(crate) const ANSWER: &str = r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" from="a.example" id="1" xml:lang="en" version="1.0" />"#;
pub(crate) const FEATURES: &str =
    r#"<stream:features xmlns:stream="http://etherx.jabber.org/streams"/>"#;
pub(crate) const SUCCESS: &str = r#"<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>"#;
pub(crate) const MESSAGE: &str = "<message xmlns='jabber:client'><body>hi</body></message>";

pub(crate) fn element(xml: &str) -> Element {
    Element::parse(xml.to_owned().into(), &XmlLimits::default()).unwrap()
}

pub(crate) fn lenient() -> Config {
    let mut config = Config::default();
    config.namespaces = Namespaces::Lenient;
    config
}

/// `<stream:error/>` with this condition alone.
pub(crate) fn stream_error(condition: &str) -> String {
    format!(
        r#"<stream:error xmlns:stream="http://etherx.jabber.org/streams"><{condition} xmlns="{}"/></stream:error>"#,
        ns::STREAM_ERRORS
    )
}

impl Rig<client::Session> {
    /// A client's session, nothing sent.
    pub(crate) fn client_session(config: Config) -> Self {
        Self::new(|now| client::Session::new(config, [8; 32], now))
    }

    /// A client that has sent `<open/>`.
    pub(crate) fn opening(config: Config) -> Self {
        let mut rig = Self::client_session(config);
        rig.open();
        assert_eq!(rig.transcript(), [CLIENT_OPEN]);
        rig
    }

    /// A client to which the features have come.
    pub(crate) fn welcomed(config: Config) -> Self {
        let mut rig = Self::opening(config);
        rig.hear(ANSWER).hear(FEATURES);
        assert_eq!(rig.actions().len(), 2);
        rig
    }

    pub(crate) fn open(&mut self) {
        let header = StreamHeader {
            to: Some("a.example".to_owned()),
            ..StreamHeader::default()
        };
        self.machine.open(header, self.now).unwrap();
    }

    /// A message of a server's.
    pub(crate) fn hear(&mut self, message: &str) -> &mut Self {
        self.feed(unmasked(0x81, message.as_bytes()))
    }
}

impl Rig<server::Session> {
    pub(crate) fn session(config: Config) -> Self {
        Self::new(|now| server::Session::new(config, [7; 32], now))
    }

    /// `<open/>` has come, and was delivered.
    pub(crate) fn opened(config: Config) -> Self {
        let mut rig = Self::session(config);
        rig.feed(text(OPEN));
        assert!(matches!(
            rig.actions()[..],
            [Action::Deliver(Event::Opened { restart: false, .. })]
        ));
        rig
    }

    /// `<open/>` was answered.
    pub(crate) fn answered(config: Config) -> Self {
        let mut rig = Self::opened(config);
        rig.answer("1");
        rig
    }

    /// The features have been sent.
    pub(crate) fn negotiating(config: Config) -> Self {
        let mut rig = Self::answered(config);
        rig.send(FEATURES);
        assert_eq!(rig.transcript(), [ANSWER, FEATURES]);
        rig
    }

    /// SASL has succeeded, the stream was restarted.
    pub(crate) fn running(config: Config) -> Self {
        let mut rig = Self::negotiating(config);
        rig.send(SUCCESS);
        rig.feed(text(OPEN));
        assert!(matches!(
            rig.actions()[..],
            [Action::Deliver(Event::Opened { restart: true, .. })]
        ));
        rig.answer("2");
        rig.send(FEATURES);
        rig.output();
        rig
    }

    pub(crate) fn answer(&mut self, id: &str) {
        let header = StreamHeader {
            from: Some("a.example".to_owned()),
            id: Some(id.to_owned()),
            ..StreamHeader::default()
        };
        self.machine.open(header, self.now).unwrap();
    }
}

impl<R: Role> Rig<Session<R>> {
    pub(crate) fn send(&mut self, xml: &str) {
        self.machine.send(element(xml), self.now).unwrap();
    }

    /// The elements that were delivered, and nothing else.
    pub(crate) fn elements(&mut self) -> Vec<String> {
        let text = |action: Action<Event>| match &action {
            Action::Deliver(Event::Element(element)) => {
                String::from_utf8(element.raw().to_vec()).unwrap()
            }
            Action::Handover(never) => match *never {},
            Action::Deliver(_) | Action::Close | Action::Abort => panic!("{action:?}"),
        };
        self.actions().into_iter().map(text).collect()
    }

    /// The end, with what was delivered before left out.
    pub(crate) fn end(&mut self) -> Closed {
        let mut actions = self.actions().into_iter().rev();
        assert!(matches!(
            actions.next(),
            Some(Action::Close | Action::Abort)
        ));
        match actions.next() {
            Some(Action::Deliver(Event::Closed(closed))) => closed,
            other => panic!("{other:?}"),
        }
    }
}
