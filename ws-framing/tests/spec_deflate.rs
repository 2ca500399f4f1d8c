//! RFC 7692: compressed messages.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use ws_framing::{
    Connection,
    connection::{Action, Binary, Cause, Compression, Config, Event, Message},
    deflate::{self, Takeover},
};

use crate::support::{Rig, masked};

/// What a client's end offers and a server agrees to, where both keep their windows.
fn keeping() -> deflate::Config {
    let mut config = deflate::Config::default();
    config.our_takeover = Takeover::Keep;
    config.their_takeover = Takeover::Keep;
    config.threshold_bytes = 0;
    config
}

fn resetting() -> deflate::Config {
    let mut config = deflate::Config::default();
    config.threshold_bytes = 0;
    config
}

fn agreed(config: &deflate::Config) -> deflate::Agreed {
    let offered = deflate::offer(config);
    let accepted = deflate::accept([offered.as_bytes()], config);
    accepted.unwrap().unwrap().agreed
}

fn binary() -> Config {
    let mut config = Config::default();
    config.binary = Binary::Accepted;
    config
}

fn server(config: Config, deflate: &deflate::Config) -> Rig<Connection> {
    let agreed = agreed(deflate);
    Rig::new(|now| Connection::server(config, now).with_deflate(agreed))
}

fn client(config: Config, deflate: &deflate::Config) -> Rig<Connection> {
    let agreed = agreed(deflate);
    Rig::new(|now| Connection::client(config, [7; 32], now).with_deflate(agreed))
}

/// `Hello`, compressed (RFC 7692 §7.2.3.1).
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

fn fails(mut rig: Rig<Connection>, bytes: &[u8], code: u16) {
    rig.feed(bytes);
    let (messages, closed) = rig.events();
    assert_eq!(messages, [] as [Bytes; 0]);
    let closed = closed.unwrap();
    assert_eq!(closed.code, 1006);
    assert!(
        matches!(closed.cause, Cause::Fault(given) if given.get() == code),
        "{closed:?}"
    );
}

/// W-R-206: the window outlives the message where takeover was agreed, and plain messages leave it alone.
#[test]
fn plain_messages_do_not_touch_the_window() {
    let mut server = server(Config::default(), &keeping());
    // RFC 7692 §7.2.3.2: the second "Hello" refers to the first.
    server
        .feed(masked(0xc1, HELLO))
        .feed(masked(0x81, b"plain and long enough to push something out"))
        .feed(masked(0xc1, b"\xf2\x00\x11\x00\x00"));
    let (messages, _) = server.events();
    assert_eq!(messages.len(), 3);
    assert_eq!(
        (&messages[0][..], &messages[2][..]),
        (&b"Hello"[..], &b"Hello"[..])
    );
}

