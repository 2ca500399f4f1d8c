//! How a connection ends: deadlines, closes, breaks; and what is said of a request that stays unanswered.

use std::time::Duration;

use xmpp_http1::client::{Config, Progress, Request, SendError};

use crate::support::{Server, get};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

/// What `Closed` says of the request.
fn progress(server: &Server) -> Option<Progress> {
    assert_eq!(server.closed.len(), 1);
    server.closed[0]
        .unanswered
        .map(|unanswered| unanswered.progress)
}

/// A request is unsent until bytes are given out, and then it may have been seen; bytes of an answer prove it.
#[test]
fn a_break_tells_how_far_the_request_came() {
    for (fed, expected) in [
        (None, Progress::Unsent),
        (Some(""), Progress::Sent),
        (Some("H"), Progress::Answering),
        (Some("HTTP/1.1 100 Continue\r\n\r\n"), Progress::Answering),
        (Some(HEAD), Progress::Answering),
        (
            Some("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"),
            Progress::Answering,
        ),
    ] {
        for end in ["eof", "reset", "abort"] {
            let mut server = Server::new(Config::default());
            server.connection.send(get(), server.now).expect("idle");
            if let Some(bytes) = fed {
                server.drive();
                server.feed(bytes, 3);
            }
            match end {
                "eof" => server.connection.handle_eof(server.now),
                "reset" => server.connection.handle_reset(server.now),
                _ => server.connection.abort(server.now),
            }
            server.drive();
            let cause = if end == "abort" { "Ours" } else { "Network" };
            assert_eq!(server.log, [cause, "Abort"], "{fed:?} {end}");
            assert_eq!(progress(&server), Some(expected), "{fed:?} {end}");
            assert_eq!(server.connection.poll_timeout(), None);
        }
    }
}

#[test]
fn the_end_between_answers_is_clean() {
    for asked in [false, true] {
        let mut server = Server::new(Config::default());
        if asked {
            server.ask(get());
            server.feed(format!("{HEAD}hi"), 100);
            server.log.clear();
        }
        server.end();
        assert_eq!(server.log, ["Peer", "Close"]);
        assert_eq!(progress(&server), None);
        assert_eq!(server.connection.poll_timeout(), None);
        assert!(!server.connection.wants_input());
    }
}

#[test]
fn close_waits_for_the_answer() {
    let mut server = Server::asked(get());
    server.connection.close(server.now);
    server.orders();
    assert_eq!(server.log, [""; 0]);
    assert_eq!(
        server.connection.send(get(), server.now),
        Err(SendError::Closed(get()))
    );
    server.feed(format!("{HEAD}hi"), 100);
    assert_eq!(server.log, ["200 hi", "Ours", "Close"]);
    server.connection.close(server.now);
    server.connection.abort(server.now);
    server.orders();
    assert_eq!(server.log, ["200 hi", "Ours", "Close", "Abort"]);

    let mut server = Server::new(Config::default());
    server.connection.close(server.now);
    server.orders();
    assert_eq!(server.log, ["Ours", "Close"]);
}

/// The head's deadline runs from the request's last byte to the head's last, whatever interim answers come.
#[test]
fn the_deadline_for_the_head() {
    let mut server = Server::asked(get());
    server.wait(89 * SECOND);
    server.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", 5);
    server.wait(SECOND - MS);
    assert_eq!(server.log, [""; 0]);
    server.wait(MS);
    assert_eq!(server.log, ["Timeout", "Abort"]);
    assert_eq!(progress(&server), Some(Progress::Answering));

    let mut server = Server::asked(get());
    server.wait(90 * SECOND);
    assert_eq!(server.log, ["Timeout", "Abort"]);
    assert_eq!(progress(&server), Some(Progress::Sent));
}

