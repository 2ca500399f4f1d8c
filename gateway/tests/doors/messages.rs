//! Messages that are no XMPP (W-R-360): a stream error, `<close/>`, and Close 1000 behind the client's own `<close/>`.

use crate::{
    house::House,
    support::websocket::{Frame, OPEN, WebSocket, handshake},
    traffic::signed_in,
};

const CLOSE: &str = "<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />";

/// Where a client stands when it makes its mistake.
#[derive(Clone, Copy, Debug)]
enum Place {
    BeforeOpen,
    BeforeAuthentication,
    Bound(usize),
}

/// The farewell to `message`: our `<open/>` where there was none yet, then exactly these.
fn fails(house: &House, place: Place, message: &str, error: &str) {
    let address = house.address();
    let mut socket = match place {
        Place::BeforeOpen => WebSocket::connect(address, "/ws", &handshake("xmpp")).expect("a 101"),
        Place::BeforeAuthentication => WebSocket::open(address),
        Place::Bound(number) => signed_in(address, &format!("wrong{number}")),
    };
    socket.send(message);
    // In the same breath; it must go nowhere (W-R-340).
    socket.send(
        "<message xmlns='jabber:client' to='web0@localhost/door'><body>number 0</body></message>",
    );
    let mut rest = socket.rest();
    let start = message.get(..60).unwrap_or(message);
    if matches!(place, Place::BeforeOpen) {
        let open = rest.remove(0);
        let is_open = matches!(&open, Frame::Text(text) if text.starts_with("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" "));
        assert!(is_open, "{open:?} to {start}");
    }
    let error = format!(
        "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\">{error}</stream:error>"
    );
    let farewell = [
        Frame::Text(error),
        Frame::Text(CLOSE.to_owned()),
        Frame::Close(1000),
    ];
    assert_eq!(rest, farewell, "{place:?}: {start}");
}

fn condition(name: &str) -> String {
    format!("<{name} xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/>")
}

fn with_text(name: &str, text: &str) -> String {
    format!(
        "{}<text xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" xml:lang=\"en\">{text}</text>",
        condition(name)
    )
}

/// W-R-300, W-R-301, W-R-302, W-R-303, W-R-304, W-R-305, W-R-306.
#[test]
fn xml_that_is_bad_or_forbidden_ends_the_stream() {
    let house = House::open();
    let cases = [
        ("<message xmlns='jabber:client'>", "not-well-formed"),
        ("<message xmlns='jabber:client'></iq>", "not-well-formed"),
        (
            "<message xmlns='jabber:client'/><message xmlns='jabber:client'/>",
            "not-well-formed",
        ),
        ("<message xmlns='jabber:client'/>x", "not-well-formed"),
        (
            "<message xmlns='jabber:client'><x:y/></message>",
            "not-well-formed",
        ),
        (
            "<message xmlns='jabber:client' a='1' a='2'/>",
            "not-well-formed",
        ),
        (
            "<message xmlns='jabber:client'>\u{1}</message>",
            "not-well-formed",
        ),
        (
            "<message xmlns='jabber:client'>\u{ffff}</message>",
            "not-well-formed",
        ),
        (
            "<message xmlns='jabber:client'><!-- x --></message>",
            "restricted-xml",
        ),
        (
            "<!-- x --><message xmlns='jabber:client'/>",
            "restricted-xml",
        ),
        (
            "<message xmlns='jabber:client'><?a b?></message>",
            "restricted-xml",
        ),
        (
            "<message xmlns='jabber:client'>&nbsp;</message>",
            "restricted-xml",
        ),
        (
            "<!DOCTYPE x><message xmlns='jabber:client'/>",
            "restricted-xml",
        ),
        (
            "<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c '&a;&a;&a;'>]><x>&c;</x>",
            "restricted-xml",
        ),
        (
            "<?xml version='1.0' encoding='UTF-16'?><x xmlns='u:x'/>",
            "unsupported-encoding",
        ),
        (" <presence xmlns='jabber:client'/>", "bad-format"),
        ("\u{feff}<presence xmlns='jabber:client'/>", "bad-format"),
        ("hello", "bad-format"),
    ];
    for (number, (message, name)) in cases.into_iter().enumerate() {
        for place in [
            Place::BeforeOpen,
            Place::BeforeAuthentication,
            Place::Bound(number),
        ] {
            fails(&house, place, message, &condition(name));
        }
    }
    house.leave_intact();
}

/// W-R-310, W-R-328, W-R-332.
#[test]
fn wrong_namespaces_end_the_stream() {
    let house = House::open();
    for round in 0..5 {
        let open = OPEN.replace("urn:ietf:params:xml:ns:xmpp-framing", "jabber:client");
        fails(
            &house,
            Place::BeforeOpen,
            &open,
            &condition("invalid-namespace"),
        );
        let stream = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' to='localhost' version='1.0'>";
        fails(
            &house,
            Place::BeforeOpen,
            stream,
            &condition("invalid-namespace"),
        );
        let bound = Place::Bound(round);
        fails(
            &house,
            bound,
            "<message xmlns='jabber:server'/>",
            &condition("invalid-namespace"),
        );
        let prefixed = "<c:message xmlns:c='jabber:client'/>";
        fails(&house, bound, prefixed, &condition("bad-namespace-prefix"));
        let full = OPEN.replace("/>", "><x/></open>");
        fails(&house, Place::BeforeOpen, &full, &condition("bad-format"));
    }
    house.leave_intact();
}

/// W-R-329, W-R-331, RFC 6120 §4.9.3.12.
#[test]
fn what_comes_before_its_time_is_not_authorized() {
    let house = House::open();
    let stanza = "<message xmlns='jabber:client' to='echo@localhost'><body>early</body></message>";
    for round in 0..5 {
        fails(
            &house,
            Place::BeforeOpen,
            stanza,
            &condition("not-authorized"),
        );
        fails(
            &house,
            Place::BeforeAuthentication,
            stanza,
            &condition("not-authorized"),
        );
        let second = with_text("not-authorized", "no stream restart is due");
        fails(&house, Place::BeforeAuthentication, OPEN, &second);
        fails(&house, Place::Bound(round), OPEN, &second);
    }
    house.leave_intact();
}

/// A limit of the parser: no stack is spent on it.
#[test]
fn sixty_thousand_nested_elements_get_policy_violation() {
    let house = House::open();
    for round in 0..3 {
        let mut socket = signed_in(house.address(), &format!("deep{round}"));
        let message = format!("<message xmlns='jabber:client'>{}", "<a>".repeat(60_000));
        for piece in fragments(message.as_bytes()) {
            socket.raw(&piece);
        }
        let text = "the element is nested too deeply or has too many attributes";
        let error = with_text("policy-violation", text);
        let error = format!(
            "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\">{error}</stream:error>"
        );
        assert_eq!(
            socket.rest(),
            [
                Frame::Text(error),
                Frame::Text(CLOSE.to_owned()),
                Frame::Close(1000)
            ]
        );
    }
    house.leave_intact();
}

/// A message in frames of 50 000 bytes, masked with zeros.
fn fragments(message: &[u8]) -> Vec<Vec<u8>> {
    let pieces: Vec<_> = message.chunks(50_000).collect();
    let last = pieces.len() - 1;
    let frame = |(place, piece): (usize, &&[u8])| {
        let opcode = u8::from(place == 0);
        let first = if place == last { 0x80 | opcode } else { opcode };
        let length = u16::try_from(piece.len()).expect("a short one");
        let mut frame = vec![first, 0xfe];
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(piece);
        frame
    };
    pieces.iter().enumerate().map(frame).collect()
}
