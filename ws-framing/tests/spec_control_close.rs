//! RFC 6455 §5.5, §7: control frames, the closing handshake, keeping alive.

use crate::support::{Rig, close, hex, masked, seconds, text, unmasked};
use bytes::Bytes;
use ws_framing::{
    CloseCode, Connection, Reason,
    connection::{Action, Cause, Closed, Config, ControlRate, Event, Message, SendError},
};

fn server() -> Rig<Connection> {
    Rig::server(Config::default())
}

fn ended(code: u16, diagnostic: &str, cause: Cause) -> Action {
    Action::Deliver(Event::Closed(Closed {
        code,
        diagnostic: diagnostic.to_owned(),
        cause,
        reason: match diagnostic {
            "" => None,
            "no Close frame came in time" => Some(Reason::CloseTimeout),
            "no pong came in time" => Some(Reason::PongTimeout),
            _ => Some(Reason::TransportEnded),
        },
    }))
}

/// W-R-150.
#[test]
fn a_ping_is_answered_with_its_payload() {
    let mut rig = server();
    rig.feed(masked(0x89, b"k1"));
    assert_eq!(rig.output(), hex("8a 02 6b 31"));
    let mut client = Rig::client(Config::default());
    client.feed(hex("89 02 6b 31"));
    let pong = client.output();
    assert_eq!(pong[..2], [0x8a, 0x82]);
    assert_eq!([pong[6] ^ pong[2], pong[7] ^ pong[3]], *b"k1");
}

/// W-R-150: not after the peer's Close.
#[test]
fn a_ping_behind_a_close_is_not_answered() {
    let mut rig = server();
    rig.feed([close(1000), masked(0x89, b"late")].concat());
    assert_eq!(rig.transcript(), ["Close 1000"]);
}

/// W-R-151: each ping has its pong while they fit (Autobahn 2.10), else the latest alone.
#[test]
fn pongs_collapse_only_when_they_back_up() {
    let mut rig = server();
    for number in 0..10 {
        rig.feed(masked(0x89, format!("{number}").as_bytes()));
    }
    let pongs: Vec<_> = (0..10).map(|number| format!("Pong {number}")).collect();
    assert_eq!(rig.transcript(), pongs);

    let mut config = Config::default();
    config.control_rate = None;
    let mut rig = Rig::server(config);
    for number in 0..1000 {
        rig.feed(masked(0x89, format!("{number}").as_bytes()));
    }
    assert_eq!(rig.transcript(), ["Pong 999"]);
    rig.feed(masked(0x89, b"a")).feed(masked(0x89, b"b"));
    assert_eq!(rig.transcript(), ["Pong a", "Pong b"]);
}

/// W-R-151: pongs overtake queued messages.
#[test]
fn control_frames_go_first() {
    let mut rig = server();
    rig.send("queued");
    rig.feed(masked(0x89, b"p"));
    assert_eq!(rig.transcript(), ["Pong p", "queued"]);
}

/// W-R-152.
#[test]
fn unsolicited_pongs_are_ignored() {
    let mut rig = server();
    rig.feed(masked(0x8a, b"x")).feed(masked(0x8a, b""));
    assert_eq!(rig.actions(), []);
    assert_eq!(rig.transcript(), Vec::<String>::new());
}

/// RFC 6455 §5.5.3: the answer to the application's ping.
#[test]
fn the_pong_that_was_asked_for_is_told() {
    let mut rig = server();
    rig.machine.ping("now".into(), rig.now).unwrap();
    assert_eq!(rig.transcript(), ["Ping now"]);
    rig.feed(masked(0x8a, b"other")).feed(masked(0x8a, b"now"));
    assert_eq!(rig.actions(), [Action::Deliver(Event::Pong("now".into()))]);
    let long = Bytes::from(vec![0; 126]);
    let refused = rig.machine.ping(long.clone(), rig.now);
    assert_eq!(refused, Err(SendError::TooLong(long)));
}

