//! A log that cannot be written: sessions go on, the process ends as it should, and what was lost is told.

use std::{
    fs::File,
    io::{self, Read as _},
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    process::{Child, ChildStderr, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    PATIENCE,
    bosh::{self, Bosh},
    command,
    http::{Http, ask},
    websocket::WebSocket,
};

const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";

/// A gateway whose log is where a test wants it; killed when dropped.
struct Quiet {
    child: Child,
    address: SocketAddr,
}

impl Quiet {
    fn start(log: Stdio, filter: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let child = command()
            .args(["serve", "--listen", &address.to_string(), "--log", filter])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        let quiet = Self { child, address };
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "no listener");
            thread::sleep(Duration::from_millis(10));
        }
        quiet
    }

    /// New sessions and new connections work on both transports.
    fn serves(&self) {
        let mut bosh = Bosh::signed_in(self.address, ADA);
        let mut socket = WebSocket::signed_in(self.address, ADA);
        for round in 0..10 {
            bosh.echo(&format!("over BOSH {round}"));
            socket.echo(&format!("over WebSocket {round}"));
        }
        bosh.exchange("type='terminate'", "");
        assert_eq!(ask(self.address, "GET", "/healthz", "", "").status, 200);
    }

    /// SIGTERM ends it with 0, before the deadline for connections and the log's patience.
    fn ends(&mut self) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        let pid = rustix::process::Pid::from_raw(pid).expect("not zero");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return assert_eq!(status.code(), Some(0), "{status}");
            }
            assert!(Instant::now() < until, "still running");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn full() -> Stdio {
    let full = File::options().write(true).open("/dev/full");
    full.expect("Linux has it").into()
}

fn closed_pipe() -> Stdio {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    OwnedFd::from(writer).into()
}

/// A full disk.
#[test]
fn a_log_on_a_full_disk_costs_nothing_but_the_log() {
    let mut gateway = Quiet::start(full(), "trace");
    gateway.serves();
    gateway.ends();
}

/// The reader of the log ended; SIGPIPE and EPIPE.
#[test]
fn a_log_to_a_closed_pipe_costs_nothing_but_the_log() {
    let mut gateway = Quiet::start(closed_pipe(), "trace");
    gateway.serves();
    gateway.ends();
}

/// The reader of the log stalls: a pipe takes 64 KiB.
#[test]
fn a_log_that_nobody_reads_costs_nothing_but_the_log() {
    let mut gateway = Quiet::start(Stdio::piped(), "trace");
    fill(&gateway);
    gateway.serves();
    gateway.ends();
}

/// The same reader goes on after a while: it gets what waited, how much was lost, and what comes then.
#[test]
fn a_reader_that_goes_on_is_told_how_much_it_missed() {
    let mut gateway = Quiet::start(Stdio::piped(), "trace");
    fill(&gateway);
    let stderr = gateway.child.stderr.take().expect("piped");
    let log = read_to_end(stderr);
    gateway.serves();
    gateway.ends();
    let log = log.join().expect("no panic");
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("log lines were lost"))
        .collect();
    let lost = told.first().and_then(|line| line.rsplit_once("lines="));
    assert!(
        lost.is_some_and(|(_, lost)| lost.parse::<u64>().is_ok_and(|lost| lost > 0)),
        "{told:?}"
    );
    assert!(told[0].contains("  WARN "), "{told:?}");
    let (_, last) = log.rsplit_once("log lines were lost").expect("it is told");
    assert!(last.contains("going down"), "{last}");
}

/// Makes more lines than the pipe and the queue hold: each of these domains is escaped to 640 bytes, in two lines at least.
fn fill(gateway: &Quiet) {
    let domain = "\u{202e}".repeat(80);
    let mut http = Http::connect(gateway.address);
    for _ in 0..2_000 {
        let answer = http.ask("POST", "/http-bind", "", &bosh::creation(&domain));
        assert!(answer.body.contains("host-unknown"), "{}", answer.body);
    }
}

fn read_to_end(mut stderr: ChildStderr) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut log = String::new();
        stderr.read_to_string(&mut log).expect("text");
        log
    })
}
