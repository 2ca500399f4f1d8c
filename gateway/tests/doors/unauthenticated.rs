//! Clients that never sign in: what they may have at once of sessions, descriptors and memory.
//!
//! The proxy in front that tells their addresses is this test; loopback addresses would have no share.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    house::House,
    support::{
        bosh::{Bosh, attribute, creation},
        http::{Answer, Http, ask},
        websocket::{OPEN, WebSocket, handshake},
    },
    traffic::{auth, sign_in, sign_in_bosh},
    upstream::{HEADER, MECHANISMS, honest, server},
};

/// How long a client that does nothing wrong may wait.
const LATE: Duration = Duration::from_secs(1);

const PROXY: &str = "[http]\ntrusted_proxies = [\"127.0.0.1\"]\n";

/// A connection of a client of that address, as a proxy tells it.
fn told(client: &str, address: SocketAddr) -> Http {
    let mut http = Http::connect(address);
    http.fields = format!("X-Forwarded-For: {client}\r\n");
    http
}

/// Asks for a session from that address.
fn create(house: &House, client: &str) -> Answer {
    told(client, house.address()).ask("POST", "/bosh", "", &creation("localhost"))
}

fn condition(answer: &Answer) -> Option<String> {
    attribute(&answer.body, "condition")
}

/// The status of a handshake from that address, or the WebSocket.
fn shake(house: &House, client: &str) -> Result<WebSocket, u16> {
    let http = told(client, house.address());
    WebSocket::connect_on(http, "/ws", &handshake("xmpp")).map_err(|answer| answer.status)
}

/// W-R-476, W-R-030, B-R-133: sessions that are not signed in count together over both transports, for each address and in all; signing in makes room.
#[test]
fn sessions_that_are_not_signed_in_have_a_share() {
    let limits =
        "[limits]\nunauthenticated_sessions = 12\nunauthenticated_sessions_per_address = 3\n";
    let house = House::configured("shares", &format!("{limits}{PROXY}"));
    let mut sockets = vec![shake(&house, "192.0.2.1").expect("a 101")];
    for _ in 0..2 {
        assert_eq!(condition(&create(&house, "192.0.2.1")), None);
    }
    for _ in 0..10 {
        let refused = create(&house, "192.0.2.1");
        assert_eq!(condition(&refused).as_deref(), Some("policy-violation"));
        assert_eq!(shake(&house, "192.0.2.1").err(), Some(429));
    }
    assert!(
        house
            .log()
            .contains("raise limits.unauthenticated_sessions_per_address"),
        "{}",
        house.log()
    );
    // Signed in, it is authenticated.
    let mut first = sockets.remove(0);
    first.send(OPEN);
    first.until("<mechanism");
    let first = sign_in(first, "first");
    sockets.push(shake(&house, "192.0.2.1").expect("room"));
    for last in 2..5 {
        for _ in 0..3 {
            sockets.push(shake(&house, &format!("192.0.2.{last}")).expect("room"));
        }
    }
    assert_eq!(shake(&house, "192.0.2.9").err(), Some(503));
    let refused = create(&house, "192.0.2.9");
    assert_eq!(condition(&refused).as_deref(), Some("policy-violation"));
    assert!(
        house
            .log()
            .contains("raise limits.unauthenticated_sessions")
    );
    drop((sockets, first));
    house.leave_intact();
}

/// W-R-476: a session needs a descriptor for its server although it has no connection. Unauthenticated clients that create as many as they can on one connection,
/// from one address and from twenty, leave room for everybody else's: nothing is dialled for what is refused.
#[test]
fn creations_without_end_leave_descriptors() {
    let good = server(honest);
    let domain = format!("[domain.\"localhost\"]\nupstream = \"{good}\"\n");
    let house = House::within(400, "descriptors", &format!("{domain}{PROXY}"));
    let before = house.open_files();
    let attack = |clients: &[String], creations: usize| {
        let mut http = Http::connect(house.address());
        for number in 0..creations {
            let client = &clients[number % clients.len()];
            let fields = format!("X-Forwarded-For: {client}\r\n");
            http.send("POST", "/bosh", &fields, &creation("localhost"));
            http.receive();
        }
    };
    attack(&["192.0.2.1".to_owned()], 903);
    // Four sessions of one address, and the sockets of test and gateway that are closing.
    assert!(
        house.open_files() < before + 10,
        "{} files",
        house.open_files()
    );
    let asked = Instant::now();
    let newcomer = told("198.51.100.1", house.address());
    let newcomer = sign_in_bosh(Bosh::create_by(newcomer, &creation("localhost")), "bosh0");
    assert!(asked.elapsed() < LATE, "{:?}", asked.elapsed());
    let many: Vec<String> = (0..20).map(|last| format!("203.0.113.{last}")).collect();
    attack(&many, 1_000);
    assert!(
        house.open_files() < before + 40,
        "{} files",
        house.open_files()
    );
    assert_eq!(ask(house.address(), "GET", "/healthz", "", "").status, 200);
    drop(newcomer);
    // Sessions that nobody asks after end by themselves; the house does not wait for that.
    house.end_traffic();
}

/// A body of that many bytes for a session.
fn stanza(session: &mut Bosh, bytes: usize) -> String {
    session.rid += 1;
    format!(
        "<body rid='{}' sid='{}' xmlns='http://jabber.org/protocol/httpbind'><message xmlns='jabber:client' to='echo@localhost'>\
         <body>{}</body></message></body>",
        session.rid,
        session.sid,
        "x".repeat(bytes)
    )
}

