//! permessage-deflate below XMPP (RFC 7692 §8): nothing is compressed before a client is authenticated and bound.

use bytes::BytesMut;
use ws_framing::{
    connection::Action,
    deflate,
    xmpp::{Config, Event, client, server},
};
use xmpp_wire::StreamHeader;

use crate::support::{
    Rig,
    stream::{FEATURES, SUCCESS, element},
};

const BOUND: &str = "<iq xmlns='jabber:client' type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>u@a.example/r</jid></bind></iq>";

/// A client and a server that agreed on compression and are linked by hand.
struct Ends {
    client: Rig<client::Session>,
    server: Rig<server::Session>,
}

impl Ends {
    fn new() -> Self {
        let config = deflate::Config::default();
        let agreed = deflate::accept([&b"permessage-deflate"[..]], &config);
        let agreed = agreed.unwrap().unwrap().agreed;
        Self {
            client: Rig::new(|now| {
                client::Session::new(Config::default(), [8; 32], now).with_deflate(agreed)
            }),
            server: Rig::new(|now| {
                server::Session::new(Config::default(), [7; 32], now).with_deflate(agreed)
            }),
        }
    }

    /// Everything on its way arrives; the first bytes of the frames, from the client and from the server.
    fn carry(&mut self) -> (Vec<u8>, Vec<u8>) {
        let up = self.client.output();
        self.server.feed(&up);
        let down = self.server.output();
        self.client.feed(&down);
        (firsts(&up), firsts(&down))
    }

    fn open(&mut self) {
        let to = Some("a.example".to_owned());
        let header = StreamHeader {
            to: to.clone(),
            ..StreamHeader::default()
        };
        // A second stream has been opened by the success of SASL.
        drop(self.client.machine.open(header, self.client.now));
        assert_eq!(self.carry().0, [0x81]);
        let header = StreamHeader {
            from: to,
            ..StreamHeader::default()
        };
        self.server.machine.open(header, self.server.now).unwrap();
        self.server.send(FEATURES);
        assert_eq!(self.carry().1, [0x81, 0x81]);
    }

    /// A large message each way; the first bytes of both.
    fn talk(&mut self) -> (Vec<u8>, Vec<u8>) {
        let large = format!("<x xmlns='u:x'>{}</x>", "secret ".repeat(200));
        self.client.send(&large);
        self.server.send(&large);
        self.client.actions();
        self.server.actions();
        let firsts = self.carry();
        for got in [self.client.actions(), self.server.actions()] {
            assert!(
                matches!(&got[..], [Action::Deliver(Event::Element(got))] if *got == element(&large)),
                "{got:?}"
            );
        }
        firsts
    }
}

/// The first byte of each frame.
fn firsts(bytes: &[u8]) -> Vec<u8> {
    let mut firsts = Vec::new();
    let mut rest = bytes;
    while let [first, second, behind @ ..] = rest {
        firsts.push(*first);
        let (extended, length) = match second & 0x7f {
            126 => (2, usize::from(u16::from_be_bytes([behind[0], behind[1]]))),
            127 => panic!("a long frame"),
            short => (0, usize::from(short)),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        rest = &behind[extended + mask + length..];
    }
    firsts
}

/// W-R-200, W-R-217: not while authenticating, not before the resource is bound; then on both ends.
#[test]
fn nothing_is_compressed_before_the_client_is_bound() {
    let mut ends = Ends::new();
    ends.open();
    let plain = (vec![0x81], vec![0x81]);
    assert_eq!(ends.talk(), plain);
    // Nothing that looks like the end of signing in counts before authentication.
    ends.server.send(BOUND);
    ends.carry();
    assert_eq!(ends.talk(), plain);
    ends.server.send(SUCCESS);
    assert_eq!(ends.carry().1, [0x81]);
    ends.open();
    assert_eq!(ends.talk(), plain);
    ends.server.send("<iq xmlns='jabber:client' type='error' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    ends.carry();
    assert_eq!(ends.talk(), plain);
    ends.server.send(BOUND);
    assert_eq!(ends.carry().1, [0x81]);
    assert_eq!(ends.talk(), (vec![0xc1], vec![0xc1]));
}

/// W-R-217: the other ends of signing in, SASL2 with what it binds or resumes, and XEP-0198.
#[test]
fn every_way_to_be_bound_allows_compression() {
    for (success, compressed) in [
        ("<success xmlns='urn:xmpp:sasl:2'/>", false),
        (
            "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'/></success>",
            true,
        ),
        (
            "<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3'/></success>",
            true,
        ),
    ] {
        let mut ends = Ends::new();
        ends.open();
        ends.server.send(success);
        assert_eq!(ends.carry().1, [0x81]);
        let first = if compressed { 0xc1 } else { 0x81 };
        assert_eq!(ends.talk(), (vec![first], vec![first]), "{success}");
        ends.server.send("<resumed xmlns='urn:xmpp:sm:3'/>");
        ends.carry();
        assert_eq!(ends.talk(), (vec![0xc1], vec![0xc1]));
    }
}

/// W-R-200: where nothing was agreed on, nothing changes.
#[test]
fn without_an_agreement_nothing_is_compressed() {
    let mut rig = Rig::running(Config::default());
    rig.send(BOUND);
    rig.output();
    rig.send(&format!("<x xmlns='u:x'>{}</x>", "a".repeat(2000)));
    assert_eq!(firsts(&rig.output()), [0x81]);
    assert_eq!(rig.buffer, BytesMut::new());
}

/// RFC 6455 §10.4: elements that were inflated wait to be taken before more are.
#[test]
fn inflated_elements_wait_for_the_application() {
    let mut ends = Ends::new();
    ends.open();
    let bound = "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'/></success>";
    ends.server.send(bound);
    ends.carry();
    let large = format!("<x xmlns='u:x'>{}</x>", "a".repeat(40_000));
    for _ in 0..6 {
        ends.client.send(&large);
    }
    let bytes = ends.client.output();
    assert!(bytes.len() < 4096, "{}", bytes.len());
    ends.server.actions();
    ends.server.feed(bytes);
    let mut came = 0;
    while !ends.server.machine.wants_input() {
        let elements = ends.server.actions().len();
        assert_eq!(elements, 2);
        came += elements;
        ends.server.feed("");
    }
    assert_eq!(came, 6);
    assert!(ends.server.buffer.is_empty());
}
