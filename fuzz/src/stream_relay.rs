use std::time::{Duration, Instant};

use bytes::BytesMut;
use xmpp_stream::{
    Action, Relay,
    client::Tls,
    relay::{self, Config, ServerAction, Target},
    session::{self, Ending, Order},
};
use xmpp_wire::{Element, StreamHeader, XmlLimits, ns};

/// What a server may say, right, wrong and at the wrong time.
const SERVER: [&str; 28] = [
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0' xml:lang='en'>",
    "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' xmlns:c='jabber:client' xmlns:q='u:q' version='1.0'>",
    "<stream xmlns='http://etherx.jabber.org/streams' version='1.0'>",
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><x xmlns='u:x'/></stream:features>",
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><limits xmlns='urn:xmpp:stream-limits:0'><idle-seconds>9</idle-seconds></limits></stream:features>",
    "<stream:features/>",
    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' resume='1' id='i' location='n.example:99'/></bound></success>",
    "<enabled xmlns='urn:xmpp:sm:3' resume='true' id='i' location='n.example'/>",
    "<resumed xmlns='urn:xmpp:sm:3'/>",
    "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>hidden.example:5269</see-other-host></stream:error>",
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "</stream:stream>",
    "<message from='a@b'><body>hi</body></message>",
    "<message xml:lang='fr'><x xmlns=''/></message>",
    "<c:message xmlns:c='jabber:client'><c:body>x</c:body></c:message>",
    "<presence xmlns='jabber:client'><q:x/></presence>",
    "<message xmlns='jabber:server'/>",
    "<compressed xmlns='http://jabber.org/protocol/compress'/>",
    "<!-- -->",
    "<a></b>",
    "text",
    " \n",
    "<half ",
];

/// What a web client may say.
const CLIENT: [&str; 14] = [
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>x</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'/>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><resume xmlns='urn:xmpp:sm:3' previd='p'/></authenticate>",
    "<message xmlns='jabber:client' to='a@b'><body>hi</body></message>",
    "<presence xmlns='jabber:client'/>",
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>",
    "<compress xmlns='http://jabber.org/protocol/compress'/>",
    "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
    "<foo/>",
    "<message xmlns='jabber:server'/>",
    "<c:iq xmlns:c='jabber:client'/>",
    "<q:y xmlns:q='u:y' xmlns:stream='u:z'><stream:w/></q:y>",
];

/// A relay and what was promised so far.
struct Scene {
    relay: Relay,
    now: Instant,
    /// Bytes of one `handle_input`.
    step: usize,
    told: Vec<String>,
    /// `Order::Close` was ordered, or the web side has said that it is over.
    web_over: bool,
    shut: bool,
    aborted: bool,
}

/// Runs the operations that `data` says (the first byte chooses the configuration) on two relays, one that gets its input at once and one that gets it
/// byte by byte.
///
/// # Panics
///
/// Where a promise of every machine is broken (ARCHITECTURE.md), the client would see what it must not, or the two can be told apart.
pub fn stream_relay(data: &[u8]) {
    let Some((&first, operations)) = data.split_first() else {
        return;
    };
    let now = Instant::now();
    let whole = run(first, operations, now, usize::MAX);
    let cut = run(first, operations, now, 1);
    assert_eq!(whole, cut, "byte by byte");
}

fn run(first: u8, operations: &[u8], now: Instant, step: usize) -> Vec<String> {
    let mut config = Config::default();
    config.stream.tls = match first % 3 {
        0 => Tls::None,
        1 => Tls::StartTls,
        _ => Tls::Direct,
    };
    config.protected = first & 4 != 0;
    config.hide_channel_binding = first & 8 != 0;
    if first & 16 != 0 {
        config.stream.outbox_bytes = 300;
    }
    config.early_bytes = 200;
    let opening = StreamHeader {
        to: Some("a.example".to_owned()),
        ..StreamHeader::default()
    };
    let mut scene = Scene {
        relay: Relay::new(config, opening, now),
        now,
        step,
        told: Vec::new(),
        web_over: false,
        shut: false,
        aborted: false,
    };
    for &operation in operations {
        scene.apply(operation);
        scene.drain();
    }
    // A client that leaves ends everything in bounded time, held or not.
    scene.event(session::Event::Closed(session::Closed {
        how: (),
        clean: false,
        undelivered: Vec::new(),
    }));
    scene.drain();
    for _ in 0..16 {
        scene.transmit();
        scene.drain();
        let Some(deadline) = scene.relay.poll_timeout() else {
            break;
        };
        scene.expire(deadline);
        scene.drain();
    }
    assert!(scene.shut, "never shut");
    assert_eq!(scene.relay.poll_timeout(), None, "still waiting");
    scene.told
}

