//! RFC 7395 §3.6: closing and redirecting.

use ws_framing::{
    CloseCode,
    connection::{Action, Cause, SendError},
    xmpp::{Config, Event, server},
};

use crate::support::{
    Rig, close, masked, seconds,
    stream::{CLOSE, MESSAGE, OPEN, element},
    text,
};

fn running() -> Rig<server::Session> {
    Rig::running(Config::default())
}

/// W-R-350: before features clients heed it.
#[test]
fn a_redirect_is_a_close_with_a_place() {
    let mut rig = Rig::opened(Config::default());
    rig.machine.redirect("wss://b.example/ws?a=\"&", rig.now);
    assert_eq!(
        rig.transcript(),
        [
            r#"<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" see-other-uri="wss://b.example/ws?a=&quot;&amp;" />"#
        ]
    );
    rig.feed(text(CLOSE)).feed(close(1000));
    assert_eq!(rig.transcript(), ["Close 1000"]);
    assert!(rig.end().stream_closed);
    let mut rig = Rig::session(Config::default());
    rig.machine.redirect("wss://b.example/", rig.now);
    assert_eq!(rig.transcript(), Vec::<String>::new());
}

/// W-R-352: the client starts; the application finishes, then closes.
#[test]
fn the_peer_closes_first() {
    let mut rig = running();
    rig.feed(text(CLOSE));
    assert_eq!(rig.actions(), [Action::Deliver(Event::Closing)]);
    assert_eq!(rig.transcript(), Vec::<String>::new());
    rig.send(MESSAGE);
    rig.machine.close(rig.now);
    rig.machine.close(rig.now);
    assert_eq!(rig.transcript(), [MESSAGE, CLOSE]);
    let refused = rig.machine.send(element(MESSAGE), rig.now);
    assert_eq!(refused, Err(SendError::Closed(element(MESSAGE))));
    rig.feed(close(1000));
    assert_eq!(rig.transcript(), ["Close 1000"]);
    let end = rig.end();
    assert_eq!(
        (end.connection.code, end.connection.cause),
        (1000, Cause::Peer)
    );
    assert!(end.stream_closed);
}

/// W-R-352, W-R-353: an application that does not answer, a client that does not go on.
#[test]
fn the_peer_closes_and_then_nothing_comes() {
    let mut rig = running();
    let start = rig.now;
    rig.feed(text(CLOSE));
    rig.expire();
    assert_eq!(rig.now - start, seconds(5));
    assert_eq!(rig.transcript(), [CLOSE]);
    rig.expire();
    assert_eq!(rig.now - start, seconds(10));
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.expire();
    assert_eq!(rig.now - start, seconds(15));
    assert_eq!(rig.end().connection.code, 1006);
}

/// W-R-352, W-R-353: we start; what is under way is delivered.
#[test]
fn we_close_first() {
    let mut rig = running();
    rig.send(MESSAGE);
    rig.machine.close(rig.now);
    assert_eq!(rig.transcript(), [MESSAGE, CLOSE]);
    rig.feed(text(MESSAGE));
    assert_eq!(rig.elements(), [MESSAGE]);
    rig.feed(text(CLOSE));
    assert_eq!(rig.actions(), []);
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.feed(close(1000));
    let end = rig.end();
    assert_eq!(
        (end.connection.code, end.connection.cause),
        (1000, Cause::Ours)
    );
    assert!(end.stream_closed);
}

/// W-R-352: nobody answers our `<close/>`.
#[test]
fn we_close_and_then_nothing_comes() {
    let mut rig = running();
    rig.machine.close(rig.now);
    rig.expire();
    assert_eq!(rig.transcript(), [CLOSE, "Close 1000"]);
    rig.expire();
    assert_eq!(rig.end().connection.code, 1006);
}

/// W-R-354, T-29: a Close right behind `<close/>` is clean, with or without a code.
#[test]
fn a_close_frame_right_behind_close_is_clean() {
    for (frame, code, reply) in [
        (close(1000), 1000, "Close 1000"),
        (masked(0x88, b""), 1005, "Close"),
    ] {
        let mut rig = running();
        rig.feed([text(CLOSE), frame].concat());
        assert_eq!(rig.transcript(), [reply]);
        let end = rig.end();
        assert_eq!((end.connection.code, end.stream_closed), (code, true));
    }
}

/// W-R-167, W-R-355, W-R-372: anything less than `<close/>` leaves the session resumable.
#[test]
fn without_close_a_session_stays_resumable() {
    for code in [1000, 1001] {
        let mut rig = running();
        rig.feed(close(code));
        let end = rig.end();
        assert_eq!((end.connection.code, end.stream_closed), (code, false));
    }
    let mut rig = running();
    rig.machine.handle_eof(rig.now);
    let end = rig.end();
    assert_eq!(
        (end.connection.cause, end.stream_closed),
        (Cause::Network, false)
    );
    let mut rig = running();
    rig.machine.disconnect(CloseCode::INTERNAL_ERROR, rig.now);
    assert_eq!(rig.transcript(), ["Close 1011"]);
    rig.feed(text(MESSAGE)).feed(close(1011));
    let end = rig.end();
    assert_eq!(
        (end.connection.cause, end.stream_closed),
        (Cause::Ours, false)
    );
}

/// W-R-372: a `<close/>` that was not answered counts.
#[test]
fn an_unanswered_close_counts() {
    let mut rig = running();
    rig.machine.close(rig.now);
    rig.machine.handle_eof(rig.now);
    assert!(rig.end().stream_closed);
    let mut rig = running();
    rig.feed(text(CLOSE));
    rig.machine.handle_eof(rig.now);
    assert!(rig.end().stream_closed);
}

/// W-R-356: messages behind `<close/>` are ignored, control frames are not.
#[test]
fn messages_behind_close_are_ignored() {
    let mut rig = running();
    rig.feed([text(CLOSE), text(MESSAGE), text(OPEN), text("<a")].concat());
    rig.feed(masked(0x89, b"p"));
    assert_eq!(rig.actions(), [Action::Deliver(Event::Closing)]);
    assert_eq!(rig.transcript(), ["Pong p"]);
}

/// A close before the peer's `<open/>`: there is no stream.
#[test]
fn closing_before_open_closes_the_websocket() {
    let mut rig = Rig::session(Config::default());
    rig.machine.close(rig.now);
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.feed(text(OPEN)).feed(close(1000));
    let end = rig.end();
    assert!(!end.stream_closed);
}

/// W-R-368: nothing here offers STARTTLS or asks for it; a message that does is an element as any.
#[test]
fn starttls_is_the_applications_to_refuse() {
    let mut rig = running();
    let starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    rig.feed(text(starttls));
    assert_eq!(rig.elements(), [starttls]);
}
