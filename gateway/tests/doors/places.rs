//! The limit on connections: those without a session give way, and there is room for the requests of every session.

use std::{
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use crate::{
    house::House,
    knock::{connect, knock, rest},
    support::{
        bosh::{Bosh, attribute, creation, post},
        http::{Http, ask},
        websocket::{WebSocket, handshake},
    },
    traffic::{sign_in_bosh, signed_in, signed_in_bosh},
};

/// How long a session may wait for anything.
const LATE: Duration = Duration::from_secs(1);

/// 64 connections: 48 sessions, and 16 places that are kept for them.
const LIMIT: &str = "[limits]\nconnections = 64\n";

/// As many sessions as there may be beside those of the house; each holds a request.
fn fill(house: &House) -> Vec<Bosh> {
    (0..38)
        .map(|number| {
            let creation = creation("localhost").replace("wait='5'", "wait='50'");
            let session = Bosh::create_by(Http::connect(house.address()), &creation);
            let mut session = sign_in_bosh(session, &format!("held{number}"));
            session.send("", "");
            session
        })
        .collect()
}

/// W-R-476: with as many sessions as there may be, all of which hold a request, and all other places taken by connections that say nothing, each of
/// them still sends and ends. Nobody else gets a session.
#[test]
fn at_the_limit_every_session_still_sends_and_ends() {
    let house = House::configured("places", LIMIT);
    let mut sessions = fill(&house);
    let silent: Vec<_> = (0..100).map(|_| connect(house.address())).collect();
    let refused = post(house.address(), &creation("localhost"));
    let condition = attribute(&refused.body, "condition");
    assert_eq!(condition.as_deref(), Some("policy-violation"));
    let refused = WebSocket::connect(house.address(), "/ws", &handshake("xmpp"))
        .err()
        .expect("a refusal");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.field("Retry-After"), Some("5"));
    let mut kept = Vec::new();
    for (number, session) in sessions.iter_mut().enumerate() {
        let asked = Instant::now();
        let said = format!("number-{number}");
        let message = format!(
            "<message xmlns='jabber:client' to='echo@localhost'><body>{said}</body></message>"
        );
        // The held request stays on its connection; the next comes on another.
        let mut held = std::mem::replace(&mut session.http, Http::connect(house.address()));
        session.send("", &message);
        let released = held.receive();
        let mut heard = released.body.clone();
        if released.field("Connection") != Some("close") {
            kept.push(held);
        }
        while !heard.contains(&said) {
            let answer = session.http.receive();
            assert_eq!(answer.status, 200, "{}", answer.head);
            heard = answer.body;
            session.send("", "");
        }
        assert!(asked.elapsed() < LATE, "{:?}", asked.elapsed());
    }
    for session in &mut sessions {
        let asked = Instant::now();
        let mut other = Http::connect(house.address());
        session.rid += 1;
        let end = format!(
            "<body rid='{}' sid='{}' type='terminate' xmlns='http://jabber.org/protocol/httpbind'/>",
            session.rid, session.sid
        );
        let answer = other.ask("POST", "/http-bind", "", &end);
        assert_eq!(answer.status, 200, "{}", answer.head);
        assert!(asked.elapsed() < LATE, "{:?}", asked.elapsed());
    }
    // Their room is there for others.
    drop(signed_in(house.address(), "next"));
    drop((silent, sessions, kept));
    house.leave_intact();
}

/// W-R-476: connections that carry no session are dropped, the oldest first, so that however many say nothing, others are served.
#[test]
fn silent_connections_give_way() {
    let house = House::configured("silent", LIMIT);
    let mut silent: Vec<_> = (0..300).map(|_| connect(house.address())).collect();
    for round in 0..5 {
        let asked = Instant::now();
        drop(signed_in(house.address(), &format!("web-{round}")));
        drop(signed_in_bosh(house.address(), &format!("bosh-{round}")));
        assert_eq!(ask(house.address(), "GET", "/healthz", "", "").status, 200);
        assert!(asked.elapsed() < 2 * LATE, "{:?}", asked.elapsed());
        silent.extend((0..20).map(|_| connect(house.address())));
    }
    for oldest in &mut silent[..200] {
        assert_eq!(rest(oldest), "");
    }
    drop(silent);
    house.leave_intact();
}

/// W-R-476: where every place carries a session, the next connection gets 503, and places that are given back are there for others.
#[test]
fn connections_beyond_the_limit_get_503() {
    let house = House::configured("cap", LIMIT);
    let sessions = fill(&house);
    // Behind a gap, so that both connections of a session carry a request: more than there are places for, since one may have to give way before
    // its request has been read.
    let mut second: Vec<_> = sessions
        .iter()
        .map(|session| {
            let mut stream = connect(house.address());
            let body = format!(
                "<body rid='{}' sid='{}' xmlns='http://jabber.org/protocol/httpbind'/>",
                session.rid + 2,
                session.sid
            );
            let request = format!(
                "POST /bosh HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(request.as_bytes());
            thread::sleep(Duration::from_millis(10));
            stream
        })
        .collect();
    let full = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n\
                Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\nThe gateway is full.\n";
    for _ in 0..20 {
        assert_eq!(knock(house.address(), b""), full);
    }
    second.drain(..8);
    let until = Instant::now() + LATE;
    while ask(house.address(), "GET", "/healthz", "", "").status != 200 {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(20));
    }
    drop((second, sessions));
    house.leave_intact();
}
