//! RFC 6455 §5: the frame codec.

use crate::support::{KEY, Rig, close, hex, masked, text, unmasked};
use bytes::Bytes;
use ws_framing::{
    CloseCode, Connection,
    connection::{Action, Binary, Cause, Config, Event, Message},
    xmpp,
};

fn server() -> Rig<Connection> {
    Rig::server(Config::default())
}

fn accepting_binary() -> Config {
    let mut config = Config::default();
    config.binary = Binary::Accepted;
    config
}

/// The server answers `bytes` with exactly this Close code and says so once.
fn fails(config: Config, bytes: &[u8], code: u16) {
    let mut rig = Rig::server(config);
    rig.feed(bytes);
    let (messages, closed) = rig.events();
    assert_eq!(messages, Vec::<Bytes>::new());
    let closed = closed.unwrap_or_else(|| panic!("{bytes:x?} goes through"));
    assert_eq!(closed.code, 1006, "no Close frame came");
    assert_eq!(closed.cause, Cause::Fault(CloseCode::new(code).unwrap()));
    assert_eq!(rig.transcript(), [format!("Close {code}")]);
    assert!(!rig.machine.wants_input());
}

fn fails_by_default(bytes: &str, code: u16) {
    fails(Config::default(), &hex(bytes), code);
}

/// W-R-100: every form of the length, both ways.
#[test]
fn payloads_of_every_length_form_arrive() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537] {
        let payload = vec![b'x'; length];
        let mut rig = server();
        rig.feed(masked(0x81, &payload));
        assert_eq!(rig.events(), (vec![payload.clone().into()], None));
        let sent = Message::from(String::from_utf8(payload.clone()).unwrap());
        rig.machine.send(sent, rig.now).unwrap();
        assert_eq!(rig.output(), unmasked(0x81, &payload));
    }
}

/// W-R-100: headers of every length.
#[test]
fn headers_are_the_golden_bytes() {
    for (length, header) in [
        (126, "81 7e 00 7e"),
        (65_535, "81 7e ff ff"),
        (65_536, "81 7f 00 00 00 00 00 01 00 00"),
    ] {
        let mut rig = server();
        let sent = Message::from("x".repeat(length));
        rig.machine.send(sent, rig.now).unwrap();
        let transmit = rig.machine.poll_transmit().unwrap();
        assert_eq!(&transmit.head[..], hex(header));
        assert_eq!(transmit.payload.len(), length);
    }
}

/// W-R-101: lengths come in their shortest form.
#[test]
fn a_length_in_a_longer_form_fails() {
    fails_by_default("81 fe 00 05 a1b2c3d4", 1002);
    fails_by_default("81 fe 00 7d a1b2c3d4", 1002);
    fails(
        accepting_binary(),
        &hex("82 ff 00 00 00 00 00 00 ff ff"),
        1002,
    );
    let mut client = Rig::client(Config::default());
    client.feed(hex("81 7e 00 05 48 65 6c 6c 6f"));
    assert_eq!(
        client.events().1.map(|closed| closed.cause),
        Some(Cause::Fault(CloseCode::PROTOCOL_ERROR))
    );
}

/// W-R-102: the top bit of the long form.
#[test]
fn a_length_with_its_top_bit_fails_at_that_byte() {
    fails_by_default("81 ff 80", 1002);
}

/// W-R-103: limits are judged at the header.
#[test]
fn an_announced_payload_above_the_limit_fails_at_the_header() {
    fails_by_default("81 ff 00 00 01 00 00 00 00 00 a1b2c3d4", 1009);
    let mut config = Config::default();
    config.message_bytes = 126;
    let mut rig = Rig::server(config.clone());
    rig.feed(masked(0x81, &[b'x'; 126]));
    assert_eq!(rig.events().0.len(), 1);
    fails(config.clone(), &masked(0x81, &[b'x'; 127])[..8], 1009);
    // The running total counts.
    let mut rig = Rig::server(config);
    rig.feed(masked(0x01, &[b'x'; 100]));
    rig.feed(masked(0x80, &[b'x'; 26]));
    assert_eq!(rig.events().0.len(), 1);
    rig.feed(masked(0x01, &[b'x'; 100]));
    rig.feed(&masked(0x80, &[b'x'; 27])[..6]);
    assert_eq!(rig.transcript(), ["Close 1009"]);
}

/// W-R-103: a bound on frames of its own.
#[test]
fn a_frame_above_its_own_limit_fails() {
    let mut config = Config::default();
    config.frame_bytes = 10;
    let mut rig = Rig::server(config.clone());
    rig.feed(masked(0x01, &[b'x'; 10]));
    rig.feed(masked(0x80, &[b'x'; 10]));
    assert_eq!(rig.events().0, [Bytes::from_static(&[b'x'; 20])]);
    fails(config, &masked(0x01, &[b'x'; 11])[..6], 1009);
}

