//! Tunnels through proxies, over connections that cut bytes anywhere.

use std::{future::Future, time::Duration};

use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use xmpp_web_driver::proxy::{self, Credentials, ProxyError, Target, Tunnel, socks5::Refusal};

use crate::support::{End, Manual, World, pipe};

const TIMEOUT: Duration = Duration::from_secs(10);

/// One turn of a conversation: what the proxy reads, then what it says.
type Turn = (&'static [u8], &'static [u8]);

fn target() -> Target {
    Target::new("xmpp.example", 5222).expect("a target")
}

fn credentials() -> Credentials {
    Credentials::new("user", "s\u{e9}cret").expect("credentials")
}

/// Has a client talk to a proxy that plays this script, over a connection that holds `room` bytes. What comes out works as a stream.
fn converse<F>(
    room: usize,
    script: &'static [Turn],
    connect: impl FnOnce(End, Manual) -> F,
) -> Result<(), ProxyError>
where
    F: Future<Output = Result<Tunnel<End>, ProxyError>>,
{
    let mut world = World::new();
    let (client, mut proxy) = pipe(room);
    world.spawn(async move {
        for (expected, said) in script {
            let mut read = vec![0; expected.len()];
            if proxy.read_exact(&mut read).await.is_err() {
                return;
            }
            assert_eq!(&read, expected);
            if proxy.write_all(said).await.is_err() {
                return;
            }
        }
        // What follows is the target's.
        if proxy.write_all(b"from the target").await.is_err() {
            return;
        }
        let mut read = [0; 7];
        if proxy.read_exact(&mut read).await.is_ok() {
            assert_eq!(&read, b"through");
            let _ = proxy.write_all(b", and back").await;
        }
    });
    let connecting = connect(client, world.runtime.clone());
    let mut tunnel = world.run(connecting)?;
    world.run(async {
        let mut read = [0; 15];
        tunnel.read_exact(&mut read).await.expect("no failure");
        assert_eq!(&read, b"from the target");
        tunnel.write_all(b"through").await.expect("no failure");
        let mut read = [0; 10];
        tunnel.read_exact(&mut read).await.expect("no failure");
        assert_eq!(&read, b", and back");
    });
    Ok(())
}

