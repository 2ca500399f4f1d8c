//! The command line, the configuration, and what is served beside the transports.

use std::{fs, net::TcpListener, path::PathBuf, process::Output};

use crate::support::{Gateway, command, http::Http, limited};

fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().expect("the binary runs")
}

/// A file of that content, in the directory that cargo keeps for tests.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a writable directory");
    path
}

/// W-R-018: and nothing else is: an unknown path is a 404.
#[test]
fn the_page_and_its_parts_are_served() {
    let gateway = Gateway::start();
    let mut http = Http::connect(gateway.address);
    let page = http.ask("GET", "/", "", "");
    assert_eq!(page.status, 200);
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.body.starts_with("<!doctype html>"), "{}", page.body);
    for (path, content_type) in [
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
    ] {
        let part = http.ask("GET", path, "", "");
        assert_eq!(
            (part.status, part.field("Content-Type")),
            (200, Some(content_type)),
            "{path}"
        );
    }
    assert_eq!(http.ask("GET", "/healthz", "", "").body, "ok\n");
    assert_eq!(http.ask("GET", "/nothing", "", "").status, 404);
    assert_eq!(http.ask("DELETE", "/", "", "").status, 405);
}

/// The status of a request that calls the host by that name.
fn status_of(gateway: &Gateway, method: &str, path: &str, name: &str) -> u16 {
    use std::io::Write as _;
    let mut http = Http::connect(gateway.address);
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {name}\r\nContent-Length: 0\r\n\r\n");
    http.stream.write_all(request.as_bytes()).expect("it reads");
    http.receive().status
}

/// W-R-005: while all listeners are on loopback a web page whose name was made to resolve here (DNS rebinding) is refused on every path, with a
/// server behind the gateway and with a file too, until one of two keys is set; both are named in the log.
#[test]
fn a_name_that_is_not_loopback_is_not_answered_without_a_key() {
    let domain = "[domain.\"example.com\"]\nupstream = \"127.0.0.1:9\"\n";
    let written = file("names.toml", domain);
    let written = written.to_str().expect("text");
    for arguments in [
        &[][..],
        &["--domain", "example.com", "--upstream", "127.0.0.1:9"],
        &["--config", written],
    ] {
        let gateway = Gateway::with(arguments);
        for (method, path) in [
            ("GET", "/"),
            ("POST", "/http-bind"),
            ("OPTIONS", "/http-bind"),
            ("GET", "/xmpp-websocket"),
        ] {
            let strange = status_of(&gateway, method, path, "rebound.example");
            assert_eq!(strange, 421, "{arguments:?} {path}");
        }
        assert_eq!(status_of(&gateway, "GET", "/", "localhost:5280"), 200);
        let served = status_of(&gateway, "GET", "/", "Example.com");
        assert_eq!(served, if arguments.is_empty() { 421 } else { 200 });
        assert_eq!(
            status_of(&gateway, "GET", "/healthz", "rebound.example"),
            200
        );
        gateway.logs("host=rebound.example");
        let log = gateway.log();
        let lines = log.lines().filter(|line| line.contains("rebound.example"));
        let warnings: Vec<_> = lines.collect();
        assert_eq!(warnings.len(), 1, "{log}");
        for key in ["WARN", "421", "http.hosts", "http.trusted_proxies"] {
            assert!(warnings[0].contains(key), "{log}");
        }
    }
    for key in [
        "hosts = []",
        "hosts = [\"rebound.example\"]",
        "trusted_proxies = [\"127.0.0.1\"]",
    ] {
        let path = file("names-key.toml", &format!("{domain}[http]\n{key}\n"));
        let gateway = Gateway::with(&["--config", path.to_str().expect("text")]);
        assert_eq!(status_of(&gateway, "GET", "/", "rebound.example"), 200);
    }
}