/// W-R-153, at the boundary.
#[test]
fn a_flood_of_control_frames_fails_with_1008() {
    let mut rig = server();
    for _ in 0..200 {
        rig.feed(masked(0x8a, b""));
    }
    assert_eq!(rig.actions(), []);
    rig.feed(masked(0x8a, b""));
    assert_eq!(rig.transcript(), ["Close 1008"]);
    // A tenth of a second is worth ten frames.
    let mut rig = Rig::server(Config::default());
    for _ in 0..200 {
        rig.feed(masked(0x8a, b""));
    }
    rig.now += seconds(1) / 10;
    for _ in 0..10 {
        rig.feed(masked(0x8a, b""));
    }
    assert_eq!(rig.actions(), []);
    rig.feed(masked(0x89, b""));
    assert_eq!(rig.transcript(), ["Close 1008"]);
    assert_eq!(ControlRate::default().burst, 200);
}

/// W-R-154, W-R-166: the reason is told as a diagnostic.
#[test]
fn a_close_payload_is_empty_or_a_code_and_text() {
    for (payload, code, reply) in [
        ("", 1005, "Close"),
        ("03e8", 1000, "Close 1000"),
        ("03e8 6f6b", 1000, "Close 1000"),
    ] {
        let mut rig = server();
        rig.feed(masked(0x88, &hex(payload)));
        assert_eq!(rig.events().1.map(|closed| closed.code), Some(code));
        assert_eq!(rig.transcript(), [reply]);
    }
    let longest = [hex("03e8"), vec![b'x'; 123]].concat();
    let mut rig = server();
    rig.feed(masked(0x88, &longest));
    assert_eq!(rig.events().1.unwrap().diagnostic, "x".repeat(123));
    for (payload, code) in [("03", 1002), ("03e8 ff", 1007)] {
        let mut rig = server();
        rig.feed(masked(0x88, &hex(payload)));
        assert_eq!(rig.transcript(), [format!("Close {code}")]);
    }
}

/// W-R-155, every number.
#[test]
fn codes_on_the_wire() {
    for code in 0..=u16::MAX {
        let good = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(
            CloseCode::new(code).map(CloseCode::get),
            good.then_some(code)
        );
        if code % 97 == 0 || (900..1100).contains(&code) || (2990..5010).contains(&code) {
            let mut rig = server();
            rig.feed(close(code));
            let reply = if good { code } else { 1002 };
            assert_eq!(rig.transcript(), [format!("Close {reply}")]);
        }
    }
}

/// W-R-157: everything that a peer can do wrong, and the codes that it gets.
#[test]
fn failures_use_the_codes_that_every_peer_knows() {
    let mut config = Config::default();
    config.fragments = 2;
    config.message_bytes = 1000;
    let three = [masked(0x01, b""), masked(0x00, b""), masked(0x80, b"")];
    let mut emitted = std::collections::BTreeSet::new();
    for bytes in [
        hex("f1"),
        hex("83"),
        hex("80"),
        hex("08"),
        hex("89 fe"),
        hex("81 00"),
        hex("81 fe 0001"),
        hex("81 ff 80"),
        [masked(0x01, b""), hex("81")].concat(),
        masked(0x88, b"x"),
        close(1005),
        close(2999),
        masked(0x88, &hex("03e8 ff")),
        masked(0x81, &hex("ff")),
        masked(0x81, &hex("c3")),
        hex("82"),
        masked(0x81, &[b'x'; 1001]),
        [masked(0x01, &[b'x'; 999]), masked(0x80, b"xx")].concat(),
        three.concat(),
        masked(0x8a, b"").repeat(201),
    ] {
        let mut rig = Rig::server(config.clone());
        rig.feed(&bytes);
        let Some(Closed {
            cause: Cause::Fault(code),
            ..
        }) = rig.events().1
        else {
            panic!("{bytes:x?} goes through");
        };
        assert_eq!(rig.transcript(), [format!("Close {code}")]);
        emitted.insert(code.get());
    }
    assert_eq!(
        emitted.into_iter().collect::<Vec<_>>(),
        [1002, 1003, 1007, 1008, 1009]
    );
}

/// W-R-156: the codes that are sent, as golden bytes; those that must not be cannot be made.
#[test]
fn close_frames_are_the_golden_bytes() {
    let mut rig = server();
    rig.machine.close(CloseCode::NORMAL, "", rig.now);
    assert_eq!(rig.output(), hex("88 02 03 e8"));
    let mut rig = server();
    rig.machine
        .close(CloseCode::INVALID_PAYLOAD, "bad utf-8", rig.now);
    assert_eq!(rig.output(), hex("88 0b 03 ef 62 61 64 20 75 74 66 2d 38"));
    for never in [1004, 1005, 1006, 1015] {
        assert_eq!(CloseCode::new(never), None);
    }
}

