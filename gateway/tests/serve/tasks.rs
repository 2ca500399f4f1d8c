//! Long-lived tasks of the gateway that end, and listeners that cannot accept: never unseen.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::{
    Gateway, PATIENCE,
    bosh::{self, Bosh},
    command,
    http::{Http, ask},
    websocket::{WebSocket, handshake},
};

const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";
const EVE: &str = "AGV2ZQBjb3JyZWN0IGhvcnNl";

/// Within this time of a task's end the process serves again or has ended.
const SOON: Duration = Duration::from_secs(1);

/// A gateway whose tasks of one kind end in that way when the file is there. Each gateway has a file of its own.
fn failing(kind: &str, how: &str) -> (Gateway, PathBuf) {
    static GATEWAYS: AtomicUsize = AtomicUsize::new(0);
    let number = GATEWAYS.fetch_add(1, Ordering::Relaxed);
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fail-{number}"));
    let _ = fs::remove_file(&file);
    let mut command = command();
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("XMPP_WEB_FAIL", format!("{kind}={how}@{}", file.display()));
    (Gateway::spawn(&mut command), file)
}

/// Ends one task; returns when it has ended.
fn fail(file: &PathBuf) {
    fs::write(file, "").expect("a writable directory");
    let until = Instant::now() + PATIENCE;
    while file.exists() {
        assert!(Instant::now() < until, "no failpoint");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Existing sessions go on, new ones open, and requests are answered when their `wait` is over.
#[test]
fn a_task_that_ends_is_started_anew() {
    if cfg!(not(debug_assertions)) {
        return;
    }
    for kind in ["listener", "sessions", "timer"] {
        for how in ["panic", "return"] {
            let (gateway, file) = failing(kind, how);
            let mut bosh = Bosh::signed_in(gateway.address, ADA);
            let mut socket = WebSocket::signed_in(gateway.address, ADA);
            let mut health = Http::connect(gateway.address);
            for round in 0..3 {
                fail(&file);
                let ended = Instant::now();
                while health.ask("GET", "/healthz", "", "").status == 200
                    && !gateway.log().contains("it is started anew")
                {
                    assert!(ended.elapsed() < SOON, "{kind} {how}: {}", gateway.log());
                }
                let mut other = Bosh::signed_in(gateway.address, EVE);
                other.echo("a new session");
                WebSocket::signed_in(gateway.address, EVE).echo("a new WebSocket");
                while health.ask("GET", "/healthz", "", "").status != 200 {
                    assert!(ended.elapsed() < SOON, "{kind} {how}: {}", gateway.log());
                }
                bosh.echo(&format!("old {round}"));
                socket.echo(&format!("old {round}"));
            }
            let patient = bosh::creation("localhost").replace("wait='5'", "wait='1'");
            let mut patient = Bosh::create_by(Http::connect(gateway.address), &patient);
            let sent = Instant::now();
            patient.exchange("", "");
            assert!(sent.elapsed() < Duration::from_secs(4), "{kind} {how}");
            let how = match how {
                "panic" => "it panicked",
                _ => "it returned",
            };
            let log = gateway.log();
            let line = log
                .lines()
                .find(|line| line.contains("a task of the gateway ended; it is started anew"))
                .expect("it is told");
            assert!(line.contains("ERROR") && line.contains(how), "{line}");
            let name = line.replace('"', "");
            assert!(name.contains(&format!("task={kind}")), "{line}");
        }
    }
}

/// The lines that fall due are written by a task too.
#[test]
fn counted_causes_are_told_by_a_task_that_was_started_anew() {
    if cfg!(not(debug_assertions)) {
        return;
    }
    let (gateway, file) = failing("reports", "panic");
    fail(&file);
    gateway.logs("it is started anew");
    for _ in 0..4 {
        let refused = ask(gateway.address, "GET", "/ws", "Upgrade: websocket\r\n", "");
        assert_eq!(refused.status, 400);
    }
    gateway.logs("count=3 seconds=10 addresses=1 busiest=\"127.0.0.1: 3\"");
    let refused = "WebSocket handshakes refused as malformed";
    assert_eq!(
        gateway.log().matches(refused).count(),
        2,
        "{}",
        gateway.log()
    );
}

/// However often a peer is refused, the log has one line, and one in ten seconds.
#[test]
fn what_peers_repeat_is_one_line() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("repeated.toml");
    let text =
        "[limits]\nunauthenticated_sessions = 1\n[bosh]\norigins = ['https://chat.example']\n";
    fs::write(&path, text).expect("a writable directory");
    let gateway = Gateway::with(&["--config", path.to_str().expect("text")]);
    let upgrade = || WebSocket::connect(gateway.address, "/ws", &handshake("xmpp"));
    let _only = upgrade().expect("the only one that need not be signed in");
    let is_full = || assert!(upgrade().is_err_and(|answer| answer.status == 503));
    let mut http = Http::connect(gateway.address);
    for round in 0..40 {
        let origin = format!("Origin: https://{}.example\r\n", round % 2);
        let refused = http.ask("POST", "/http-bind", &origin, "");
        assert_eq!(refused.status, 403);
        is_full();
    }
    for _ in 0..2 {
        is_full();
    }
    gateway.logs(
        "limits.unauthenticated_sessions count=41 seconds=10 addresses=1 busiest=\"127.0.0.1: 41\"",
    );
    for origin in ["https://0.example", "https://1.example"] {
        gateway.logs(&format!(
            "list it in bosh.origins origin={origin} source=127.0.0.1"
        ));
        gateway.logs(&format!(
            "list it in bosh.origins origin={origin} count=19 seconds=10"
        ));
    }
    let log = gateway.log();
    let warnings = log.lines().filter(|line| line.contains("WARN")).count();
    assert_eq!(warnings, 6, "{log}");
}

/// A task that does not hold ends the process, with a code that says so, and in order.
#[test]
fn a_task_that_ends_again_and_again_ends_the_process() {
    if cfg!(not(debug_assertions)) {
        return;
    }
    for kind in ["listener", "sessions", "timer", "reports"] {
        let (mut gateway, file) = failing(kind, "panic");
        let mut session = Bosh::signed_in(gateway.address, ADA);
        session.send("", "");
        for _ in 0..6 {
            fail(&file);
        }
        let failed = Instant::now();
        let answer = session.http.receive().body;
        assert!(answer.contains("system-shutdown"), "{kind}: {answer}");
        // A connection is closed in order, which has 2 s for a client that does not close its side.
        drop(session);
        assert_eq!(gateway.ended().code(), Some(1), "{kind}: {}", gateway.log());
        assert!(failed.elapsed() < SOON, "{kind}: {:?}", failed.elapsed());
        assert!(
            gateway
                .log()
                .contains("a task of the gateway ended too often"),
            "{}",
            gateway.log()
        );
    }
}

/// No descriptor is left: who is there goes on, health says so, the log says what to do, and afterwards everybody is served.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_out_of_descriptors_says_so_and_recovers() {
    let gateway = Gateway::start();
    let mut bosh = Bosh::signed_in(gateway.address, ADA);
    let mut socket = WebSocket::signed_in(gateway.address, ADA);
    let mut health = Http::connect(gateway.address);
    assert_eq!(health.ask("GET", "/healthz", "", "").status, 200);

    let pid = Pid::from_raw(gateway.pid());
    let open = fs::read_dir(format!("/proc/{}/fd", gateway.pid())).expect("Linux");
    let least = Rlimit {
        current: u64::try_from(open.count()).ok(),
        maximum: rustix::process::getrlimit(Resource::Nofile).maximum,
    };
    let before = prlimit(pid, Resource::Nofile, least).expect("our child");
    let mut waiting = Http::connect(gateway.address);
    waiting.send("GET", "/healthz", "", "");
    gateway.logs("no more files may be open; raise the limit (`ulimit -n`");
    bosh.echo("still here");
    socket.echo("still here");
    let unhealthy = health.ask("GET", "/healthz", "", "");
    assert_eq!(unhealthy.status, 503);
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!(health.ask("GET", "/healthz", "", "").status, 503);
    let told = gateway.log().matches("no more files may be open").count();
    assert_eq!(told, 1, "{}", gateway.log());

    prlimit(pid, Resource::Nofile, before).expect("our child");
    let freed = Instant::now();
    waiting.receive();
    WebSocket::signed_in(gateway.address, EVE).echo("a new WebSocket");
    assert_eq!(health.ask("GET", "/healthz", "", "").status, 200);
    assert!(freed.elapsed() < 2 * SOON, "{:?}", freed.elapsed());
    bosh.echo("still here");
    socket.echo("still here");
}
