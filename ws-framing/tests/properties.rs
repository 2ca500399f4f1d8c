//! The contract of the machines, on random input.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use ws_framing::{
    CloseCode, Connection,
    connection::{Action, Binary, Config, Event, Message},
    xmpp::{self, server},
};

use crate::support::{
    Rig, close, masked,
    stream::{CLOSE, FEATURES, MESSAGE, OPEN, SUCCESS, element, stream_error},
    text,
};

fn config() -> Config {
    let mut config = Config::default();
    config.binary = Binary::Accepted;
    config.message_bytes = 400;
    config.fragments = 5;
    config
}

/// Mostly legal frames of a client.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop::sample::select(vec![
        0x81u8, 0x81, 0x01, 0x00, 0x80, 0x82, 0x89, 0x8a, 0x88, 0x83, 0xc1,
    ]);
    let payload = prop_oneof![
        "\\PC{0,60}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..130),
        Just(vec![0x03, 0xe8]),
        (0usize..500).prop_map(|length| vec![b'x'; length]),
    ];
    (opcode, payload).prop_map(|(first, payload)| masked(first, &payload))
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(frame(), 0..8).prop_map(|frames| frames.concat())
}

/// Messages that a client might send, and some that it must not.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let error = stream_error("reset");
    let message = prop::sample::select(vec![
        text(OPEN),
        text(MESSAGE),
        text(CLOSE),
        text(&error),
        text("<a xmlns='u'>é</a>"),
        text(" "),
        text("<a"),
        text("<presence/>"),
        text("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
        masked(0x89, b"ping"),
        close(1000),
        masked(0x82, b"x"),
        masked(0x01, b"<a xmlns="),
        masked(0x80, b"'u'/>"),
    ]);
    prop::collection::vec(message, 0..10).prop_map(|messages| messages.concat())
}

/// Cuts `bytes` at these places (or at every byte where there are none).
fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    if cuts.is_empty() {
        return bytes.chunks(1).collect();
    }
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

/// `Closed` at most once, and behind it one order, the last.
fn check_end<E: std::fmt::Debug>(actions: &[Action<E>], is_closed: impl Fn(&E) -> bool) {
    let closed = |action: &Action<E>| matches!(action, Action::Deliver(event) if is_closed(event));
    let ends: Vec<_> = (0..actions.len())
        .filter(|&at| closed(&actions[at]))
        .collect();
    match ends[..] {
        [] => assert!(
            actions
                .iter()
                .all(|action| matches!(action, Action::Deliver(_))),
            "an end without Closed: {actions:?}"
        ),
        [at] => {
            let rest = &actions[at + 1..];
            assert!(
                matches!(
                    rest,
                    [Action::Close | Action::Abort] | [Action::Close, Action::Abort]
                ),
                "{actions:?}"
            );
        }
        _ => panic!("Closed twice: {actions:?}"),
    }
}

fn is_connection_end(event: &Event) -> bool {
    matches!(event, Event::Closed(_))
}

fn is_session_end(event: &xmpp::Event) -> bool {
    matches!(event, xmpp::Event::Closed(_))
}

fn run(bytes: &[&[u8]]) -> (Vec<Action>, Vec<u8>) {
    let mut rig = Rig::server(config());
    for piece in bytes {
        rig.feed(piece);
    }
    (rig.actions(), rig.output())
}