impl Scene {
    fn apply(&mut self, operation: u8) {
        let now = self.now;
        match operation {
            0..=111 => self.feed(SERVER[usize::from(operation) % SERVER.len()]),
            112..=181 => {
                let xml = CLIENT[usize::from(operation) % CLIENT.len()];
                let element = Element::parse(xml.to_owned().into(), &XmlLimits::default());
                self.event(session::Event::Element(element.expect("one of ours")));
            }
            182..=195 => self.event(session::Event::Restarted(StreamHeader::default())),
            196 => self.event(session::Event::Closing),
            197 | 198 => {
                let clean = operation == 197;
                self.event(session::Event::Closed(session::Closed {
                    how: (),
                    clean,
                    undelivered: Vec::new(),
                }));
            }
            199 => self.relay.shutdown(now),
            200..=203 => self.relay.hold_input(now),
            204..=209 => self.relay.release_input(now),
            210..=216 => self.relay.handle_tls(now),
            217 => self.relay.handle_redialed(Tls::StartTls, now),
            218 => self.relay.handle_unreachable(now),
            219 => self
                .relay
                .handle_located(Target::parse("node.example"), now),
            220 => self.relay.handle_located(None, now),
            221..=223 => self.relay.handle_eof(now),
            224..=235 => {
                if let Some(deadline) = self.relay.poll_timeout() {
                    self.expire(deadline);
                }
            }
            236..=239 => {
                self.now += Duration::from_millis(u64::from(operation % 4) * 900);
                self.relay.handle_timeout(self.now);
            }
            240 => self.relay.handle_timeout(now - Duration::from_secs(2)),
            241..=255 => self.transmit(),
        }
    }

    /// As the driver does it: what is behind an order to connect elsewhere goes with its connection.
    fn feed(&mut self, text: &str) {
        for piece in text.as_bytes().chunks(self.step.min(text.len())) {
            self.relay
                .handle_input(&mut BytesMut::from(piece), self.now);
            if self.drain() == Redialled::Yes {
                return;
            }
        }
    }

    fn event(&mut self, event: session::Event<()>) {
        if let session::Event::Closed(_) = event {
            self.web_over = true;
        }
        self.relay.handle_session(event, self.now);
    }

    fn expire(&mut self, deadline: Instant) {
        self.now = self.now.max(deadline);
        self.relay.handle_timeout(self.now);
        let next = self.relay.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "no progress");
    }

    fn transmit(&mut self) {
        while let Some(bytes) = self.relay.poll_transmit() {
            assert!(!self.aborted && !bytes.is_empty());
            self.told.push(format!("{bytes:?}"));
        }
    }

    fn drain(&mut self) -> Redialled {
        let mut redialled = Redialled::No;
        while let Some(action) = self.relay.poll_action() {
            assert!(!self.aborted, "{action:?} behind the abort");
            match action {
                Action::Abort => {
                    self.told.push("abort".to_owned());
                    self.shut = true;
                    self.aborted = true;
                    assert_eq!(self.relay.poll_timeout(), None);
                }
                Action::Close => {
                    assert!(!self.shut, "closed twice");
                    self.told.push("close".to_owned());
                    self.shut = true;
                }
                Action::Handover(_) => self.told.push("tls".to_owned()),
                Action::Deliver(action) => {
                    assert!(!self.web_over, "{action:?} for a web side that is over");
                    match &action {
                        relay::Event::Server(ServerAction::Redial(_)) => {
                            redialled = Redialled::Yes;
                        }
                        relay::Event::Server(ServerAction::LoginFailed { .. }) => {
                            self.relay.pause(self.now + Duration::from_secs(1));
                        }
                        relay::Event::Server(_) => {}
                        relay::Event::Session(order) => {
                            self.order(order);
                            continue;
                        }
                    }
                    self.told.push(format!("{action:?}"));
                }
            }
        }
        redialled
    }

    fn order(&mut self, action: &Order) {
        let line = match action {
            Order::Element(element) => {
                shown(element);
                format!("{:?}", element.raw())
            }
            Order::End(close) => {
                self.web_over = true;
                if let Ending::StreamError(element) = close {
                    shown(element);
                }
                format!("{close:?}")
            }
            Order::Open(_) | Order::Resumable(_) | Order::Hold | Order::Release => {
                format!("{action:?}")
            }
        };
        self.told.push(line);
    }
}

/// What reaches the client stands alone and says nothing of what is behind the gateway.
fn shown(element: &Element) {
    let again = Element::parse(element.raw().clone(), &XmlLimits::default());
    assert_eq!(again.expect("stands alone").name(), element.name());
    assert!(!element.has_prefixed(ns::CLIENT), "{element:?}");
    let text = String::from_utf8_lossy(element.raw());
    for hidden in [
        "see-other-host",
        "hidden.example",
        "EXTERNAL",
        "location=",
        ns::TLS,
    ] {
        // A client may see what it asked for itself, and a server's word for TLS at the wrong time.
        let own = hidden == ns::TLS && element.name().namespace == ns::TLS;
        assert!(own || !text.contains(hidden), "{text}");
    }
    if element.is_stanza() {
        assert_eq!(element.prefix(), None);
    }
}

/// Whether the server is elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Redialled {
    Yes,
    No,
}
