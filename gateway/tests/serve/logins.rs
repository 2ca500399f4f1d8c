//! Failed logins over both transports: a guesser is slowed down, then refused; nobody else is.

use std::{
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};

use crate::support::{
    Gateway,
    bosh::{attribute, creation},
    certificates::file,
    http::Http,
    scripted::{Scripted, features, header, mechanisms},
    websocket::{Frame, OPEN, WebSocket, handshake},
};

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
/// `\0juliet\0right` and `\0juliet\0wrong`
const RIGHT: &str = "AGp1bGlldAByaWdodA==";
const WRONG: &str = "AGp1bGlldAB3cm9uZw==";

/// A server that lets in who sends `RIGHT`, and goes on listening after a wrong password.
fn server() -> Scripted {
    Scripted::start(|peer| {
        peer.until("<stream:stream ")?;
        peer.until(">")?;
        let mechanisms = mechanisms(&["PLAIN"]);
        peer.say(&format!("{}{}", header("one"), features(&mechanisms)))?;
        loop {
            let auth = peer.until("</auth>")?;
            if auth.contains(RIGHT) {
                peer.say(&format!("<success {SASL}/>"))?;
            } else {
                peer.say(&format!("<failure {SASL}><not-authorized/></failure>"))?;
            }
        }
    })
}

/// A gateway that believes 127.0.0.1 of whom it speaks for.
fn gateway(name: &str, server: &Scripted, logins: &str) -> Gateway {
    let text = format!(
        "[[listener]]\naddress = '127.0.0.1:0'\n[domain.localhost]\nupstream = '{}'\n\
         [http]\ntrusted_proxies = ['127.0.0.1']\n[logins]\n{logins}\n",
        server.address
    );
    Gateway::run(&["--config", &file(&format!("logins-{name}.toml"), &text)])
}

#[derive(Clone, Copy, Debug)]
enum Transport {
    Bosh,
    WebSocket,
}

const BOTH: [Transport; 2] = [Transport::Bosh, Transport::WebSocket];

/// The field by which a proxy tells this client's address; without one none is told.
fn told(client: &str) -> String {
    if client.is_empty() {
        String::new()
    } else {
        format!("X-Forwarded-For: {client}\r\n")
    }
}

fn auth(initial: &str) -> String {
    format!("<auth {SASL} mechanism='PLAIN'>{initial}</auth>")
}

/// What a session of one attempt ends with.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    In,
    Wrong,
    Refused,
}

fn judge(answer: &str) -> Option<Outcome> {
    let said = [
        ("<success", Outcome::In),
        ("<not-authorized", Outcome::Wrong),
        ("policy-violation", Outcome::Refused),
    ];
    said.into_iter()
        .find_map(|(word, outcome)| answer.contains(word).then_some(outcome))
}

/// Signs in on a session of its own; says how long the answer took.
fn sign_in(
    gateway: &Gateway,
    transport: Transport,
    client: &str,
    initial: &str,
) -> (Outcome, Duration) {
    match transport {
        Transport::Bosh => by_bosh(gateway, client, initial),
        Transport::WebSocket => by_websocket(gateway, client, initial),
    }
}

fn by_bosh(gateway: &Gateway, client: &str, initial: &str) -> (Outcome, Duration) {
    let fields = told(client);
    let mut http = Http::connect(gateway.address);
    let created = http
        .ask("POST", "/http-bind", &fields, &creation("localhost"))
        .body;
    if let Some(outcome) = judge(&created) {
        return (outcome, Duration::ZERO);
    }
    let sid = attribute(&created, "sid").expect("a sid");
    let mut rid = 1000;
    let mut ask = |payload: &str| {
        rid += 1;
        let body = format!(
            "<body rid='{rid}' sid='{sid}' xmlns='http://jabber.org/protocol/httpbind'>{payload}</body>"
        );
        http.ask("POST", "/http-bind", &fields, &body).body
    };
    let mut features = created;
    while !features.contains("<mechanism") {
        if let Some(outcome) = judge(&features) {
            return (outcome, Duration::ZERO);
        }
        features = ask("");
    }
    let asked = Instant::now();
    let mut answer = ask(&auth(initial));
    loop {
        if let Some(outcome) = judge(&answer) {
            return (outcome, asked.elapsed());
        }
        answer = ask("");
    }
}

fn open(gateway: &Gateway, client: &str) -> WebSocket {
    let fields = format!("{}{}", handshake("xmpp"), told(client));
    let http = Http::connect(gateway.address);
    let mut socket = WebSocket::connect_on(http, "/ws", &fields).expect("a 101");
    socket.send(OPEN);
    socket
}

/// The next message that judges an attempt; `None` at the end.
fn next_outcome(socket: &mut WebSocket) -> Option<Outcome> {
    loop {
        if let Frame::Text(text) = socket.receive()?
            && let Some(outcome) = judge(&text)
        {
            return Some(outcome);
        }
    }
}

fn by_websocket(gateway: &Gateway, client: &str, initial: &str) -> (Outcome, Duration) {
    let mut socket = open(gateway, client);
    socket.send(&auth(initial));
    let asked = Instant::now();
    let outcome = next_outcome(&mut socket).expect("an outcome");
    (outcome, asked.elapsed())
}

/// Above what a test machine under load adds, below the delay of an account after five failures.
const AT_ONCE: Duration = Duration::from_millis(1_900);
const SECOND: Duration = Duration::from_secs(1);