/// W-R-158, W-R-160: the code is echoed, and the server closes TCP at once.
#[test]
fn a_peers_close_is_echoed_and_ends_the_server() {
    for (bytes, code, reply) in [
        ("88 82 a1 b2 c3 d4 a2 5a", 1000, "Close 1000"),
        ("88 80 a1 b2 c3 d4", 1005, "Close"),
    ] {
        let mut rig = server();
        rig.feed(hex(bytes));
        assert_eq!(rig.actions(), [ended(code, "", Cause::Peer), Action::Close]);
        assert_eq!(rig.transcript(), [reply]);
    }
}

/// W-R-158: what was queued, and answers to what came before, leave first.
#[test]
fn answers_precede_the_closing_reply() {
    let mut rig = server();
    rig.feed([text("question"), close(1000)].concat());
    let question = Action::Deliver(Event::Message(Message::from("question")));
    assert_eq!(rig.machine.poll_action(), Some(question));
    rig.send("answer");
    assert_eq!(rig.actions(), [ended(1000, "", Cause::Peer), Action::Close]);
    let refused = rig.machine.send(Message::from("late"), rig.now);
    assert_eq!(refused, Err(SendError::Closed(Message::from("late"))));
    assert_eq!(rig.transcript(), ["answer", "Close 1000"]);
}

/// W-R-159: one Close, one reading of a Close.
#[test]
fn a_second_close_is_ignored() {
    let mut rig = server();
    rig.feed([close(1000), close(1001), text("late")].concat());
    rig.machine.close(CloseCode::GOING_AWAY, "", rig.now);
    assert_eq!(rig.actions(), [ended(1000, "", Cause::Peer), Action::Close]);
    assert_eq!(rig.transcript(), ["Close 1000"]);
}

/// W-R-160: our own closing; what is under way still arrives.
#[test]
fn our_close_waits_for_the_peers() {
    let mut rig = server();
    rig.send("last");
    rig.machine.close(CloseCode::GOING_AWAY, "", rig.now);
    rig.machine.close(CloseCode::NORMAL, "", rig.now);
    assert_eq!(rig.transcript(), ["last", "Close 1001"]);
    rig.feed(text("crossing"));
    assert_eq!(rig.events(), (vec!["crossing".into()], None));
    rig.feed(close(1001));
    assert_eq!(rig.actions(), [ended(1001, "", Cause::Ours), Action::Close]);
    assert_eq!(rig.transcript(), Vec::<String>::new());
}

/// W-R-161: the client waits for the server to end TCP.
#[test]
fn a_client_waits_for_the_end_of_the_transport() {
    let mut client = Rig::client(Config::default());
    client.feed(unmasked(0x88, &hex("03e8")));
    assert_eq!(client.actions(), []);
    client.wait(seconds(4));
    client.machine.handle_eof(client.now);
    assert_eq!(
        client.actions(),
        [ended(1000, "", Cause::Peer), Action::Close]
    );

    let mut client = Rig::client(Config::default());
    client.feed(unmasked(0x88, &hex("03e8")));
    let start = client.now;
    client.expire();
    assert_eq!(client.now - start, seconds(5));
    assert_eq!(
        client.actions(),
        [ended(1000, "", Cause::Peer), Action::Close]
    );
}

/// W-R-162.
#[test]
fn waiting_for_the_peers_close_is_bounded() {
    let mut rig = server();
    rig.machine.close(CloseCode::NORMAL, "", rig.now);
    assert_eq!(rig.transcript(), ["Close 1000"]);
    let start = rig.now;
    rig.expire();
    assert_eq!(rig.now - start, seconds(5));
    let end = ended(1006, "no Close frame came in time", Cause::Ours);
    assert_eq!(rig.actions(), [end, Action::Close]);
}

