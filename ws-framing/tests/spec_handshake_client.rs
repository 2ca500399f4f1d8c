//! RFC 6455 §4.1: the client's side of the opening handshake.

use bytes::BytesMut;
use ws_framing::{
    CloseCode,
    handshake::{
        client::{Config, Endpoint, Handshake, Refused, Upgraded},
        server,
    },
};
use xmpp_http1::{RequestHead, Version};

use crate::support::Rig;

fn handshake() -> Handshake {
    let endpoint = Endpoint::parse("wss://chat.example/ws?a").unwrap();
    Handshake::new(&endpoint, Config::default(), [7; 32])
}

fn field(handshake: &Handshake, name: &str) -> String {
    let request = std::str::from_utf8(handshake.request()).unwrap();
    let line = request
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.trim_start_matches(": ").to_owned()
}

/// The field lines that our own server answers with.
fn fields(handshake: &Handshake) -> Vec<(String, String)> {
    let request = std::str::from_utf8(handshake.request()).unwrap();
    let mut head = RequestHead::new("GET", "/ws?a", Version::Http11);
    for line in request.lines().skip(1).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        head = head.with_field(name, value);
    }
    server::accept(&head, 0, &server::Config::default())
        .unwrap()
        .response
        .fields
        .into_iter()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// A 101 with these lines in place of those of the same name; an empty value leaves the line out.
fn answer(handshake: &Handshake, changed: &[(&str, &str)]) -> String {
    let kept = fields(handshake)
        .into_iter()
        .filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
    let added = changed
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let lines: String = kept
        .chain(added)
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n")
}

fn judge(changed: &[(&str, &str)]) -> Result<Option<Upgraded>, Refused> {
    let mut handshake = handshake();
    let answer = answer(&handshake, changed);
    handshake.handle_input(&mut BytesMut::from(answer.as_str()))
}

/// W-R-053, W-R-054, W-R-055, W-R-066: golden bytes around the key.
#[test]
fn the_golden_request() {
    let handshake = handshake();
    let key = field(&handshake, "Sec-WebSocket-Key");
    let expected = format!(
        "GET /ws?a HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n"
    );
    assert_eq!(handshake.request(), &expected);
    assert_eq!((key.len(), key.ends_with("==")), (24, true));
}

/// W-R-054.
#[test]
fn keys_are_fresh() {
    let endpoint = Endpoint::parse("ws://h").unwrap();
    let key = |seed: u16| {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&seed.to_be_bytes());
        field(
            &Handshake::new(&endpoint, Config::default(), bytes),
            "Sec-WebSocket-Key",
        )
    };
    let keys: std::collections::BTreeSet<_> = (0..1000).map(key).collect();
    assert_eq!(keys.len(), 1000);
    assert_eq!(key(1), key(1));
}

/// W-R-063: what follows the head are frames, whatever the cuts.
#[test]
fn frames_behind_the_head_are_kept() {
    let bytes = [answer(&handshake(), &[]).as_bytes(), &[0x88, 0]].concat();
    for cut in 0..bytes.len() {
        let mut handshake = handshake();
        let mut input = BytesMut::from(&bytes[..cut]);
        let first = handshake.handle_input(&mut input).unwrap();
        input.extend_from_slice(&bytes[cut..]);
        let upgraded = first.or_else(|| handshake.handle_input(&mut input).unwrap());
        assert_eq!(upgraded.unwrap().subprotocol.as_deref(), Some("xmpp"));
        assert_eq!(&input[..], [0x88, 0]);
    }
}

/// W-R-057: any other answer is HTTP's, and is told.
#[test]
fn other_answers_are_told() {
    let mut input = BytesMut::from("HTTP/1.1 302 Found\r\nLocation: ws://h/\r\n\r\n");
    let refused = Refused::Status {
        status: 302,
        location: Some("ws://h/".to_owned()),
    };
    assert_eq!(handshake().handle_input(&mut input), Err(refused));
    let mut input = BytesMut::from("HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n");
    let refused = Refused::Status {
        status: 200,
        location: None,
    };
    assert_eq!(handshake().handle_input(&mut input), Err(refused));
}

/// W-R-058, W-R-059, W-R-060, W-R-061.
#[test]
fn a_101_says_what_it_must() {
    let accept = fields(&handshake())[2].1.clone();
    for (changed, wrong) in [
        (&[("Upgrade", "websocket2")][..], "Upgrade"),
        (&[("Upgrade", "")], "Upgrade"),
        (&[("Connection", "close")], "Connection"),
        (
            &[("Sec-WebSocket-Accept", &accept.to_lowercase())],
            "Sec-WebSocket-Accept",
        ),
        (
            &[
                ("Sec-WebSocket-Accept", &accept),
                ("Sec-WebSocket-Accept", &accept),
            ],
            "Sec-WebSocket-Accept",
        ),
        (&[("Sec-WebSocket-Accept", "")], "Sec-WebSocket-Accept"),
        (
            &[("Sec-WebSocket-Extensions", "permessage-deflate")],
            "Sec-WebSocket-Extensions",
        ),
        (
            &[("Sec-WebSocket-Protocol", "xmpp, foo")],
            "Sec-WebSocket-Protocol",
        ),
        (
            &[("Sec-WebSocket-Protocol", "XMPP")],
            "Sec-WebSocket-Protocol",
        ),
    ] {
        assert_eq!(judge(changed), Err(Refused::Field(wrong)), "{changed:?}");
    }
    let changed = [
        ("Upgrade", "WebSocket"),
        ("Connection", "keep-alive, upgrade"),
    ];
    assert!(judge(&changed).is_ok_and(|upgraded| upgraded.is_some()));
}

/// W-R-062: without the subprotocol it is a WebSocket, but not XMPP.
#[test]
fn a_missing_subprotocol_is_told() {
    let upgraded = judge(&[("Sec-WebSocket-Protocol", "")]);
    let upgraded = upgraded.unwrap().unwrap();
    assert_eq!(upgraded.subprotocol, None);
    assert_eq!(upgraded.farewell, Some(CloseCode::NORMAL));
    // The Close frame is all that it gets.
    let mut rig = Rig::client(Default::default());
    let farewell = upgraded.farewell.unwrap();
    rig.machine.close(farewell, "no subprotocol", rig.now);
    let bytes = rig.output();
    assert_eq!(bytes[..2], [0x88, 0x80 | 16]);
    assert_eq!(bytes.len(), 2 + 4 + 16);
}

/// W-R-064: the head and what may come before it are bounded.
#[test]
fn the_response_is_bounded() {
    let mut long = handshake();
    let mut input = BytesMut::from("HTTP/1.1 101 x\r\nX: ");
    input.resize(16_383, b'x');
    assert_eq!(long.handle_input(&mut input), Ok(None));
    input.extend_from_slice(b"x");
    assert_eq!(long.handle_input(&mut input), Err(Refused::Malformed));
    for (count, good) in [(8, true), (9, false)] {
        let mut handshake = handshake();
        let early = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(count);
        let mut input = BytesMut::from((early + &answer(&handshake, &[])).as_str());
        let judged = handshake.handle_input(&mut input);
        assert_eq!(judged.is_ok(), good);
    }
    for bytes in [
        "HTTP/1.0 101 x\r\n\r\n",
        "garbage\r\n\r\n",
        "HTTP/1.1 101 x\r\na b: c\r\n\r\n",
    ] {
        assert_eq!(
            handshake().handle_input(&mut BytesMut::from(bytes)),
            Err(Refused::Malformed)
        );
    }
}