/// The attack: one address guesses. Its answers come later and later, then it gets none; its victim signs in from elsewhere, at once.
#[test]
fn a_guesser_is_delayed_then_refused_and_its_victim_is_not() {
    for transport in BOTH {
        let server = server();
        let gateway = gateway(
            &format!("{transport:?}"),
            &server,
            "failures_per_address = 5",
        );
        let guess = |client: &str| sign_in(&gateway, transport, client, WRONG);
        for failure in 1..=5_u64 {
            let (outcome, took) = guess("192.0.2.1");
            assert_eq!(outcome, Outcome::Wrong);
            let delay = Duration::from_secs(failure.saturating_sub(3));
            assert!(
                took >= delay && took < delay + AT_ONCE,
                "{failure}: {took:?}"
            );
        }
        // With the right password too, and over the other transport.
        let reached = server.heard().len();
        for other in BOTH {
            let (outcome, _) = sign_in(&gateway, other, "192.0.2.1", RIGHT);
            assert_eq!(outcome, Outcome::Refused, "{other:?}");
        }
        assert_eq!(
            server.heard().len(),
            reached,
            "the server hears nothing of it"
        );
        gateway.logs("too many failed logins from one address");
        for victim in ["192.0.2.2", "2001:db8::1", ""] {
            let (outcome, took) = sign_in(&gateway, transport, victim, RIGHT);
            assert_eq!(outcome, Outcome::In, "{victim}");
            assert!(took < AT_ONCE, "{victim}: {took:?}");
        }
        let log = gateway.log();
        for secret in [RIGHT, WRONG, "juliet"] {
            assert!(!log.contains(secret), "{log}");
        }
    }
}

/// Many addresses guess at one account: its owner is never refused, and a mistake at an address where the account signed in costs nothing.
#[test]
fn an_account_that_is_guessed_at_is_open_to_its_owner() {
    for transport in BOTH {
        let server = server();
        let gateway = gateway(&format!("account-{transport:?}"), &server, "");
        let (outcome, _) = sign_in(&gateway, transport, "203.0.113.1", RIGHT);
        assert_eq!(outcome, Outcome::In);
        thread::scope(|scope| {
            for number in 1..=9 {
                let gateway = &gateway;
                scope.spawn(move || {
                    let client = format!("192.0.2.{number}");
                    let (outcome, took) = sign_in(gateway, transport, &client, WRONG);
                    assert_eq!(outcome, Outcome::Wrong);
                    assert!(took < Duration::from_secs(5) + AT_ONCE, "{took:?}");
                });
            }
        });
        let (outcome, took) = sign_in(&gateway, transport, "203.0.113.1", WRONG);
        assert_eq!(outcome, Outcome::Wrong);
        assert!(took < AT_ONCE, "{took:?}");
        let (outcome, took) = sign_in(&gateway, transport, "203.0.113.2", WRONG);
        assert_eq!(outcome, Outcome::Wrong);
        assert!(took >= SECOND, "{took:?}");
        for known in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
            let (outcome, took) = sign_in(&gateway, transport, known, RIGHT);
            assert_eq!(outcome, Outcome::In);
            assert!(took < AT_ONCE, "{took:?}");
        }
    }
}

/// A client that lies about its address locks nobody out: the proxy's word counts, and without it no address is refused.
#[test]
fn a_lie_locks_nobody_out() {
    let server = server();
    let gateway = gateway("lie", &server, "failures_per_address = 2");
    let mut accounts = 0;
    for lie in [
        "203.0.113.9, 192.0.2.1",
        "203.0.113.9, nonsense",
        "127.0.0.1",
        "",
    ] {
        for _ in 0..3 {
            // Another account each time, which delays nothing.
            accounts += 1;
            let guess = BASE64.encode(format!("\0user{accounts}\0wrong"));
            sign_in(&gateway, Transport::WebSocket, lie, &guess);
        }
    }
    let victim = sign_in(&gateway, Transport::Bosh, "203.0.113.9", RIGHT);
    assert_eq!(victim.0, Outcome::In);
    let nobody = sign_in(&gateway, Transport::Bosh, "", RIGHT);
    assert_eq!(nobody.0, Outcome::In);
    let guesser = sign_in(&gateway, Transport::Bosh, "192.0.2.1", RIGHT);
    assert_eq!(guesser.0, Outcome::Refused);
}

/// Attempts that are sent ahead, and sessions that were open before, are no way around it.
#[test]
fn guesses_sent_ahead_are_answered_one_by_one() {
    let server = server();
    let gateway = gateway("ahead", &server, "failures_per_address = 5");
    let mut before = open(&gateway, "192.0.2.1");
    before.until("<mechanism");
    let mut socket = open(&gateway, "192.0.2.1");
    socket.until("<mechanism");
    let begun = Instant::now();
    for _ in 0..8 {
        socket.send(&auth(WRONG));
    }
    for failure in 1..=5 {
        assert_eq!(next_outcome(&mut socket), Some(Outcome::Wrong), "{failure}");
    }
    assert!(begun.elapsed() >= 3 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(next_outcome(&mut socket), Some(Outcome::Refused));
    let heard = server.heard().concat();
    assert_eq!(heard.matches("<auth").count(), 5, "{heard}");
    before.send(&auth(RIGHT));
    assert_eq!(next_outcome(&mut before), Some(Outcome::Refused));
    drop((before, socket));
    assert!(!server.heard().concat().contains(RIGHT));
}

/// A listed network is let in whatever it does.
#[test]
fn a_listed_network_is_never_refused() {
    let server = server();
    let logins = "failures_per_address = 1\nnever_refused = ['192.0.2.0/24']";
    let gateway = gateway("listed", &server, logins);
    for (client, outcome) in [
        ("192.0.2.1", Outcome::In),
        ("198.51.100.1", Outcome::Refused),
    ] {
        for transport in BOTH {
            sign_in(&gateway, transport, client, WRONG);
        }
        let found = sign_in(&gateway, Transport::WebSocket, client, RIGHT);
        assert_eq!(found.0, outcome, "{client}");
    }
}