/// A session whose application answers at once; what came is told apart from what was answered.
fn converse(bytes: &[&[u8]]) -> (Vec<Action<xmpp::Event>>, Vec<u8>) {
    let mut rig = Rig::new(|now| server::Session::new(xmpp::Config::default(), [7; 32], now));
    let mut all = Vec::new();
    let mut written = Vec::new();
    for piece in bytes {
        rig.feed(piece);
        while let Some(action) = rig.machine.poll_action() {
            match &action {
                Action::Deliver(xmpp::Event::Opened { .. }) => {
                    // Refused where the end was decided meanwhile.
                    if rig.machine.open(Default::default(), rig.now).is_ok() {
                        rig.send(FEATURES);
                    }
                }
                Action::Deliver(xmpp::Event::Element(element_))
                    if element_.name().local == "auth" =>
                {
                    let _refused = rig.machine.send(element(SUCCESS), rig.now);
                }
                Action::Deliver(xmpp::Event::Closing) => rig.machine.close(rig.now),
                Action::Handover(never) => match *never {},
                Action::Deliver(_) | Action::Close | Action::Abort => {}
            }
            all.push(action);
        }
        written.extend(rig.output());
    }
    (all, written)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Style §4, 7; W-R-124.
    #[test]
    fn cuts_are_invisible_to_a_connection(bytes in frames(), cuts in cuts()) {
        let whole = run(&[&bytes]);
        prop_assert_eq!(&run(&pieces(&bytes, &[])), &whole);
        prop_assert_eq!(&run(&pieces(&bytes, &cuts)), &whole);
        check_end(&whole.0, is_connection_end);
    }

    /// Style §4, 7, through XML. Where the application answers between the pieces it may answer more of them; fed whole and
    /// byte by byte without answers the session does the same.
    #[test]
    fn cuts_are_invisible_to_a_session(bytes in conversation(), cuts in cuts()) {
        let silent = |bytes: &[&[u8]]| {
            let mut rig = Rig::session(xmpp::Config::default());
            for piece in bytes {
                rig.feed(piece);
            }
            (rig.actions(), rig.output())
        };
        let whole = silent(&[&bytes]);
        prop_assert_eq!(&silent(&pieces(&bytes, &[])), &whole);
        prop_assert_eq!(&silent(&pieces(&bytes, &cuts)), &whole);
        check_end(&whole.0, is_session_end);
        check_end(&converse(&pieces(&bytes, &cuts)).0, is_session_end);
    }

    /// Style §4, 2: nothing panics, whatever the bytes; the buffer stays bounded.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in cuts()) {
        for mut rig in [Rig::server(config()), Rig::client(config())] {
            for piece in pieces(&bytes, &cuts) {
                rig.feed(piece);
            }
            rig.machine.handle_eof(rig.now);
            check_end(&rig.actions(), is_connection_end);
            prop_assert!(rig.buffer.len() <= 400 + 14);
        }
        let mut rig = Rig::running(xmpp::Config::default());
        rig.feed(masked(0x81, &bytes)).feed(&bytes);
        check_end(&rig.actions(), is_session_end);
    }

    /// Whatever the fragments, the message is the same (W-R-117), controls between them or not.
    #[test]
    fn fragments_are_invisible(
        message in "\\PC{0,80}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        ping in any::<bool>(),
    ) {
        let parts = pieces(message.as_bytes(), &cuts);
        let mut rig = Rig::server(config());
        for (at, part) in parts.iter().enumerate() {
            let opcode = u8::from(at == 0);
            let fin = if at + 1 == parts.len() { 0x80 } else { 0 };
            rig.feed(masked(fin | opcode, part));
            if ping {
                rig.feed(masked(0x89, b"?"));
            }
        }
        prop_assert_eq!(rig.actions(), [Action::Deliver(Event::Message(Message::from(message)))]);
    }

    /// What is written is read back as it was, by the other role.
    #[test]
    fn written_messages_are_read_back(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..390), 0..20)) {
        for (mut from, mut to) in [
            (Rig::client(config()), Rig::server(config())),
            (Rig::server(config()), Rig::client(config())),
        ] {
            for payload in &payloads {
                from.machine.send(Message::Binary(payload.clone().into()), from.now).unwrap();
            }
            to.feed(from.output());
            let expected: Vec<Bytes> = payloads.iter().cloned().map(Bytes::from).collect();
            prop_assert_eq!(to.events(), (expected, None));
        }
    }

    /// Style §4, 4 and 5: deadlines are passed one after the other until nothing is due, at the latest when the peer is given up.
    #[test]
    fn deadlines_make_progress(bytes in conversation(), late in 0u64..3) {
        let mut rig = Rig::session(xmpp::Config::default());
        rig.feed(&bytes);
        let mut actions = rig.actions();
        for _ in 0..20 {
            let Some(deadline) = rig.machine.poll_timeout() else {
                break;
            };
            rig.now = deadline + Duration::from_secs(late);
            rig.machine.handle_timeout(rig.now);
            // A clock that goes back does nothing.
            rig.machine.handle_timeout(rig.now - Duration::from_secs(5));
            let next = rig.machine.poll_timeout();
            prop_assert!(next.is_none_or(|next| next > deadline), "no progress");
            rig.output();
            actions.extend(rig.actions());
        }
        prop_assert_eq!(rig.machine.poll_timeout(), None);
        check_end(&actions, is_session_end);
        prop_assert!(matches!(actions.last(), Some(Action::Abort)));
    }

    /// Style §4, 6.
    #[test]
    fn the_same_seed_and_calls_give_the_same_bytes(seed in any::<[u8; 32]>(), texts in prop::collection::vec("\\PC{0,20}", 0..8)) {
        let run = || {
            let mut rig = Rig::new(|now| Connection::client(config(), seed, now));
            for text in &texts {
                rig.machine.send(Message::from(text.clone()), rig.now).unwrap();
            }
            rig.machine.close(CloseCode::NORMAL, "bye", rig.now);
            rig.output()
        };
        prop_assert_eq!(run(), run());
    }
}