/// Every size of cut gives the same outcome.
fn everywhere(
    script: &'static [Turn],
    mut once: impl FnMut(usize, &'static [Turn]) -> Result<(), ProxyError>,
) -> Result<(), ProxyError> {
    let mut outcomes = [65_536, 1, 2, 3, 7].map(|room| once(room, script));
    let first = std::mem::replace(&mut outcomes[0], Ok(()));
    for outcome in &outcomes[1..] {
        assert_eq!(format!("{outcome:?}"), format!("{first:?}"));
    }
    first
}

fn http(script: &'static [Turn], credentials: Option<&Credentials>) -> Result<(), ProxyError> {
    everywhere(script, |room, script| {
        converse(room, script, |stream, runtime| async move {
            proxy::http::connect(stream, &target(), credentials, TIMEOUT, runtime).await
        })
    })
}

fn socks(
    target: &Target,
    script: &'static [Turn],
    credentials: Option<&Credentials>,
) -> Result<(), ProxyError> {
    everywhere(script, |room, script| {
        converse(room, script, |stream, runtime| async move {
            proxy::socks5::connect(stream, target, credentials, TIMEOUT, runtime).await
        })
    })
}

const CONNECT: &[u8] = b"CONNECT xmpp.example:5222 HTTP/1.1\r\nHost: xmpp.example:5222\r\n\r\n";

/// RFC 9110 §9.3.6: any 2xx is a tunnel, and what comes behind its head is the target's.
#[test]
fn connect_makes_a_tunnel() {
    for script in [
        &[(
            CONNECT,
            b"HTTP/1.1 200 Connection established\r\n\r\n" as &[u8],
        )] as &[Turn],
        &[(
            CONNECT,
            b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
        )],
        &[(
            CONNECT,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Fine\r\n\r\n",
        )],
    ] {
        http(script, None).expect("a tunnel");
    }
}

#[test]
fn connect_tells_the_credentials() {
    const REQUEST: &[u8] = b"CONNECT xmpp.example:5222 HTTP/1.1\r\nHost: xmpp.example:5222\r\nProxy-Authorization: Basic dXNlcjpzw6ljcmV0\r\n\r\n";
    http(
        &[(REQUEST, b"HTTP/1.1 200 OK\r\n\r\n")],
        Some(&credentials()),
    )
    .expect("a tunnel");
}

#[test]
fn what_is_no_tunnel_is_told_apart() {
    let outcome = |script| format!("{:?}", http(script, None).expect_err("no tunnel"));
    assert_eq!(
        outcome(&[(CONNECT, b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nno")]),
        "Unauthorized"
    );
    assert_eq!(
        outcome(&[(
            CONNECT,
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
        )]),
        "Status(502)"
    );
    let malformed = "Malformed(\"its answer is no HTTP/1.1, or past the limits\")";
    assert_eq!(outcome(&[(CONNECT, b"SSH-2.0-OpenSSH\r\n")]), malformed);
    assert_eq!(outcome(&[(CONNECT, b"\x05\xff")]), malformed);
    assert_eq!(outcome(&[(CONNECT, &[b'H'; 20_000])]), malformed);
}

#[test]
fn a_proxy_that_ends_or_is_silent_is_an_error() {
    let target = target();
    for said in [&b""[..], b"HTTP/1.1 200"] {
        let mut world = World::new();
        let (client, mut proxy) = pipe(1_024);
        world.run(proxy.say(said));
        let runtime = world.runtime.clone();
        let before = world.now();
        let silent = proxy::http::connect(client, &target, None, TIMEOUT, runtime);
        let outcome = world.run(silent).err().expect("no tunnel");
        assert!(matches!(outcome, ProxyError::Timeout), "{outcome:?}");
        assert_eq!(world.now() - before, TIMEOUT);

        let (client, proxy) = pipe(1_024);
        drop(proxy);
        let runtime = world.runtime.clone();
        let ended = proxy::http::connect(client, &target, None, TIMEOUT, runtime);
        let outcome = world.run(ended).err().expect("no tunnel");
        assert!(matches!(outcome, ProxyError::Io(_)), "{outcome:?}");
    }
    let mut world = World::new();
    let (client, mut proxy) = pipe(1_024);
    world.run(proxy.say(b"\x05"));
    let (runtime, before) = (world.runtime.clone(), world.now());
    let silent = proxy::socks5::connect(client, &target, None, TIMEOUT, runtime);
    let outcome = world.run(silent).err().expect("no tunnel");
    assert!(matches!(outcome, ProxyError::Timeout), "{outcome:?}");
    assert_eq!(world.now() - before, TIMEOUT);
}

const HELLO: Turn = (b"\x05\x01\x00", b"\x05\x00");
const HELLO_AUTHENTICATED: Turn = (b"\x05\x02\x00\x02", b"\x05\x02");
const LOGIN: &[u8] = b"\x01\x04user\x07s\xc3\xa9cret";
const NAMED: &[u8] = b"\x05\x01\x00\x03\x0cxmpp.example\x14\x66";
const BOUND: &[u8] = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38";

/// RFC 1928 §4 to §6: each kind of address, there and back.
#[test]
fn socks_makes_a_tunnel() {
    socks(&target(), &[HELLO, (NAMED, BOUND)], None).expect("a tunnel");
    let address = Target::new("192.0.2.1", 443).expect("a target");
    socks(
        &address,
        &[
            HELLO,
            (
                b"\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb",
                b"\x05\x00\x00\x03\x02xy\x00\x00",
            ),
        ],
        None,
    )
    .expect("a tunnel");
    let address = Target::new("[2001:db8::1]", 443).expect("a target");
    socks(
        &address,
        &[
            HELLO,
            (
                b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb",
                b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x04\x38",
            ),
        ],
        None,
    )
    .expect("a tunnel");
}

/// RFC 1929: told only to a proxy that wants them.
#[test]
fn socks_tells_the_credentials_when_asked() {
    let credentials = credentials();
    socks(
        &target(),
        &[HELLO_AUTHENTICATED, (LOGIN, b"\x01\x00"), (NAMED, BOUND)],
        Some(&credentials),
    )
    .expect("a tunnel");
    socks(
        &target(),
        &[(b"\x05\x02\x00\x02", b"\x05\x00"), (NAMED, BOUND)],
        Some(&credentials),
    )
    .expect("a tunnel");
    let outcome = socks(
        &target(),
        &[HELLO_AUTHENTICATED, (LOGIN, b"\x01\x01")],
        Some(&credentials),
    );
    assert!(
        matches!(outcome, Err(ProxyError::Unauthorized)),
        "{outcome:?}"
    );
    let outcome = socks(&target(), &[(b"\x05\x01\x00", b"\x05\xff")], None);
    assert!(
        matches!(outcome, Err(ProxyError::Unauthorized)),
        "{outcome:?}"
    );
}

#[test]
fn socks_refusals_have_their_reasons() {
    for (said, reason) in [
        (&b"\x05\x01\x00\x01\0\0\0\0\0\0"[..], Refusal::General),
        // The rest of a refusal may never come.
        (b"\x05\x02\x00\x00", Refusal::NotAllowed),
        (b"\x05\x05\x00\x01\0\0\0\0\0\0", Refusal::ConnectionRefused),
        (b"\x05\x08\x00\x01\0\0\0\0\0\0", Refusal::AddressType),
        (b"\x05\x63\x00\x01\0\0\0\0\0\0", Refusal::Other(0x63)),
    ] {
        let script: &'static [Turn] = Box::leak(Box::new([HELLO, (NAMED, said)]));
        let outcome = socks(&target(), script, None);
        assert!(
            matches!(outcome, Err(ProxyError::Refused(refusal)) if refusal == reason),
            "{outcome:?}"
        );
    }
    for script in [
        &[(b"\x05\x01\x00" as &[u8], b"\x04\x00" as &[u8])] as &[Turn],
        &[(b"\x05\x01\x00", b"HTTP/1.1 400 Bad Request\r\n")],
        &[(b"\x05\x01\x00", b"\x05\x02")],
        &[HELLO, (NAMED, b"\x04\x00\x00\x01")],
        &[HELLO, (NAMED, b"\x05\x00\x00\x02")],
    ] {
        let outcome = socks(&target(), script, None);
        assert!(
            matches!(outcome, Err(ProxyError::Malformed(_))),
            "{outcome:?}"
        );
    }
}

#[test]
fn what_a_proxy_cannot_be_told_is_refused_before() {
    for host in [
        "",
        "a b",
        "h\u{e9}",
        "h:1",
        "u@h",
        "h\r\nX: y",
        &"a".repeat(64),
        &"a.".repeat(128),
    ] {
        let refused = Target::new(host, 1);
        assert!(matches!(refused, Err(ProxyError::Target)), "{host}");
    }
    assert!(Target::new(&format!("{}a", "a.".repeat(126)), 1).is_ok());
    for (user, password) in [("", "x"), ("x", ""), ("a:b", "x"), ("x", &*"p".repeat(256))] {
        let refused = Credentials::new(user, password);
        assert!(matches!(refused, Err(ProxyError::Credentials)), "{user}");
    }
    assert!(!format!("{:?}", credentials()).contains("cret"));
}
