//! RFC 7395 §3.5, RFC 6120 §4.9: stream errors. What bad input gets, one test for each cell (W-R-360).

use ws_framing::{
    CloseCode,
    connection::{Action, Cause},
    xmpp::{Closed, Config, Event, server},
};
use xmpp_wire::{Element, StreamError, ns};

use crate::support::{
    Rig, close, hex, masked, seconds,
    stream::{CLOSE, MESSAGE, OPEN, stream_error},
    text,
};

/// What a peer gets.
#[derive(Clone, Copy)]
enum Expected {
    /// A Close frame with this code, no XML.
    Fails(u16),
    /// This stream error, and when `<close/>` has been answered a Close frame with this code.
    Error(&'static str, u16),
}

/// Before `<open/>`, or on a running stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

fn cell(when: When, bytes: &[u8], expected: Expected) {
    let mut rig = match when {
        When::Before => Rig::session(Config::default()),
        When::After => Rig::running(Config::default()),
    };
    rig.feed(bytes);
    let transcript = rig.transcript();
    match expected {
        Expected::Fails(code) => {
            assert_eq!(transcript, [format!("Close {code}")]);
            let end = rig.end();
            assert_eq!(
                end.connection.cause,
                Cause::Fault(CloseCode::new(code).unwrap())
            );
            assert_eq!(
                (end.connection.code, end.stream_closed, end.error),
                (1006, false, None)
            );
        }
        Expected::Error(condition, code) => {
            let opens = usize::from(when == When::Before);
            assert_eq!(transcript.len(), 2 + opens, "{transcript:?}");
            assert!(transcript[0].starts_with("<open ") == (opens == 1));
            assert!(transcript[opens].contains(&format!("<{condition} xmlns=")));
            assert_eq!(transcript[opens + 1], CLOSE);
            rig.feed(text(CLOSE));
            assert_eq!(rig.transcript(), [format!("Close {code}")]);
            rig.feed(close(code));
            let end = rig.end();
            assert_eq!(end.connection.code, code);
            assert!(end.stream_closed);
            assert_eq!(
                end.error.map(|error| error.condition).as_deref(),
                Some(condition)
            );
        }
    }
}

/// A test for each cell of a row: before and after `<open/>`.
macro_rules! row {
    ($name:ident, $bytes:expr, $before:expr, $after:expr) => {
        mod $name {
            use super::*;

            /// W-R-341, W-R-343, W-R-360: one cell of the table.
            #[test]
            fn before_open() {
                cell(When::Before, &$bytes, $before);
            }

            /// W-R-343, W-R-360: one cell of the table.
            #[test]
            fn after_open() {
                cell(When::After, &$bytes, $after);
            }
        }
    };
}

use Expected::{Error, Fails};

row!(rfc_6455_violation, hex("83"), Fails(1002), Fails(1002));
row!(unmasked_frame, hex("81 00"), Fails(1002), Fails(1002));
row!(
    invalid_utf8,
    masked(0x81, b"<a>\xff"),
    Fails(1007),
    Fails(1007)
);
row!(binary_message, masked(0x82, b"x"), Fails(1003), Fails(1003));
row!(too_many_fragments, fragments(), Fails(1008), Fails(1008));
row!(control_flood, flood(), Fails(1008), Fails(1008));
row!(
    not_well_formed,
    text("<a"),
    Error("not-well-formed", 1000),
    Error("not-well-formed", 1000)
);
row!(
    undeclared_prefix,
    text("<a:b/>"),
    Error("not-well-formed", 1000),
    Error("not-well-formed", 1000)
);
row!(
    comment,
    text("<!-- --><a xmlns='u'/>"),
    Error("restricted-xml", 1000),
    Error("restricted-xml", 1000)
);
row!(
    processing_instruction,
    text("<?a b?><a xmlns='u'/>"),
    Error("restricted-xml", 1000),
    Error("restricted-xml", 1000)
);
row!(
    document_type,
    text("<!DOCTYPE a><a xmlns='u'/>"),
    Error("restricted-xml", 1000),
    Error("restricted-xml", 1000)
);
row!(
    entity,
    text("<a xmlns='u'>&b;</a>"),
    Error("restricted-xml", 1000),
    Error("restricted-xml", 1000)
);
row!(
    first_character,
    text("x"),
    Error("bad-format", 1000),
    Error("bad-format", 1000)
);
row!(
    open_in_another_namespace,
    text("<open xmlns='u'/>"),
    Error("invalid-namespace", 1000),
    Error("invalid-namespace", 1000)
);
row!(
    close_in_another_namespace,
    text("<close xmlns='u'/>"),
    Error("invalid-namespace", 1000),
    Error("invalid-namespace", 1000)
);
row!(
    content_namespace,
    text("<iq xmlns='jabber:server'/>"),
    Error("not-authorized", 1000),
    Error("invalid-namespace", 1000)
);

#[test]
fn a_stanza_before_open() {
    cell(When::Before, &text(MESSAGE), Error("not-authorized", 1000));
}

#[test]
fn a_second_open() {
    cell(When::After, &text(OPEN), Error("not-authorized", 1000));
}

/// W-R-344, W-R-103: before `<open/>` no XML.
#[test]
fn too_big_before_open() {
    cell(
        When::Before,
        &masked(0x81, &[b'x'; 16_385])[..8],
        Fails(1009),
    );
}

/// W-R-344: error, `<close/>` and Close 1009 at once.
#[test]
fn too_big_after_open() {
    let mut rig = Rig::running(Config::default());
    rig.feed(&masked(0x81, &vec![b'x'; 262_145])[..14]);
    let error = StreamError::new("policy-violation")
        .with_text("the message is larger than the limit")
        .with_application(Element::build("stanza-too-big", ns::ERRORS).finish());
    let sent = String::from_utf8(error.to_element().raw().to_vec()).unwrap();
    assert_eq!(rig.transcript(), [&sent, CLOSE, "Close 1009"]);
    let end = rig.end();
    assert_eq!(end.connection.cause, Cause::Fault(CloseCode::TOO_BIG));
    assert!(end.stream_closed);
    assert_eq!(end.error, Some(error));
}

/// W-R-344 between the peer's `<open/>` and our answer: our own comes first.
#[test]
fn too_big_before_our_open() {
    let mut rig = Rig::opened(Config::default());
    rig.feed(&masked(0x81, &vec![b'x'; 16_385])[..8]);
    let transcript = rig.transcript();
    assert_eq!(transcript.len(), 4);
    assert!(transcript[0].starts_with("<open "));
    assert_eq!(transcript[2..], [CLOSE, "Close 1009"]);
}

/// Silence on a stream: the error, then the WebSocket's closing, then 1006.
#[test]
fn a_silent_peer() {
    let mut rig = Rig::running(Config::default());
    rig.expire();
    assert_eq!(rig.transcript(), ["Ping "]);
    rig.expire();
    assert_eq!(
        rig.transcript(),
        [stream_error("connection-timeout"), CLOSE.to_owned()]
    );
    rig.expire();
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.expire();
    let end = rig.end();
    assert_eq!(
        (end.connection.code, end.connection.cause),
        (1006, Cause::Timeout)
    );
    assert_eq!(end.error, Some(StreamError::new("connection-timeout")));
    assert!(end.stream_closed);
}

/// W-R-372: a resumable session is dropped without XML, so that it stays resumable.
#[test]
fn a_silent_peer_that_may_resume() {
    let mut rig = Rig::running(Config::default());
    rig.machine.set_resumable(true);
    rig.expire();
    rig.output();
    rig.expire();
    assert_eq!(rig.transcript(), Vec::<String>::new());
    let actions = rig.actions();
    let [
        Action::Deliver(Event::Closed(Closed {
            connection,
            stream_closed: false,
            error: None,
            ..
        })),
        Action::Abort,
    ] = &actions[..]
    else {
        panic!("{actions:?}");
    };
    assert_eq!((connection.code, connection.cause), (1006, Cause::Timeout));
    assert_eq!(rig.machine.poll_timeout(), None);
}

fn shut_down(rig: &mut Rig<server::Session>) {
    let error = StreamError::new("system-shutdown");
    rig.machine.fail(error, CloseCode::GOING_AWAY, rig.now);
}

#[test]
fn our_shutdown_before_open() {
    let mut rig = Rig::session(Config::default());
    shut_down(&mut rig);
    let transcript = rig.transcript();
    assert!(transcript[0].starts_with("<open "));
    assert_eq!(
        transcript[1..],
        [stream_error("system-shutdown"), CLOSE.to_owned()]
    );
}

#[test]
fn our_shutdown_after_open() {
    let mut rig = Rig::running(Config::default());
    shut_down(&mut rig);
    assert_eq!(
        rig.transcript(),
        [stream_error("system-shutdown"), CLOSE.to_owned()]
    );
    rig.feed(text(CLOSE));
    assert_eq!(rig.transcript(), ["Close 1001"]);
}

/// W-R-473.
#[test]
fn our_shutdown_of_a_resumable_session() {
    let mut rig = Rig::running(Config::default());
    rig.machine.set_resumable(true);
    shut_down(&mut rig);
    assert_eq!(rig.transcript(), ["Close 1001"]);
    rig.feed(close(1001));
    let end = rig.end();
    assert_eq!((end.stream_closed, end.error), (false, None));
}

#[test]
fn our_own_bug() {
    let mut rig = Rig::running(Config::default());
    let error = StreamError::new("internal-server-error");
    rig.machine.fail(error, CloseCode::INTERNAL_ERROR, rig.now);
    assert_eq!(
        rig.transcript(),
        [stream_error("internal-server-error"), CLOSE.to_owned()]
    );
    rig.expire();
    assert_eq!(rig.transcript(), ["Close 1011"]);
}

/// W-R-340: after our error nothing is delivered, also what came in the same segment.
#[test]
fn nothing_passes_behind_our_error() {
    let mut rig = Rig::running(Config::default());
    rig.feed([text("<a"), text(MESSAGE)].concat());
    rig.feed(text(MESSAGE)).feed(text("<a"));
    assert_eq!(rig.actions(), []);
    assert_eq!(
        rig.transcript(),
        [stream_error("not-well-formed"), CLOSE.to_owned()]
    );
}

/// W-R-340: an error of the peer is answered by `<close/>`, once, and by no error.
#[test]
fn the_peers_error_closes() {
    let mut rig = Rig::running(Config::default());
    rig.feed(text(&stream_error("conflict"))).feed(text(CLOSE));
    assert_eq!(rig.actions(), [Action::Deliver(Event::Closing)]);
    assert_eq!(rig.transcript(), [CLOSE]);
    rig.feed(close(1000));
    let end = rig.end();
    assert_eq!(end.error, Some(StreamError::new("conflict")));
    assert_eq!(
        (end.connection.cause, end.stream_closed),
        (Cause::Peer, true)
    );
}

/// W-R-434, T-16: an error with an undeclared prefix is not answered with an error.
#[test]
fn an_undeclared_error_is_an_abort() {
    let mut rig = Rig::running(Config::default());
    let error = "<stream:error xmlns=\"jabber:client\"><bad-format xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/></stream:error>";
    rig.feed(text(error));
    assert_eq!(rig.actions(), [Action::Deliver(Event::Closing)]);
    assert_eq!(rig.transcript(), [CLOSE]);
    let start = rig.now;
    rig.expire();
    assert_eq!(rig.now - start, seconds(5));
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.feed(close(1000));
    assert_eq!(rig.end().error, Some(StreamError::new("bad-format")));
}

/// W-R-342: the upstream's own error, passed on as an element, closes too.
#[test]
fn an_error_sent_as_an_element_closes() {
    let mut rig = Rig::running(Config::default());
    rig.send(&stream_error("reset"));
    assert_eq!(rig.transcript(), [stream_error("reset"), CLOSE.to_owned()]);
    rig.feed(text(CLOSE));
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.feed(close(1000));
    assert_eq!(rig.end().error, Some(StreamError::new("reset")));
}

fn fragments() -> Vec<u8> {
    let mut bytes = masked(0x01, b"");
    for _ in 0..1024 {
        bytes.extend(masked(0x00, b""));
    }
    bytes
}

fn flood() -> Vec<u8> {
    masked(0x8a, b"").repeat(201)
}
