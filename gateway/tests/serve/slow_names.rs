//! A domain whose name server does not answer, beside one that is reached by name. The binary gets a slow resolver by `LD_PRELOAD`, built with the C
//! compiler that Rust links with.

use std::{
    io::Write as _,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    Gateway,
    bosh::creation,
    certificates::file,
    command,
    http::dial,
    scripted::Scripted,
    websocket::{OPEN, WebSocket, handshake},
};

/// More than the 512 threads that tokio has for what blocks.
const SESSIONS: usize = 700;

fn slow_resolver() -> PathBuf {
    let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("slow_names.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/slow_names.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .status()
        .expect("a C compiler");
    assert!(built.success());
    library
}

/// One customer's trouble is not another's: sessions that wait for a name which does not resolve leave threads for the names of others.
#[test]
fn a_name_that_does_not_resolve_stops_its_own_domain_alone() {
    let server = Scripted::start(|peer| peer.sign_in("x"));
    let settings = file(
        "slow-names.toml",
        &format!(
            "[domain.\"slow.example\"]\nupstream = \"server.slow.invalid:5222\"\ntls = \"none\"\n\
             [domain.\"localhost\"]\nupstream = \"localhost:{}\"\n",
            server.address.port()
        ),
    );
    let gateway = Gateway::spawn(
        command()
            .args(["serve", "--listen", "127.0.0.1:0", "--config", &settings])
            .env("LD_PRELOAD", slow_resolver()),
    );
    let body = creation("slow.example");
    let waiting: Vec<_> = (0..SESSIONS)
        .map(|_| {
            let mut stream = dial(gateway.address);
            let request = format!(
                "POST /bosh HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).expect("it reads");
            stream
        })
        .collect();
    let until = Instant::now() + crate::support::PATIENCE;
    while gateway.log().matches("session opened").count() < SESSIONS {
        assert!(Instant::now() < until, "{}", gateway.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    for number in 0..5 {
        let started = Instant::now();
        let mut socket =
            WebSocket::connect(gateway.address, "/ws", &handshake("xmpp")).expect("a 101");
        socket.send(OPEN);
        socket.until("<mechanism");
        let waited = started.elapsed();
        assert!(waited < Duration::from_secs(1), "{number}: {waited:?}");
    }
    drop(waiting);
}