/// Contract: a flush that outlives its deadline becomes an abort, then nothing is left.
#[test]
fn a_flush_that_outlives_its_deadline_is_aborted() {
    let mut rig = server();
    rig.send("stuck");
    rig.feed(close(1000));
    assert_eq!(rig.actions().len(), 2);
    rig.expire();
    assert_eq!(rig.actions(), [Action::Abort]);
    assert_eq!(rig.machine.poll_transmit(), None);
    assert_eq!(rig.machine.poll_timeout(), None);
    rig.machine.handle_eof(rig.now);
    assert_eq!(rig.actions(), []);
    // Our own Close that cannot leave.
    let mut rig = server();
    rig.send("stuck");
    rig.machine.close(CloseCode::NORMAL, "", rig.now);
    rig.expire();
    let end = ended(1006, "no Close frame came in time", Cause::Ours);
    assert_eq!(rig.actions(), [end, Action::Abort]);
}

/// W-R-163, W-R-083: 1006 where no Close came; the end of an HTTP/2 stream is an end like any other.
#[test]
fn a_lost_transport_is_1006() {
    let mut rig = server();
    rig.machine.handle_eof(rig.now);
    let end = ended(1006, "the transport ended", Cause::Network);
    assert_eq!(rig.actions(), [end, Action::Abort]);
    let mut rig = server();
    rig.machine.close(CloseCode::NORMAL, "", rig.now);
    rig.machine.handle_eof(rig.now);
    let end = ended(
        1006,
        "the transport ended without a Close frame",
        Cause::Ours,
    );
    assert_eq!(rig.actions(), [end, Action::Close]);
}

/// W-R-365, W-R-366: pings after silence, and an end when nothing comes.
#[test]
fn silence_is_asked_then_ended() {
    let mut rig = server();
    let start = rig.now;
    rig.expire();
    assert_eq!(rig.now - start, seconds(30));
    assert_eq!(rig.transcript(), ["Ping "]);
    rig.expire();
    assert_eq!(rig.now - start, seconds(50));
    let end = ended(1006, "no pong came in time", Cause::Timeout);
    assert_eq!(rig.actions(), [end, Action::Abort]);
    assert_eq!(rig.machine.poll_timeout(), None);
}

/// W-R-366: any bytes count as life, a part of a frame too.
#[test]
fn data_instead_of_a_pong_keeps_alive() {
    let mut rig = server();
    rig.expire();
    rig.wait(seconds(19)).feed(&text("x")[..1]);
    let deadline = rig.machine.poll_timeout().unwrap();
    assert_eq!(deadline - rig.now, seconds(30));
}

/// W-R-366, W-R-367: no pings where none are wanted.
#[test]
fn no_interval_no_ping() {
    let mut config = Config::default();
    config.ping_interval = None;
    let mut rig = Rig::server(config);
    assert_eq!(rig.machine.poll_timeout(), None);
    rig.feed(text("x"));
    assert_eq!(rig.machine.poll_timeout(), None);
}

/// A held input cannot show life: its silence means nothing.
#[test]
fn holding_input_stops_the_pong_deadline() {
    let mut rig = server();
    rig.expire();
    rig.machine.hold_input(rig.now);
    assert_eq!(rig.machine.poll_timeout(), None);
    assert!(!rig.machine.wants_input());
    rig.feed(text("kept"));
    assert_eq!(rig.actions(), []);
    rig.wait(seconds(3600));
    rig.machine.release_input(rig.now);
    let deadline = rig.machine.poll_timeout().unwrap();
    assert_eq!(deadline - rig.now, seconds(20));
    assert!(rig.machine.wants_input());
    rig.feed("");
    assert_eq!(rig.events().0, ["kept"]);
}

/// Style §4, 8: a full outbox gives the message back, and tells of room at half.
#[test]
fn a_full_outbox_refuses_until_it_is_half_empty() {
    let mut config = Config::default();
    config.outbox_bytes = 4000;
    let mut rig = Rig::server(config);
    for _ in 0..4 {
        rig.machine.send("x".repeat(1000).into(), rig.now).unwrap();
    }
    let more = Message::from("y");
    assert_eq!(
        rig.machine.send(more.clone(), rig.now),
        Err(SendError::Full(more))
    );
    rig.output();
    assert_eq!(rig.actions(), [Action::Deliver(Event::Writable)]);
    // A message above the bound fits an empty outbox.
    rig.machine.send("x".repeat(9000).into(), rig.now).unwrap();
    assert_eq!(rig.output().len(), 9004);
    assert_eq!(rig.actions(), []);
}
