//! What is no request, or no request of ours.

use std::{
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use crate::{
    house::House,
    knock::{connect, farewell, knock, rest},
    traffic::signed_in_bosh,
};

/// A request that must not be seen behind one that is refused.
const BEHIND: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn what_is_not_http_gets_400() {
    let house = House::open();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let cases: [&[u8]; 9] = [
        hello,
        b"\0\0\0\0\r\n\r\n",
        b"hello there\r\n\r\n",
        b"<stream:stream to='localhost'>",
        b"GET\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHo st: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA: \0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ];
    for _ in 0..5 {
        for case in cases {
            let answer = knock(house.address(), case);
            assert_eq!(
                answer,
                farewell("400 Bad Request"),
                "{}",
                case.escape_ascii()
            );
        }
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        assert_eq!(
            knock(house.address(), preface),
            farewell("505 HTTP Version Not Supported")
        );
    }
    house.leave_intact();
}

/// W-R-027.
#[test]
fn a_megabyte_of_head_gets_431_or_414() {
    let house = House::open();
    let much = "a".repeat(1 << 20);
    let many = "A: b\r\n".repeat((1 << 20) / 6);
    for _ in 0..5 {
        for fields in [format!("Cookie: {much}"), many.clone()] {
            let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
            assert_eq!(
                knock(house.address(), head.as_bytes()),
                farewell("431 Request Header Fields Too Large")
            );
        }
        let line = format!("GET /{much} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(
            knock(house.address(), line.as_bytes()),
            farewell("414 URI Too Long")
        );
    }
    house.leave_intact();
}

/// W-R-028, and the same for a body.
#[test]
fn a_slow_head_or_body_gets_408() {
    let house = House::configured("slow", "[http]\nhead_seconds = 1\nbody_seconds = 2\n");
    let started = Instant::now();
    let mut heads: Vec<_> = (0..20).map(|_| connect(house.address())).collect();
    let mut bodies: Vec<_> = (0..20).map(|_| connect(house.address())).collect();
    for body in &mut bodies {
        body.write_all(b"POST /bosh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
            .expect("it reads");
    }
    for byte in b"GET / HT" {
        for stream in heads.iter_mut().chain(&mut bodies) {
            stream.write_all(&[*byte]).expect("it reads");
        }
        thread::sleep(Duration::from_millis(100));
    }
    for (mut streams, seconds) in [(heads, 1.0), (bodies, 2.0)] {
        for stream in &mut streams {
            assert_eq!(rest(stream), farewell("408 Request Timeout"));
        }
        let took = started.elapsed().as_secs_f64();
        assert!((seconds - 0.1..seconds + 1.0).contains(&took), "{took}");
    }
    house.leave_intact();
}

/// W-R-022, W-R-023, W-R-024: one 400, and nothing behind it is a request.
#[test]
fn smuggling_gets_one_400() {
    let house = House::open();
    let cases = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
        "Content-Length: 5, 0\r\n\r\nhello",
        "Content-Length: +5\r\n\r\nhello",
        "Content-Length: 0x5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "A: b\r\n Content-Length: 5\r\n\r\nhello",
        "A: b\nContent-Length: 5\r\n\r\nhello",
        "A: b\rContent-Length: 5\r\n\r\nhello",
        "Content-Length : 5\r\n\r\nhello",
        "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1\r\nxy0\r\n\r\n",
    ];
    for _ in 0..3 {
        for case in cases {
            let request = format!("POST /bosh HTTP/1.1\r\nHost: localhost\r\n{case}{BEHIND}");
            let answer = knock(house.address(), request.as_bytes());
            assert_eq!(answer, farewell("400 Bad Request"), "{case:?}");
        }
    }
    house.leave_intact();
}

/// B-R-019: refused before a byte of it is read, and the session does not notice.
#[test]
fn an_oversize_body_gets_413_and_its_session_goes_on() {
    let house = House::open();
    let mut session = signed_in_bosh(house.address(), "large");
    let body = format!(
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='{}' sid='{}'><message xmlns='jabber:client'/></body>",
        session.rid + 1,
        session.sid
    );
    let body = body + &" ".repeat(262_145);
    for round in 0..5 {
        for framing in [
            format!("Content-Length: {}\r\n\r\n{body}", body.len()),
            format!(
                "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            ),
        ] {
            let request = format!("POST /bosh HTTP/1.1\r\nHost: localhost\r\n{framing}{BEHIND}");
            assert_eq!(
                knock(house.address(), request.as_bytes()),
                farewell("413 Content Too Large")
            );
        }
        session.echo(&format!("still here {round}"));
    }
    session.exchange("type='terminate'", "");
    drop(session);
    house.leave_intact();
}

/// W-R-005: a page whose name was made to resolve to this address (DNS rebinding) learns nothing but that something is there.
#[test]
fn a_strange_host_gets_421() {
    let house = House::open();
    for _ in 0..5 {
        for path in ["/", "/bosh", "/ws", "/nowhere"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: attacker.example\r\nUpgrade: websocket\r\nConnection: close, upgrade\r\n\r\n"
            );
            let answer = knock(house.address(), request.as_bytes());
            let body = "This gateway is not known by that name. It listens on loopback alone; set http.hosts, or http.trusted_proxies \
                        where a proxy passes its own name on.\n";
            let expected = format!(
                "HTTP/1.1 421 Misdirected Request\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
                 Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            assert_eq!(answer, expected, "{path}");
        }
        for request in [
            "GET /healthz HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n",
            "GET /healthz HTTP/1.0\r\n\r\n",
        ] {
            let answer = knock(house.address(), request.as_bytes());
            assert!(answer.contains(" 200 OK\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        }
    }
    house.leave_intact();
}
