//! Servers that cannot be reached, say nothing, talk nonsense, or go away in the middle. What is wrong with one domain's server
//! is nothing to the sessions of another.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Instant,
};

use crate::{
    house::House,
    support::{
        bosh::{attribute, creation, post},
        certificates::{Authority, params},
        server::{Server, Way},
        websocket::{Frame, OPEN, WebSocket, handshake},
    },
};

pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
id='abc' from='localhost' version='1.0'>";
pub(crate) const MECHANISMS: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
<mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const BINDING: &str =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

/// A server on a port of its own; every connection is served by `serve` in a thread that ends with it.
pub(crate) fn server(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A server that lets everybody in and sends every message back to who sent it.
pub(crate) fn honest(mut stream: TcpStream) {
    let mut input = String::new();
    let mut name = String::new();
    let mut scratch = [0; 16_384];
    loop {
        while let Some(end) = first_end(&input) {
            let piece: String = input.drain(..end).collect();
            let answer = if piece.contains("<stream:stream") {
                let features = if name.is_empty() { MECHANISMS } else { BINDING };
                format!("{HEADER}{features}")
            } else if piece.contains("</auth>") {
                "known".clone_into(&mut name);
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned()
            } else if piece.contains("</iq>") {
                let jid: String = ["bosh", "web"]
                    .iter()
                    .flat_map(|kind| {
                        (0..5)
                            .map(move |number| format!("{kind}{number}@localhost/door</jid> <jid>"))
                    })
                    .collect();
                format!(
                    "<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{jid}</jid></bind></iq>"
                )
            } else {
                piece
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
        match stream.read(&mut scratch) {
            Ok(0) | Err(_) => return,
            Ok(count) => input.push_str(&String::from_utf8_lossy(&scratch[..count])),
        }
    }
}

/// Where the first thing that a client says ends.
fn first_end(input: &str) -> Option<usize> {
    let after = |what: &str| input.find(what).map(|at| at + what.len());
    let header = input
        .find("<stream:stream")
        .and_then(|at| Some(at + input.get(at..)?.find('>')? + 1));
    let ends = [
        header,
        after("</auth>"),
        after("</iq>"),
        after("</message>"),
        after("</stream:stream>"),
    ];
    ends.into_iter().flatten().min()
}

/// What a bad server does once it has a connection.
fn reads_first(mut stream: &TcpStream) {
    let mut scratch = [0; 4_096];
    let _ = stream.read(&mut scratch);
}

/// A house whose other domain, `bad.example`, has this server.
fn house(name: &str, bad: SocketAddr) -> House {
    house_by(name, bad, "")
}

/// The same, with more settings of that domain.
fn house_by(name: &str, bad: SocketAddr, more: &str) -> House {
    let good = server(honest);
    House::configured(
        name,
        &format!(
            "[domain.\"localhost\"]\nupstream = \"{good}\"\n[domain.\"bad.example\"]\nupstream = \"{bad}\"\n{more}\
             [domain.\"foreign.example\"]\nupstream = \"{bad}\"\nforeign = true\n{more}\
             [upstream]\nfeatures_seconds = 1\nconnect_seconds = 1\nclose_seconds = 1\n"
        ),
    )
}

/// What both transports say of that server: this condition over BOSH, and over WebSocket the one that W-R-417 names.
fn fails(house: &House, bosh: &str, times: usize) {
    for (domain, condition) in [
        ("bad.example", "internal-server-error"),
        (
            "foreign.example",
            if bosh == "internal-server-error" {
                bosh
            } else {
                "remote-connection-failed"
            },
        ),
    ] {
        let askers: Vec<_> = (0..times)
            .map(|_| {
                let address = house.address();
                thread::spawn(move || {
                    let answer = post(address, &creation(domain));
                    let mut socket =
                        WebSocket::connect(address, "/ws", &handshake("xmpp")).expect("a 101");
                    socket.send(&OPEN.replace("localhost", domain));
                    (answer, socket.rest())
                })
            })
            .collect();
        for asker in askers {
            let (answer, frames) = asker.join().expect("an answer");
            assert_eq!(answer.status, 200);
            assert_eq!(
                attribute(&answer.body, "type").as_deref(),
                Some("terminate"),
                "{}",
                answer.body
            );
            assert_eq!(
                attribute(&answer.body, "condition").as_deref(),
                Some(bosh),
                "{}",
                answer.body
            );
            let [
                Frame::Text(open),
                Frame::Text(error),
                Frame::Text(close),
                Frame::Close(1011),
            ] = &frames[..]
            else {
                panic!("{frames:?}");
            };
            assert!(open.starts_with("<open "), "{open}");
            let wanted = format!(
                "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\"><{condition} xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/>"
            );
            assert!(error.starts_with(&wanted), "{error}");
            assert!(close.starts_with("<close "), "{close}");
        }
    }
}

/// W-R-444.
#[test]
fn a_server_that_is_down_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let house = house("down", port.expect("a port that nobody listens on"));
    fails(&house, "remote-connection-failed", 10);
    house.leave_intact();
}

/// W-R-444.
#[test]
fn a_server_that_says_nothing_is_given_up() {
    let silent = server(|stream| {
        reads_first(&stream);
        reads_first(&stream);
    });
    let house = house("silent", silent);
    let started = Instant::now();
    fails(&house, "remote-connection-failed", 10);
    let took = started.elapsed().as_secs_f64();
    // Each of the two domains: one second of features for each transport, the rest is closing.
    assert!((3.9..10.0).contains(&took), "{took}");
    house.leave_intact();
}

/// W-R-445.
#[test]
fn a_server_that_talks_nonsense_is_left() {
    for (name, nonsense) in [
        ("http", "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned()),
        ("bytes", "\u{1}\u{2}\u{3}".to_owned()),
        ("doctype", "<!DOCTYPE x><x/>".to_owned()),
        ("comment", format!("{HEADER}<!-- x -->")),
        ("nested", format!("{HEADER}{}", "<a>".repeat(60_000))),
        ("crossed", format!("{HEADER}<stream:features></b>")),
    ] {
        let bad = server(move |mut stream| {
            reads_first(&stream);
            let _ = stream.write_all(nonsense.as_bytes());
            let mut scratch = [0; 4_096];
            while stream.read(&mut scratch).is_ok_and(|count| count > 0) {}
        });
        let house = house(name, bad);
        fails(&house, "internal-server-error", 3);
        house.leave_intact();
    }
}

/// W-R-417: it may have been a cable.
#[test]
fn a_server_that_goes_away_in_the_middle_is_told() {
    for (name, last) in [
        ("at-once", String::new()),
        ("in-header", HEADER.get(..60).unwrap_or_default().to_owned()),
        ("before-features", HEADER.to_owned()),
        (
            "in-features",
            format!("{HEADER}{}", MECHANISMS.get(..40).unwrap_or_default()),
        ),
    ] {
        let bad = server(move |mut stream| {
            reads_first(&stream);
            let _ = stream.write_all(last.as_bytes());
        });
        let house = house(name, bad);
        fails(&house, "remote-connection-failed", 3);
        house.leave_intact();
    }
}

/// W-R-451: it is the domain that a certificate must be for, and the configured CA that must have signed it.
#[test]
fn a_server_with_a_wrong_certificate_is_left() {
    let authority = Authority::new("doors");
    let stranger = Authority::new("doors-stranger");
    for (name, way, tls, identity) in [
        (
            "name",
            Way::StartTls,
            "starttls",
            authority.sign(&params("elsewhere.example")),
        ),
        (
            "direct",
            Way::Direct,
            "direct",
            authority.sign(&params("elsewhere.example")),
        ),
        (
            "signer",
            Way::StartTls,
            "starttls",
            stranger.sign(&params("bad.example")),
        ),
    ] {
        let bad = Server::start(way, identity);
        let more = format!("tls = \"{tls}\"\nca = \"{}\"\n", authority.file);
        let house = house_by(name, bad.address, &more);
        fails(&house, "remote-connection-failed", 3);
        assert!(!bad.plain().contains("<auth"), "{}", bad.plain());
        house.leave_intact();
    }
}