#[test]
fn a_taken_port_is_explained() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = run(&["serve", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    let wanted = format!(
        "cannot listen on {address}: address in use; stop the other process or choose another with --listen ADDR"
    );
    assert!(said.contains(&wanted), "{said}");
}

#[test]
fn a_good_configuration_is_summed_up() {
    let path = file(
        "good.toml",
        "[[listener]]\naddress = '127.0.0.1:0'\n[domain.'example.com']\nupstream = '127.0.0.1:5222'\n",
    );
    let output = run(&[
        "serve",
        "--config",
        path.to_str().expect("text"),
        "--check-config",
    ]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.contains("domain          example.com: server at 127.0.0.1:5222, plain TCP"),
        "{said}"
    );
}

#[test]
fn a_bad_configuration_is_refused_with_its_place() {
    let path = file("bad.toml", "[websocket]\npings_seconds = 3\n");
    let output = run(&[
        "serve",
        "--config",
        path.to_str().expect("text"),
        "--check-config",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("bad.toml:2:1: unknown field `pings_seconds`"),
        "{said}"
    );
    assert!(said.contains("did you mean `ping_seconds`?"), "{said}");
    let output = run(&["serve", "--domain", "example.com"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("add --upstream HOST:PORT"));
    let output = run(&["serve", "--config", "/nonexistent/xmpp-web.toml"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn help_has_examples() {
    let output = run(&["help", "serve"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(said.contains("--upstream 127.0.0.1:5222"), "{said}");
    let version = run(&["--version"]);
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        concat!("xmpp-web ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

/// W-R-476: the numbers that `--check-config` prints are those of the start.
#[test]
fn check_config_computes_the_budget_of_the_start() {
    let upstream = ["--domain", "localhost", "--upstream", "127.0.0.1:1"];
    let output = limited(400)
        .arg("serve")
        .args(upstream)
        .args(["--listen", "127.0.0.1:0", "--check-config"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stdout);
    let line = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name));
        let words: Vec<_> = line.expect("a line").split_whitespace().collect();
        words.join(" ")
    };
    assert_eq!(
        line("connections "),
        "connections 136 at once, 1024 from one address, 34 kept for requests of sessions"
    );
    assert_eq!(
        line("sessions "),
        "sessions 102 at once, 25 not signed in, 4 of these from one address"
    );
    assert_eq!(
        line("open files "),
        "open files 136 for connections, 102 for servers, 161 for listeners and the process, of 400"
    );
    let gateway = Gateway::within(400, &[&upstream[..], &["--log", "debug"]].concat());
    for name in [
        "connections ",
        "sessions ",
        "unauthenticated ",
        "open files ",
    ] {
        gateway.logs(&line(name));
    }
}

/// W-R-476: a start that would be of no use is refused, and the number to set is told.
#[test]
fn a_limit_on_open_files_that_is_too_low_is_refused() {
    for check in [&["--check-config"][..], &[]] {
        let output = limited(272)
            .args([
                "serve",
                "--domain",
                "localhost",
                "--upstream",
                "127.0.0.1:1",
            ])
            .args(["--listen", "127.0.0.1:0"])
            .args(check)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{check:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("ulimit -n 273"), "{said}");
    }
}

/// C-R-002: what a listener does not serve is not there; and a server that is not there is told of.
#[test]
fn a_server_that_cannot_be_reached_ends_the_session() {
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .to_string();
    let gateway = Gateway::with(&["--domain", "localhost", "--upstream", &free]);
    let mut http = Http::connect(gateway.address);
    let mut said = http
        .ask(
            "POST",
            "/http-bind",
            "",
            &crate::support::bosh::creation("localhost"),
        )
        .body;
    if let Some(sid) =
        crate::support::bosh::attribute(&said, "sid").filter(|_| !said.contains("terminate"))
    {
        let next =
            format!("<body rid='1001' sid='{sid}' xmlns='http://jabber.org/protocol/httpbind'/>");
        said = http.ask("POST", "/http-bind", "", &next).body;
    }
    assert_eq!(
        crate::support::bosh::attribute(&said, "condition").as_deref(),
        Some("remote-connection-failed"),
        "{said}"
    );
}

/// `--check-config | head`: a reader that has seen enough, and a disk that is full.
#[test]
fn what_cannot_be_printed_is_no_panic() {
    use std::{fs::File, io, os::fd::OwnedFd};

    let closed = || {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        OwnedFd::from(writer)
    };
    let full = || {
        let full = File::options().write(true).open("/dev/full");
        OwnedFd::from(full.expect("Linux has it"))
    };
    let run = |arguments: &[&str], stdout: OwnedFd, stderr: OwnedFd| {
        let mut command = command();
        command.args(arguments).stdout(stdout).stderr(stderr);
        command.status().expect("the binary runs").code()
    };
    let check = ["serve", "--check-config"];
    let wrong = ["serve", "--domain", "example.com"];
    assert_eq!(run(&check, closed(), full()), Some(0));
    assert_eq!(run(&check, full(), closed()), Some(1));
    assert_eq!(run(&wrong, full(), full()), Some(2));
    assert_eq!(run(&wrong, closed(), closed()), Some(2));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let taken = ["serve", "--listen", &address];
    assert_eq!(run(&taken, closed(), full()), Some(1));
    assert_eq!(run(&taken, full(), closed()), Some(1));
    assert_eq!(run(&["--help"], closed(), closed()), Some(0));
}

/// Nor is a start that fails held up by a standard error that nobody reads.
#[test]
fn a_start_that_fails_ends_though_nobody_reads_why() {
    use std::{io::Write as _, process::Stdio, time::Instant};

    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // The pipe is full before the binary starts.
    rustix::io::ioctl_fionbio(&writer, true).expect("a pipe");
    while writer.write(&[b'x'; 4_096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("a pipe");
    let begun = Instant::now();
    let mut command = command();
    command
        .args(["serve", "--domain", "example.com"])
        .stdout(Stdio::null())
        .stderr(std::os::fd::OwnedFd::from(writer));
    let status = command.status().expect("the binary runs");
    assert_eq!(status.code(), Some(2));
    assert!(begun.elapsed() < crate::support::PATIENCE);
    drop(reader);
}