/// W-R-104: decided on the second byte.
#[test]
fn an_unmasked_frame_from_a_client_fails() {
    for bytes in ["81 05", "80 00", "88 00", "89 00", "8a 00"] {
        let code = 1002;
        fails_by_default(bytes, code);
    }
    fails(accepting_binary(), &hex("82 05"), 1002);
}

/// W-R-105.
#[test]
fn a_masked_frame_from_a_server_fails() {
    let mut client = Rig::client(Config::default());
    client.feed(hex("81 85"));
    let closed = client.events().1.unwrap();
    assert_eq!(closed.cause, Cause::Fault(CloseCode::PROTOCOL_ERROR));
}

/// W-R-106: every frame of a client has a key of its own, also empty and control frames; a server masks nothing.
#[test]
fn clients_mask_with_fresh_keys() {
    let mut client = Rig::client(Config::default());
    let mut keys = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        client.send("");
        let bytes = client.output();
        assert_eq!(bytes[..2], [0x81, 0x80]);
        keys.insert(bytes[2..6].to_vec());
    }
    assert!(keys.len() > 9_990, "{} keys", keys.len());
    client.machine.ping(Bytes::new(), client.now).unwrap();
    assert_eq!(client.output()[..2], [0x89, 0x80]);
    client.machine.close(CloseCode::NORMAL, "", client.now);
    assert_eq!(client.output()[..2], [0x88, 0x82]);
    let mut server = server();
    for size in [0, 1, 125, 126, 70_000] {
        let sent = Message::from("x".repeat(size));
        server.machine.send(sent, server.now).unwrap();
        assert_eq!(server.output()[1] & 0x80, 0);
    }
    server.machine.ping(Bytes::new(), server.now).unwrap();
    server.machine.close(CloseCode::NORMAL, "", server.now);
    assert_eq!(server.output(), hex("89 00 88 02 03e8"));
}

/// W-R-107: `send` takes bytes that nobody can write to or append to any more while they are on their way.
#[test]
fn a_payload_in_flight_is_fixed() {
    for mut rig in [server(), Rig::client(Config::default())] {
        let payload = Bytes::from(vec![b'x'; 2000]);
        let kept = payload.clone();
        rig.machine.send(Message::Binary(payload), rig.now).unwrap();
        let kept = kept.try_into_mut().unwrap_err();
        rig.output();
        assert!(
            kept.try_into_mut().is_ok(),
            "they are the application's again"
        );
    }
}

/// W-R-108: the key follows the payload across any cut.
#[test]
fn unmasking_does_not_see_cuts() {
    let payload: Vec<u8> = (b' '..b' ' + 64).collect();
    let bytes = masked(0x81, &payload);
    assert_eq!(bytes[2..6], KEY);
    for cut in 0..bytes.len() {
        let mut rig = server();
        rig.feed(&bytes[..cut]).feed(&bytes[cut..]);
        assert_eq!(rig.events().0, [&payload[..]], "cut at {cut}");
    }
}

/// W-R-109: without an extension the reserved bits are zero, RSV1 too.
#[test]
fn reserved_bits_fail() {
    for bits in 1..8 {
        for opcode in [0x81, 0x89, 0x8a, 0x88, 0x01] {
            fails(Config::default(), &[opcode | bits << 4], 1002);
        }
    }
}

/// W-R-110.
#[test]
fn reserved_opcodes_fail() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        fails(Config::default(), &[0x80 | opcode], 1002);
        fails(Config::default(), &masked(opcode, b""), 1002);
        fails(Config::default(), &masked(0x80 | opcode, b"x"), 1002);
    }
}

/// W-R-111.
#[test]
fn control_frames_are_whole_and_short() {
    for opcode in [8, 9, 10] {
        fails(Config::default(), &[opcode], 1002);
        fails(Config::default(), &[0x80 | opcode, 0xfe], 1002);
        fails(Config::default(), &[0x80 | opcode, 0xff], 1002);
    }
    let mut rig = server();
    rig.feed(masked(0x89, &[b'x'; 125]));
    assert_eq!(rig.frames(), [(0x8a, vec![b'x'; 125])]);
}

/// W-R-112, W-R-114: `<p>é</p>` in two frames, cut inside é, a ping between.
#[test]
fn fragments_become_one_message_around_a_ping() {
    let mut client = Rig::client(Config::default());
    client.feed(hex("01 04 3c 70 3e c3"));
    client.feed(hex("89 00"));
    assert_eq!(client.events().0.len(), 0);
    let pong = client.output();
    assert_eq!(
        pong[..2],
        [0x8a, 0x80],
        "answered before the message is complete"
    );
    client.feed(hex("80 05 a9 3c 2f 70 3e"));
    assert_eq!(client.events().0, ["<p>é</p>"]);
}