/// It starts anew when the last byte is given out: an upload takes its time.
#[test]
fn the_deadline_for_the_head_starts_when_the_request_has_left() {
    let mut server = Server::new(Config::default());
    let request = Request::new("POST", "/", "h").with_body("x/y", vec![b'x'; 200_000]);
    server.connection.send(request, server.now).expect("idle");
    for _ in 0..4 {
        server.now += 9 * SECOND;
        server.connection.handle_timeout(server.now);
        server.connection.poll_transmit().expect("a piece");
    }
    assert_eq!(server.connection.poll_transmit(), None);
    let due = server.connection.poll_timeout().expect("a deadline");
    assert_eq!(due, server.now + 90 * SECOND);
}

#[test]
fn the_deadline_for_the_body() {
    let mut server = Server::asked(get());
    server.wait(80 * SECOND);
    server.feed(format!("{HEAD}h"), 100);
    server.wait(30 * SECOND - MS);
    assert_eq!(server.log, [""; 0]);
    server.wait(MS);
    assert_eq!(server.log, ["Timeout", "Abort"]);
    assert_eq!(progress(&server), Some(Progress::Answering));
}

#[test]
fn an_idle_connection_is_closed_before_the_server_does() {
    for (field, seconds) in [
        ("", 50),
        ("Keep-Alive: timeout=5, max=100\r\n", 4),
        ("Keep-Alive: max=9, Timeout = 20\r\n", 19),
        ("Keep-Alive: timeout=900\r\n", 50),
        ("Keep-Alive: timeout=x\r\n", 50),
    ] {
        let mut server = Server::asked(get());
        server.feed(
            format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 0\r\n\r\n"),
            100,
        );
        server.wait(seconds * SECOND - MS);
        assert_eq!(server.log, ["200 "], "{field}");
        server.wait(MS);
        assert_eq!(server.log, ["200 ", "Ours", "Close"], "{field}");
        // The server has the write deadline to shut down, too.
        server.wait(10 * SECOND);
        assert_eq!(server.log[3..], ["Abort"]);
        assert_eq!(server.connection.poll_timeout(), None);
    }
    // Less than our margin: it is not kept at all.
    let mut server = Server::asked(get());
    server.feed(
        "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n",
        100,
    );
    assert_eq!(server.log, ["200 ", "Peer", "Close"]);
}

/// Past its time a connection takes no request, also where nobody had called `handle_timeout` yet.
#[test]
fn an_overdue_connection_takes_no_request() {
    let mut server = Server::new(Config::default());
    server.now += 50 * SECOND;
    assert_eq!(
        server.connection.send(get(), server.now),
        Err(SendError::Closed(get()))
    );
    server.orders();
    assert_eq!(server.log, ["Ours", "Close"]);
    assert_eq!(progress(&server), None);
}

#[test]
fn a_write_stall_ends_it() {
    let mut server = Server::new(Config::default());
    let request = Request::new("POST", "/", "h").with_body("x/y", vec![b'x'; 200_000]);
    server.connection.send(request, server.now).expect("idle");
    server.connection.poll_transmit().expect("a piece");
    server.now += 9 * SECOND;
    server.connection.poll_transmit().expect("progress");
    server.now += SECOND;
    server.connection.handle_timeout(server.now);
    server.orders();
    assert_eq!(server.log, [""; 0]);
    server.now += 10 * SECOND;
    server.connection.handle_timeout(server.now);
    server.orders();
    assert_eq!(server.log, ["Timeout", "Abort"]);
    assert_eq!(progress(&server), Some(Progress::Sent));
}

/// What comes after the end is dropped up to a bound; then reading stops.
#[test]
fn what_is_discarded_is_bounded() {
    let mut server = Server::asked(get().closing());
    server.feed(format!("{HEAD}hi"), 100);
    for _ in 0..16 {
        assert!(server.connection.wants_input());
        server.feed(vec![b'x'; 16_384], 16_384);
    }
    assert!(!server.connection.wants_input());
    assert_eq!(server.log, ["200 hi", "Ours", "Close"]);
}

#[test]
fn time_does_not_go_back() {
    let mut server = Server::asked(get());
    let before = server.now;
    server.wait(10 * SECOND);
    server.connection.handle_timeout(before);
    server.feed(HEAD, 100);
    assert_eq!(
        server.connection.poll_timeout(),
        Some(before + 40 * SECOND),
        "the body's deadline counts from the latest time"
    );
}
