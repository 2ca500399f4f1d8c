//! Bytes that are no frames of a client's (RFC 6455 §5 to §8).

use std::iter::repeat_n;

use crate::{
    house::House,
    support::websocket::{Frame, OPEN, WebSocket, handshake},
    traffic::signed_in,
};

/// A header and a mask of zeros.
fn header(first: u8, length: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    frame.extend_from_slice(length);
    frame.extend_from_slice(&[0; 4]);
    frame
}

/// A whole frame with a short payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short one");
    let mut frame = header(first, &[0x80 | length]);
    frame.extend_from_slice(payload);
    frame
}

fn connected(house: &House) -> WebSocket {
    WebSocket::connect(house.address(), "/ws", &handshake("xmpp")).expect("a 101")
}

/// What every client may get wrong, before and after its stream is open: no XML is said, the code is all.
fn fails(house: &House, bytes: &[u8], code: u16) {
    for mut socket in [connected(house), WebSocket::open(house.address())] {
        socket.raw(bytes);
        let start = bytes.get(..bytes.len().min(16)).unwrap_or_default();
        assert_eq!(socket.rest(), [Frame::Close(code)], "{start:02x?}");
    }
}

#[test]
fn frames_that_are_not_masked_or_reserved_get_1002() {
    let house = House::open();
    for _ in 0..2 {
        fails(&house, b"\x81\x05hello", 1002);
        fails(&house, b"\x89\x00", 1002);
        for bits in [0x10, 0x20, 0x40, 0x70] {
            for opcode in [0x81, 0x88, 0x89] {
                fails(&house, &frame(bits | opcode, b""), 1002);
            }
        }
        for opcode in (3..8).chain(11..16) {
            fails(&house, &frame(0x80 | opcode, b""), 1002);
            fails(&house, &frame(opcode, b"x"), 1002);
        }
    }
    house.leave_intact();
}

#[test]
fn lengths_that_are_not_minimal_or_too_large_are_refused_on_the_header() {
    let house = House::open();
    for _ in 0..3 {
        fails(&house, &header(0x81, b"\xfe\x00\x7d"), 1002);
        fails(&house, &header(0x81, b"\xff\0\0\0\0\0\0\xff\xff"), 1002);
        fails(&house, &header(0x81, b"\xff\x80\0\0\0\0\0\0\0"), 1002);
    }
    house.leave_intact();
}

#[test]
fn fragments_out_of_place_get_1002() {
    let house = House::open();
    for _ in 0..3 {
        for first in [0x08, 0x09, 0x0a] {
            fails(&house, &frame(first, b""), 1002);
        }
        fails(&house, &header(0x89, b"\xfe\x00\x7e"), 1002);
        fails(&house, &frame(0x80, b"<x/>"), 1002);
        fails(&house, &frame(0x00, b"<x/>"), 1002);
        fails(
            &house,
            &[frame(0x01, b"<x"), frame(0x81, b"/>")].concat(),
            1002,
        );
    }
    house.leave_intact();
}

/// W-R-154, W-R-155.
#[test]
fn bad_closes_get_1002_or_1007() {
    let house = House::open();
    for _ in 0..2 {
        fails(&house, &frame(0x88, b"\x03"), 1002);
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            let code: u16 = code;
            fails(&house, &frame(0x88, &code.to_be_bytes()), 1002);
        }
        fails(&house, &frame(0x88, b"\x03\xe8\xff"), 1007);
    }
    house.leave_intact();
}

#[test]
fn text_that_is_not_utf8_gets_1007_and_binary_1003() {
    let house = House::open();
    for _ in 0..3 {
        for text in [
            &b"\xff"[..],
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"<x>\xe2\x82",
        ] {
            fails(&house, &frame(0x81, text), 1007);
        }
        // As soon as it shows, W-R-119.
        fails(&house, &frame(0x01, b"<x>\xff"), 1007);
        fails(&house, &frame(0x82, b"<x/>"), 1003);
        fails(&house, &frame(0x02, b""), 1003);
    }
    house.leave_intact();
}

/// W-R-115, W-R-153.
#[test]
fn floods_of_fragments_or_pings_get_1008() {
    let house = House::open();
    let fragments: Vec<u8> = repeat_n(frame(0x00, b""), 1_024).flatten().collect();
    let fragments = [frame(0x01, b""), fragments].concat();
    let pings: Vec<u8> = repeat_n(frame(0x89, b"now"), 5_000).flatten().collect();
    for _ in 0..3 {
        fails(&house, &fragments, 1008);
        for mut socket in [connected(&house), WebSocket::open(house.address())] {
            socket.raw(&pings);
            assert_eq!(ending(&mut socket), Frame::Close(1008));
        }
    }
    house.leave_intact();
}

/// The last frame, with pongs in front of it.
fn ending(socket: &mut WebSocket) -> Frame {
    let mut frames = socket.rest();
    let last = frames.pop().expect("a farewell");
    assert!(
        frames.iter().all(|frame| *frame == Frame::Pong),
        "{frames:?}"
    );
    last
}

/// W-R-103, W-R-344: on the header, whatever of the payload has come; a stream that is open is told in XML first.
#[test]
fn oversize_messages_get_1009_behind_policy_violation() {
    let house = House::open();
    let cut = |length: u64| header(0x81, &[&[0xff][..], &length.to_be_bytes()].concat());
    let stream = [
        Frame::Text(
            "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\">\
             <policy-violation xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/>\
             <text xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" xml:lang=\"en\">the message is larger than the limit</text>\
             <stanza-too-big xmlns=\"urn:xmpp:errors\"/></stream:error>"
                .to_owned(),
        ),
        Frame::Text("<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />".to_owned()),
        Frame::Close(1009),
    ];
    for round in 0..3 {
        for length in [1 << 20, 1 << 40] {
            let mut socket = connected(&house);
            socket.raw(&cut(length));
            assert_eq!(socket.rest(), [Frame::Close(1009)]);
            let mut socket = WebSocket::open(house.address());
            socket.raw(&cut(length));
            assert_eq!(socket.rest(), stream);
            let mut socket = signed_in(house.address(), &format!("large{round}-{length}"));
            socket.raw(&cut(length));
            assert_eq!(socket.rest(), stream);
        }
        // Before authentication 16 384 bytes are all; and a peer that blasts on still reads why.
        let mut socket = WebSocket::open(house.address());
        socket.frame(0x81, " ".repeat(16_385).as_bytes());
        assert_eq!(socket.rest(), stream);
        let mut socket = signed_in(house.address(), &format!("blast{round}"));
        socket.raw(&cut(1 << 20));
        socket.raw(&vec![b' '; 1 << 20]);
        assert_eq!(socket.rest(), stream);
        // In fragments it is the sum that counts.
        let mut socket = connected(&house);
        let half = " ".repeat(10_000);
        socket.frame(0x01, half.as_bytes());
        socket.frame(0x00, half.as_bytes());
        assert_eq!(socket.rest(), [Frame::Close(1009)]);
    }
    house.leave_intact();
}

/// W-R-025, W-R-026.
#[test]
fn what_comes_before_the_101_is_refused() {
    let house = House::open();
    for _ in 0..5 {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            handshake("xmpp")
        );
        let early = [request.as_bytes(), &frame(0x81, OPEN.as_bytes())].concat();
        let answer = crate::knock::knock(house.address(), &early);
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{answer}"
        );
        assert!(
            answer.ends_with("\r\n\r\nbytes behind the request\n"),
            "{answer}"
        );
    }
    house.leave_intact();
}