/// W-R-476, B-R-019: bodies that clients send before they are known to be signed in have a budget in bytes, and each address a share of it. A client that
/// is signed in sends a long stanza on a fresh connection all the same.
#[test]
fn bodies_of_unauthenticated_clients_cost_bounded_memory() {
    let limits = "[limits]\nunauthenticated_bytes = 4194304\n";
    let house = House::configured("bodies", &format!("{limits}{PROXY}"));
    let client = told("198.51.100.1", house.address());
    let mut session = sign_in_bosh(Bosh::create_by(client, &creation("localhost")), "strophe");
    let before = house.resident();
    let mut most = 0;
    let half = "x".repeat(200_000);
    let mut clients = Vec::new();
    for number in 0..300 {
        let mut http = told("192.0.2.1", house.address());
        let chunked = number % 2 == 0;
        let framing = if chunked {
            "Transfer-Encoding: chunked\r\n\r\n40000\r\n"
        } else {
            "Content-Length: 262144\r\n\r\n"
        };
        let head = format!(
            "POST /bosh HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n{framing}"
        );
        // Those that are refused are closed under our hands.
        let _ = http.stream.write_all(head.as_bytes());
        let _ = http.stream.write_all(half.as_bytes());
        clients.push(http);
        most = most.max(house.resident());
        if number % 100 == 50 {
            session.http = told("198.51.100.1", house.address());
            let asked = Instant::now();
            let body = stanza(&mut session, 200_000);
            let answer = session.http.ask("POST", "/bosh", "", &body);
            assert_eq!(answer.status, 200, "{}", answer.head);
            session.until(answer.body, "xxxxxxxx");
            assert!(asked.elapsed() < 2 * LATE, "{:?}", asked.elapsed());
        }
    }
    thread::sleep(Duration::from_millis(200));
    most = most.max(house.resident());
    // The share of one address is 512 KiB; the rest is the traffic's, and the memory of 300 connections.
    assert!(most < before + 16 * 1_024, "{before} kB, then {most} kB");
    let refused = clients.last_mut().expect("one").receive();
    assert_eq!(refused.status, 503);
    assert!(house.log().contains("raise limits.unauthenticated_bytes"));
    drop((clients, session));
    house.leave_intact();
}

/// A server that offers to sign in and takes nothing more.
fn deaf(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4_096]);
    let _ = stream.write_all(format!("{HEADER}{MECHANISMS}").as_bytes());
    thread::sleep(Duration::from_secs(20));
}

/// W-R-476: what a client sends before it signs in counts until it does, over both transports, so that what waits for a server is bounded.
#[test]
fn what_unauthenticated_clients_park_is_bounded() {
    // Sixty-four sessions, eight of one address.
    let limits = "[limits]\nunauthenticated_bytes = 1048576\n[websocket]\nclose_seconds = 1\n[upstream]\nclose_seconds = 1\n";
    let domains = format!(
        "[domain.\"localhost\"]\nupstream = \"{}\"\n[domain.\"deaf.example\"]\nupstream = \"{}\"\n",
        server(honest),
        server(deaf)
    );
    let house = House::configured("parked", &format!("{domains}{limits}{PROXY}"));
    let first = auth("ada");
    let long = format!(
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{}</response>",
        "x".repeat(12_000)
    );
    let mut socket = shake(&house, "192.0.2.1").expect("a 101");
    socket.send(&OPEN.replace("localhost", "deaf.example"));
    socket.until("<mechanism");
    socket.send(&first);
    for _ in 0..12 {
        socket.send(&long);
    }
    let said: String = socket
        .rest()
        .iter()
        .map(|frame| format!("{frame:?}"))
        .collect();
    assert!(said.contains("<policy-violation"), "{said}");
    let http = told("192.0.2.2", house.address());
    let mut session = Bosh::create_by(http, &creation("deaf.example"));
    session.send("", &first);
    let mut sent = 0;
    loop {
        session.send("", &long);
        sent += 1;
        let answer = session.http.receive().body;
        if answer.contains("condition='policy-violation'") {
            break;
        }
        assert!(sent < 12 && !answer.contains("terminate"), "{answer}");
    }
    let log = house.log();
    assert!(log.contains("raise limits.unauthenticated_bytes"), "{log}");
    let mut signed_in = Vec::new();
    // Signing in gives back all that was counted: this is four times what one address has.
    for round in 0..32 {
        let mut socket = shake(&house, "192.0.2.3").expect("a 101");
        socket.send(OPEN);
        socket.until("<mechanism");
        signed_in.push(sign_in(socket, &format!("web{}", round % 5)));
    }
    // So does ending, once that is over.
    let until = Instant::now() + 5 * LATE;
    while shake(&house, "192.0.2.1").is_err() {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(20));
    }
    drop((signed_in, session));
    house.leave_intact();
}

/// B-R-133: requests for sids that are not known, and bodies that are none, count for their address and wait as all others do.
#[test]
fn requests_of_no_session_have_a_rate() {
    let rates = "[bosh.rates]\naddress_requests = { per_second = 20, burst = 20 }\n";
    let house = House::configured("nobody", &format!("{rates}{PROXY}"));
    let unknown = "<body rid='1' sid='nobody' xmlns='http://jabber.org/protocol/httpbind'/>";
    for (client, body, wanted) in [
        ("192.0.2.1", unknown, "item-not-found"),
        ("192.0.2.2", "hello", "bad-request"),
    ] {
        let mut http = told(client, house.address());
        let asked = Instant::now();
        for _ in 0..40 {
            let answer = http.ask("POST", "/bosh", "", body);
            assert_eq!(condition(&answer).as_deref(), Some(wanted));
        }
        assert!(asked.elapsed() >= Duration::from_millis(900), "{client}");
        let asked = Instant::now();
        let mut other = told("198.51.100.1", house.address());
        other.ask("POST", "/bosh", "", body);
        assert!(asked.elapsed() < LATE);
    }
    house.leave_intact();
}