/// W-R-112, W-R-117: empty fragments anywhere, and no meaning in the boundaries.
#[test]
fn empty_fragments_are_legal() {
    let mut rig = server();
    rig.feed(masked(0x01, b"")).feed(masked(0x00, b"hi"));
    rig.feed(masked(0x00, b"")).feed(masked(0x80, b""));
    rig.feed(masked(0x01, b"")).feed(masked(0x80, b""));
    assert_eq!(rig.events().0, ["hi", ""]);
}

/// W-R-113.
#[test]
fn fragments_do_not_interleave() {
    fails_by_default("80", 1002);
    fails_by_default("00", 1002);
    for second in [0x81, 0x01, 0x82] {
        let mut bytes = masked(0x01, b"a");
        bytes.push(second);
        fails(accepting_binary(), &bytes, 1002);
    }
    // A complete message leaves nothing to continue.
    let mut bytes = masked(0x01, b"a");
    bytes.extend(masked(0x80, b"b"));
    bytes.push(0x80);
    let mut rig = server();
    rig.feed(bytes);
    assert_eq!(rig.transcript(), ["Close 1002"]);
}

/// W-R-115: the boundary of the number of fragments, empty ones included.
#[test]
fn too_many_fragments_fail_with_1008() {
    let mut config = Config::default();
    config.fragments = 3;
    let three = [masked(0x01, b""), masked(0x00, b""), masked(0x80, b"x")].concat();
    let mut rig = Rig::server(config.clone());
    rig.feed(three);
    assert_eq!(rig.events().0, ["x"]);
    let four = [
        masked(0x01, b""),
        masked(0x00, b""),
        masked(0x00, b""),
        masked(0x00, b""),
    ];
    fails(config, &four.concat(), 1008);
    let mut flood = masked(0x01, b"");
    for _ in 0..1024 {
        flood.extend(masked(0x00, b""));
    }
    fails(Config::default(), &flood, 1008);
}

/// W-R-116, W-R-125, W-R-107: a message leaves as one frame, its payload uncopied; who keeps a share of it cannot change it.
#[test]
fn a_large_message_leaves_as_one_frame_uncopied() {
    let mut rig = server();
    let payload = Bytes::from(vec![b'x'; 1 << 20]);
    let at = payload.as_ptr();
    let kept = payload.clone();
    let message = Message::Text(payload.try_into().unwrap());
    rig.machine.send(message, rig.now).unwrap();
    let transmit = rig.machine.poll_transmit().unwrap();
    assert_eq!(&transmit.head[..], hex("81 7f 00 00 00 00 00 10 00 00"));
    assert_eq!(transmit.payload.as_ptr(), at);
    assert!(kept.try_into_mut().is_err());
    assert_eq!(rig.machine.poll_transmit(), None);
}

/// W-R-118: UTF-8 over the whole message.
#[test]
fn text_is_utf8() {
    for valid in [
        "κόσμε",
        "\u{fffe}\u{ffff}\u{1ffff}",
        "\u{7f}\u{80}\u{7ff}\u{800}\u{10ffff}",
    ] {
        let mut rig = server();
        rig.feed(text(valid));
        assert_eq!(rig.events().0, [valid.to_owned()]);
    }
    for invalid in [
        "c0 af",
        "e0 80 af",
        "f0 80 80 af",
        "ed a0 80",
        "ed bf bf",
        "f4 90 80 80",
        "fe",
        "ff",
        "80",
        "bf",
        "f8 88 80 80 80",
        "c3",
        "e2 82",
        "f0 9f 98",
    ] {
        fails(Config::default(), &masked(0x81, &hex(invalid)), 1007);
    }
    // Invalid across a fragment boundary; cut at the end of the message.
    let cut = [masked(0x01, &hex("ce")), masked(0x80, &hex("41"))].concat();
    fails(Config::default(), &cut, 1007);
    let short = [masked(0x01, &hex("ce ba e1")), masked(0x80, b"")].concat();
    fails(Config::default(), &short, 1007);
}

/// W-R-119: the first byte that cannot continue fails, inside a frame and between frames.
#[test]
fn bad_text_fails_before_its_frame_is_complete() {
    let good = hex("ce ba e1 bd b9 cf 83 ce bc ce b5");
    let payload = [good.clone(), hex("f4 90 80 80 65 64 69 74 65 64")].concat();
    let bytes = masked(0x81, &payload);
    let header = bytes.len() - payload.len();
    let mut rig = server();
    rig.feed(&bytes[..header + good.len() + 1]);
    assert_eq!(rig.actions(), [], "f4 may begin a character");
    rig.feed(&bytes[header + good.len() + 1..header + good.len() + 2]);
    assert_eq!(rig.transcript(), ["Close 1007"]);
    // A fragment that is not the last.
    let mut rig = server();
    rig.feed(masked(0x01, &good));
    rig.feed(&masked(0x00, &hex("f4 90 80 80"))[..8]);
    assert_eq!(rig.transcript(), ["Close 1007"]);
}

