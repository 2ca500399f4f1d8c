//! A relay between two scripts: what a web client does, what a server sends, and what comes out on either side.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use xmpp_stream::{
    Action, Relay,
    client::Tls,
    relay::{self, Config, ServerAction},
    session::{self, Order},
};
use xmpp_wire::{Element, StreamHeader, XmlLimits};

pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                          id='1' from='a.example' version='1.0' xml:lang='en'>";
pub(crate) const ST: &str = "xmlns:stream=\"http://etherx.jabber.org/streams\"";
pub(crate) const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
pub(crate) const MECHANISMS: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
pub(crate) const BIND: &str =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

pub(crate) fn element(xml: &str) -> Element {
    Element::parse(xml.to_owned().into(), &XmlLimits::default()).expect("well-formed")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test has to begin somewhere; it only adds to it"
)]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

pub(crate) fn opening() -> StreamHeader {
    StreamHeader {
        to: Some("a.example".into()),
        version: Some("1.0".into()),
        lang: Some("de".into()),
        ..StreamHeader::default()
    }
}

pub(crate) fn config(tls: Tls) -> Config {
    let mut config = Config::default();
    config.stream.tls = tls;
    config.protected = true;
    config
}

pub(crate) struct Scene {
    pub(crate) relay: Relay,
    pub(crate) now: Instant,
    /// What was told of attempts to sign in; these are no orders to the web side.
    pub(crate) logins: Vec<String>,
    /// How long the answer to a wrong guess is held back.
    pub(crate) delay: Option<Duration>,
}

impl Scene {
    pub(crate) fn with(config: Config) -> Self {
        let now = epoch();
        Self {
            relay: Relay::new(config, opening(), now),
            now,
            logins: Vec::new(),
            delay: None,
        }
    }

    /// On a trusted connection; our header has left.
    pub(crate) fn plain() -> Self {
        let mut scene = Self::with(config(Tls::None));
        scene.sent();
        scene
    }

    /// Features of a stream that needs no authentication any more: the client may be heard.
    pub(crate) fn ready() -> Self {
        let mut scene = Self::plain();
        scene.server(HEADER);
        scene.server(MECHANISMS);
        scene
    }

    /// Authenticated by SASL and restarted.
    pub(crate) fn authenticated() -> Self {
        let mut scene = Self::ready();
        scene.web(&format!("<auth {SASL} mechanism='PLAIN'>x</auth>"));
        scene.server(&format!("<success {SASL}/>"));
        scene.restart();
        scene.server(HEADER);
        scene.server(BIND);
        scene.sent();
        scene
    }

    /// The server's header has come, and was shown.
    pub(crate) fn greeted(header: &str) -> Self {
        let mut scene = Self::plain();
        assert_eq!(scene.server(header), [""; 0]);
        assert_eq!(scene.after_milliseconds(250).len(), 1);
        scene
    }

    pub(crate) fn after_milliseconds(&mut self, milliseconds: u64) -> Vec<String> {
        self.now += Duration::from_millis(milliseconds);
        self.relay.handle_timeout(self.now);
        self.orders()
    }

    /// The server sends that; what the relay orders.
    pub(crate) fn server(&mut self, bytes: &str) -> Vec<String> {
        self.relay
            .handle_input(&mut BytesMut::from(bytes), self.now);
        self.orders()
    }

    pub(crate) fn web(&mut self, xml: &str) -> Vec<String> {
        self.event(session::Event::Element(element(xml)))
    }

    pub(crate) fn restart(&mut self) -> Vec<String> {
        self.event(session::Event::Restarted(opening()))
    }

    pub(crate) fn event(&mut self, event: session::Event<()>) -> Vec<String> {
        self.relay.handle_session(event, self.now);
        self.orders()
    }

    pub(crate) fn lost(&mut self, undelivered: &[&str]) -> Vec<String> {
        let undelivered = undelivered.iter().map(|xml| element(xml)).collect();
        self.event(session::Event::Closed(session::Closed {
            how: (),
            clean: false,
            undelivered,
        }))
    }

    pub(crate) fn eof(&mut self) -> Vec<String> {
        self.relay.handle_eof(self.now);
        self.orders()
    }

    pub(crate) fn after(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        self.relay.handle_timeout(self.now);
        self.orders()
    }

    /// What left for the server.
    pub(crate) fn sent(&mut self) -> String {
        let mut sent = Vec::new();
        while let Some(bytes) = self.relay.poll_transmit() {
            sent.extend_from_slice(&bytes);
        }
        String::from_utf8(sent).expect("UTF-8")
    }

    /// Every order, as one line each.
    pub(crate) fn orders(&mut self) -> Vec<String> {
        let mut orders = Vec::new();
        while let Some(action) = self.relay.poll_action() {
            orders.push(match action {
                Action::Deliver(relay::Event::Session(Order::Element(element))) => {
                    let again = Element::parse(element.raw().clone(), &XmlLimits::default());
                    assert_eq!(again.expect("stands alone").name(), element.name());
                    String::from_utf8_lossy(element.raw()).into_owned()
                }
                Action::Deliver(relay::Event::Session(Order::Open(header))) => format!(
                    "open id={:?} from={:?} lang={:?}",
                    header.id.unwrap_or_default(),
                    header.from.unwrap_or_default(),
                    header.lang.unwrap_or_default()
                ),
                Action::Deliver(relay::Event::Session(Order::End(close))) => {
                    use xmpp_stream::session::Ending;
                    match close {
                        Ending::Clean => "close clean".to_owned(),
                        Ending::StreamError(element) => {
                            format!("close with {}", String::from_utf8_lossy(element.raw()))
                        }
                        Ending::Unreachable(error) => {
                            format!("close unreachable {}", error.condition)
                        }
                        Ending::Lost => "close lost".to_owned(),
                        Ending::Fault(error) => format!("close fault {}", error.condition),
                        Ending::Refused(error) => format!("close refused {}", error.condition),
                        Ending::Internal(error) => format!(
                            "close internal {} {:?}",
                            error.condition,
                            error.text.unwrap_or_default()
                        ),
                    }
                }
                Action::Deliver(relay::Event::Session(Order::Resumable(resumable))) => {
                    format!("resumable {resumable}")
                }
                Action::Deliver(relay::Event::Server(action)) => match action {
                    ServerAction::Redial(to) => format!("redial {}:{}", to.host, to.port),
                    ServerAction::Remember { id, node } => {
                        format!("remember {id} at {}:{}", node.host, node.port)
                    }
                    ServerAction::LoginSucceeded { account } => {
                        self.logins.push(format!("{account:?} succeeded"));
                        continue;
                    }
                    ServerAction::LoginFailed { account } => {
                        self.logins.push(format!("{account:?} failed"));
                        if let Some(delay) = self.delay {
                            self.relay.pause(self.now + delay);
                        }
                        continue;
                    }
                    ServerAction::Locate { id } => format!("locate {id}"),
                    ServerAction::Warn(warning) => format!("warn {warning:?}"),
                    ServerAction::Repaired { repair, from } => {
                        format!("repaired {repair:?} of {:?}", from.unwrap_or_default())
                    }
                },
                Action::Deliver(relay::Event::Session(Order::Hold)) => "hold".to_owned(),
                Action::Deliver(relay::Event::Session(Order::Release)) => "release".to_owned(),
                Action::Handover(_) => "START-TLS".to_owned(),
                Action::Close => "CLOSE".to_owned(),
                Action::Abort => "ABORT".to_owned(),
            });
        }
        orders
    }
}