/// W-R-206: a reference over 32 KiB less the match, which the window has to reach without an agreed limit.
#[test]
fn the_window_is_as_large_as_it_may_be() {
    let mut config = binary();
    config.message_bytes = 1 << 20;
    let (mut from, mut to) = (
        client(config.clone(), &keeping()),
        server(config, &keeping()),
    );
    let mut noise = 1_u32;
    let block: Vec<u8> = (0..32_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .collect();
    for round in 0..3 {
        let message = Message::Binary(block.clone().into());
        from.machine.send(message, from.now).unwrap();
        let wire = from.output();
        assert!(round == 0 || wire.len() < 1000, "{} bytes", wire.len());
        to.feed(wire);
        assert_eq!(to.events().0, [Bytes::from(block.clone())]);
    }
}

/// W-R-206: without takeover a message that refers to an earlier one is corrupt.
#[test]
fn without_takeover_there_is_no_earlier_message() {
    let mut rig = server(Config::default(), &resetting());
    rig.feed(masked(0xc1, HELLO));
    assert_eq!(rig.events().0, [&b"Hello"[..]]);
    fails(rig, &masked(0xc1, b"\xf2\x00\x11\x00\x00"), 1007);
}

/// W-R-207: the octets of RFC 7692 §7.2.3 and of a stanza, sent and read.
#[test]
fn the_golden_messages() {
    let request: &'static str = "<r xmlns='urn:xmpp:sm:3'/>";
    let mut rig = server(Config::default(), &keeping());
    rig.send(request);
    rig.send(request);
    assert_eq!(
        rig.output(),
        [
            &b"\xc1\x1c\xb2\x29\x52\xa8\xc8\xcd\xc9\x2b\xb6\x55\x2f\x2d\xca\xb3\xaa\xc8\x2d\x28\xb0\x2a\xce\xb5\x32\x56\xd7\xb7\x03\x00"[..],
            &b"\xc1\x05\xb2\xc1\x29\x03\x00"[..],
        ]
        .concat()
    );
    // Of an empty message one octet is left.
    let mut rig = server(Config::default(), &keeping());
    rig.send("");
    assert_eq!(rig.output(), b"\xc1\x01\x00");
    let mut rig = server(Config::default(), &keeping());
    rig.feed(masked(0xc1, b"\x00")).feed(masked(0xc1, HELLO));
    assert_eq!(rig.events().0, [&b""[..], b"Hello"]);
    // In two fragments (RFC 7692 §7.2.3.1), and with an empty one behind.
    rig.feed(masked(0x41, &HELLO[..3]))
        .feed(masked(0x00, &HELLO[3..]))
        .feed(masked(0x80, b""));
    assert_eq!(rig.events().0, [&b"Hello"[..]]);
}

/// W-R-208: all kinds of blocks, several of them, and final ones.
#[test]
fn blocks_of_any_kind() {
    for (payload, expected) in [
        // BFINAL, and the octet behind it.
        (&b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"[..], "Hello"),
        // The same without that octet.
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00", "Hello"),
        // Stored (RFC 7692 §7.2.3.3).
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
        // A final stored block, then a plain one.
        (
            b"\x01\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\xf2\x48\xcd\xc9\xc9\x07\x00",
            "HelloHello",
        ),
        // Two blocks (RFC 7692 §7.2.3.5).
        (
            b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
            "Hello",
        ),
        // Nothing at all, which some senders make of an empty message.
        (b"", ""),
    ] {
        for step in [1, payload.len().max(1)] {
            let mut rig = server(Config::default(), &resetting());
            let frame = masked(0xc1, payload);
            for piece in frame.chunks(step) {
                rig.feed(piece);
            }
            assert_eq!(rig.events().0, [expected.as_bytes()], "{payload:x?}");
        }
    }
}

/// W-R-209: RSV1 begins a message, and stands on no other frame.
#[test]
fn rsv1_is_for_the_first_frame_of_a_message() {
    let start = masked(0x41, &HELLO[..3]);
    for first in [0xc0, 0x40] {
        let bytes = [start.clone(), masked(first, &HELLO[3..])].concat();
        fails(server(Config::default(), &keeping()), &bytes, 1002);
    }
    for first in [0xc8, 0xc9, 0xca] {
        let bytes = masked(first, b"");
        fails(server(Config::default(), &keeping()), &bytes, 1002);
    }
    // W-R-109: the others have no meaning even now.
    for first in [0xa1, 0x91, 0xe1, 0xf1] {
        let bytes = masked(first, HELLO);
        fails(server(Config::default(), &keeping()), &bytes, 1002);
    }
}

/// W-R-210: each message is compressed or not, by the sender's choice; ours are from 256 bytes on.
#[test]
fn small_messages_leave_plain() {
    let mut rig = server(Config::default(), &deflate::Config::default());
    for (length, first) in [(255, 0x81), (256, 0xc1)] {
        let message = Message::from("x".repeat(length));
        rig.machine.send(message, rig.now).unwrap();
        assert_eq!(rig.output()[0], first, "{length} bytes");
    }
    rig.feed(masked(0xc1, HELLO))
        .feed(masked(0x81, b"Hello"))
        .feed(masked(0xc1, HELLO));
    assert_eq!(rig.events().0, [&b"Hello"[..]; 3]);
}

/// What does not get smaller is sent as it is, where the peer's window does not depend on it.
#[test]
fn noise_leaves_plain() {
    let mut rig = server(binary(), &resetting());
    let noise = Bytes::from_static(b"\x01\xfe\x93\x27\x55\xd0\x0a");
    let message = Message::Binary(noise.clone());
    rig.machine.send(message, rig.now).unwrap();
    assert_eq!(rig.output(), [&b"\x82\x07"[..], &noise].concat());
}

/// The switch, and that it counts for what is sent after it.
#[test]
fn compression_can_be_withheld() {
    let mut rig = server(Config::default(), &resetting());
    let text = "again and again and again and again and again";
    rig.machine.set_compression(Compression::Withheld);
    rig.send(text);
    rig.machine.set_compression(Compression::Allowed);
    rig.send(text);
    let bytes = rig.output();
    assert_eq!(&bytes[..2], [0x81, 45]);
    assert_eq!(bytes[47], 0xc1);
    // What the peer compresses is read at any time.
    rig.machine.set_compression(Compression::Withheld);
    rig.feed(masked(0xc1, HELLO));
    assert_eq!(rig.events().0, [&b"Hello"[..]]);
}

/// W-R-211: inflating stops at the bound on messages, at its very boundary.
#[test]
fn a_message_inflates_to_its_limit_and_no_further() {
    let mut wide = binary();
    wide.message_bytes = 16 << 20;
    let mut from = client(wide, &resetting());
    let mut narrow = Config::default();
    narrow.message_bytes = 20_000;
    for (length, good) in [(20_000, true), (20_001, false), (16 << 20, false)] {
        from.machine
            .send(Message::from("x".repeat(length)), from.now)
            .unwrap();
        let wire = from.output();
        assert!(wire.len() <= 16_400, "{}", wire.len());
        let mut to = server(narrow.clone(), &resetting());
        if good {
            to.feed(wire);
            assert_eq!(to.events().0[0].len(), length);
        } else {
            fails(to, &wire, 1009);
        }
    }
}

/// W-R-103: what a compressed message announces on the wire is bounded too, before it comes.
#[test]
fn a_compressed_frame_is_judged_at_its_header() {
    let mut config = Config::default();
    config.message_bytes = 8_000;
    config.frame_bytes = 8_000;
    let most = 8_000 + 1_000 + 64;
    for (length, good) in [(most, true), (most + 1, false)] {
        let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
        let mut rig = server(config.clone(), &resetting());
        rig.feed([0xc1, 0xfe, high, low, 0, 0, 0, 0]);
        assert_eq!(rig.events().1.is_none(), good, "{length}");
    }
}

/// W-R-212: text is checked as it is inflated.
#[test]
fn bad_text_fails_in_its_first_fragment() {
    // Stored: "ab", then a byte that no UTF-8 has.
    let rig = server(Config::default(), &resetting());
    fails(
        rig,
        &masked(0x41, b"\x00\x03\x00\xfc\xff\x61\x62\xff"),
        1007,
    );
    // A character that the message's end cuts.
    let rig = server(Config::default(), &resetting());
    fails(rig, &masked(0xc1, b"\x00\x01\x00\xfe\xff\xc3\x00"), 1007);
}

/// W-R-213: what is no DEFLATE fails with 1007; what is cut short only at the end of its message.
#[test]
fn corrupt_data_fails_with_1007() {
    for payload in [
        // A block of the reserved type, a length that contradicts itself, a distance beyond what there is.
        &b"\x06\x00"[..],
        b"\x00\x05\x00\x05\x00hello",
        b"\xf2\x00\x11\x00\x00",
        b"\xff\xff\xff\xff\xff",
        // Cut short; and the octets that should have been left out.
        &HELLO[..4],
        b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff",
    ] {
        fails(
            server(Config::default(), &resetting()),
            &masked(0xc1, payload),
            1007,
        );
    }
    let mut rig = server(Config::default(), &resetting());
    rig.feed(masked(0x41, &HELLO[..4]));
    assert_eq!(rig.actions(), []);
    rig.feed(masked(0x80, &HELLO[4..]));
    assert_eq!(rig.events().0, [&b"Hello"[..]]);
}

/// A message above `Config::fragment_bytes` leaves in fragments, control frames between them; RSV1 is on the first alone.
#[test]
fn sent_fragments_of_a_compressed_message() {
    let mut config = binary();
    config.fragment_bytes = Some(10);
    let mut rig = server(config, &keeping());
    let message = Message::Binary(Bytes::from_static(
        b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e",
    ));
    rig.machine.send(message, rig.now).unwrap();
    let firsts: Vec<u8> = rig.frames().iter().map(|frame| frame.0).collect();
    assert_eq!(firsts, [0x42, 0x80]);
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2000),
        ("[ab]{0,12}", 0_usize..200).prop_map(|(part, times)| part.repeat(times).into_bytes()),
        Just(Vec::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What is sent is read, whatever was agreed, whatever the fragments and the cuts, both ways.
    #[test]
    fn messages_are_read_as_they_were_sent(
        payloads in prop::collection::vec((payload(), any::<bool>()), 0..8),
        takeovers in any::<(bool, bool)>(),
        bits in (9_u8..=15, 9_u8..=15),
        threshold in prop::sample::select(vec![0_usize, 40, 100_000]),
        fragment in prop::sample::select(vec![None, Some(1_usize), Some(7), Some(500)]),
        cuts in prop::collection::vec(1_usize..400, 1..6),
    ) {
        let takeover = |keep| if keep { Takeover::Keep } else { Takeover::Reset };
        let mut deflate = deflate::Config::default();
        deflate.our_takeover = takeover(takeovers.0);
        deflate.their_takeover = takeover(takeovers.1);
        (deflate.our_window_bits, deflate.their_window_bits) = bits;
        deflate.threshold_bytes = threshold;
        let mut config = binary();
        config.fragment_bytes = fragment;
        config.fragments = 100_000;
        for (mut from, mut to) in [
            (client(config.clone(), &deflate), server(config.clone(), &deflate)),
            (server(config.clone(), &deflate), client(config.clone(), &deflate)),
        ] {
            let mut wire = BytesMut::new();
            for (payload, allowed) in &payloads {
                from.machine.set_compression(if *allowed { Compression::Allowed } else { Compression::Withheld });
                from.machine.send(Message::Binary(payload.clone().into()), from.now).unwrap();
                from.machine.ping("?".into(), from.now).unwrap();
                wire.extend_from_slice(&from.output());
            }
            let mut lengths = cuts.iter().cycle();
            while !wire.is_empty() {
                let cut = wire.len().min(*lengths.next().unwrap());
                to.feed(wire.split_to(cut));
            }
            let came: Vec<_> = to.actions().into_iter().map(|action| match action {
                Action::Deliver(Event::Message(Message::Binary(bytes))) => bytes,
                other @ (Action::Deliver(_) | Action::Close | Action::Abort) => panic!("{other:?}"),
            }).collect();
            prop_assert!(came.iter().eq(payloads.iter().map(|(payload, _)| payload)));
        }
    }

    /// W-R-124: cuts are invisible, also in what cannot be inflated.
    #[test]
    fn cuts_are_invisible_to_inflating(
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            (prop::sample::select(vec![&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"]), any::<prop::sample::Index>(), any::<u8>())
                .prop_map(|(good, at, byte)| { let mut bytes = good.to_vec(); let at = at.index(bytes.len()); bytes[at] = byte; bytes }),
        ],
        step in 1_usize..20,
    ) {
        let bytes = [masked(0xc1, &payload), masked(0xc1, HELLO)].concat();
        let run = |step: usize| {
            let mut rig = server(Config::default(), &keeping());
            for piece in bytes.chunks(step) {
                rig.feed(piece);
            }
            (rig.actions(), rig.output())
        };
        let whole = run(bytes.len());
        prop_assert_eq!(&run(1), &whole);
        prop_assert_eq!(&run(step), &whole);
    }
}

/// RFC 6455 §10.4: a read full of small frames does not become a thousand times as much: what is inflated waits to be taken first.
#[test]
fn inflated_messages_wait_for_the_application() {
    let mut from = client(Config::default(), &keeping());
    for _ in 0..10 {
        let message = Message::from("x".repeat(40_000));
        from.machine.send(message, from.now).unwrap();
    }
    let bytes = from.output();
    assert!(bytes.len() < 4096, "{}", bytes.len());
    let mut to = server(Config::default(), &keeping());
    to.feed(&bytes);
    let mut came = Vec::new();
    while !to.machine.wants_input() {
        let (messages, _) = to.events();
        assert_eq!(messages.len(), 2, "the second passes 65 536 bytes");
        came.extend(messages);
        to.feed("");
    }
    assert_eq!(came, vec![Bytes::from("x".repeat(40_000)); 10]);
    assert!(to.buffer.is_empty());
    // Where nothing is inflated, what came is what is held: all of it is taken at once.
    let mut plain = Rig::server(Config::default());
    plain.feed(masked(0x81, &[b'x'; 40_000]).repeat(10));
    assert!(plain.machine.wants_input());
    assert_eq!(plain.events().0.len(), 10);
}