/// W-R-120: what is UTF-8 and not XML is the next layer's to refuse.
#[test]
fn characters_that_xml_forbids_are_text() {
    for forbidden in ["\u{1}", "\0", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        let message = format!("<message xmlns='jabber:client'>{forbidden}</message>");
        let mut rig = server();
        rig.feed(text(&message));
        assert_eq!(rig.events().0, std::slice::from_ref(&message));
        let mut session = Rig::running(xmpp::Config::default());
        session.feed(text(&message));
        let transcript = session.transcript();
        assert!(
            transcript[0].contains("<not-well-formed "),
            "{transcript:?}"
        );
        assert!(transcript[1].starts_with("<close "), "{transcript:?}");
        assert_eq!(transcript.len(), 2);
    }
}

/// W-R-121: refused on the header.
#[test]
fn binary_is_refused_with_1003() {
    fails_by_default("82", 1003);
    fails_by_default("02", 1003);
    let mut rig = Rig::server(accepting_binary());
    rig.feed(masked(0x82, &[0xff, 0]));
    rig.feed(masked(0x02, &[0xff])).feed(masked(0x80, &[1]));
    let expected = [&[0xff, 0][..], &[0xff, 1]].map(|bytes| {
        Action::Deliver(Event::Message(Message::Binary(Bytes::copy_from_slice(
            bytes,
        ))))
    });
    assert_eq!(rig.actions(), expected);
}

/// W-R-122: after a failure nothing is decoded, everything is taken.
#[test]
fn a_failure_is_final() {
    let mut rig = server();
    rig.feed([text("a"), hex("83"), text("b")].concat());
    assert_eq!(rig.events().0, ["a"]);
    rig.feed(text("c")).feed(close(1000));
    assert_eq!(rig.actions(), []);
    assert!(rig.buffer.is_empty());
    assert_eq!(rig.transcript(), ["Close 1002"]);
}

/// RFC 6455 §10.4: an announced payload allocates nothing.
#[test]
fn memory_follows_what_came() {
    let mut rig = server();
    rig.feed(&masked(0x81, &[b'x'; 200_000])[..100]);
    assert!(rig.buffer.capacity() < 1024, "{}", rig.buffer.capacity());
}

/// W-R-126: no data after our Close.
#[test]
fn nothing_is_sent_after_our_close() {
    let mut rig = server();
    rig.machine.close(CloseCode::NORMAL, "", rig.now);
    let refused = rig.machine.send(Message::from("late"), rig.now);
    assert_eq!(refused.unwrap_err().into_inner(), Message::from("late"));
    assert_eq!(rig.transcript(), ["Close 1000"]);
}

/// W-R-125: small frames leave together, a large payload alone behind its header.
#[test]
fn small_frames_are_written_together() {
    let mut rig = server();
    rig.send("a");
    rig.send("b");
    rig.machine.send("x".repeat(2000).into(), rig.now).unwrap();
    rig.send("c");
    let first = rig.machine.poll_transmit().unwrap();
    assert_eq!(&first.head[..], hex("8101 61 8101 62 817e 07d0"));
    assert_eq!(first.payload.len(), 2000);
    let second = rig.machine.poll_transmit().unwrap();
    assert_eq!(
        (&second.head[..], &second.payload[..]),
        (&hex("8101")[..], &b"c"[..])
    );
    assert_eq!(rig.machine.poll_transmit(), None);
}

/// The client's `<open/>`, 81 bytes under the mask a1b2c3d4.
#[test]
fn the_golden_open_is_read() {
    let bytes = hex(
        "81 d1 a1 b2 c3 d4 9d dd b3 b1 cf 92 bb b9 cd dc b0 e9 83 c7 b1 ba 9b db a6 a0 c7 88 b3 b5 d3 d3
         ae a7 9b ca ae b8 9b dc b0 ee d9 df b3 a4 8c d4 b1 b5 cc db ad b3 83 92 b7 bb 9c 90 a2 fa c4 ca
         a2 b9 d1 de a6 f6 81 c4 a6 a6 d2 db ac ba 9c 90 f2 fa 91 90 e3 fb 9f",
    );
    let mut rig = server();
    rig.feed(bytes);
    let open =
        r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="a.example" version="1.0" />"#;
    assert_eq!(rig.events().0, [open]);
}
