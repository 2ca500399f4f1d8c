//! The binary as a child process, and clients that speak to it in bytes of their own making.

pub(crate) mod bosh;
pub(crate) mod certificates;
pub(crate) mod http;
pub(crate) mod scripted;
pub(crate) mod server;
pub(crate) mod websocket;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes, shorter than a test run's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that listens on a port of its own; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    /// The demonstration domain on loopback.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With these arguments behind `serve --listen 127.0.0.1:0`.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::run(&[&["--listen", "127.0.0.1:0"], arguments].concat())
    }

    /// With these arguments behind `serve`, among them a listener.
    pub(crate) fn run(arguments: &[&str]) -> Self {
        Self::spawn(command().arg("serve").args(arguments))
    }

    /// The same in a process that may have so many files open at once.
    pub(crate) fn within(files: u32, arguments: &[&str]) -> Self {
        let mut command = limited(files);
        Self::spawn(
            command
                .args(["serve", "--listen", "127.0.0.1:0"])
                .args(arguments),
        )
    }

    /// From a command of its own.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let log = Arc::new(Mutex::new(String::new()));
        let (found, listening) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let lines = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let listening = line.split_once("listening on ");
                if let Some((_, rest)) = listening.and_then(|(_, url)| url.split_once("://")) {
                    let address = rest.trim_end_matches('/').parse::<SocketAddr>();
                    let _ = found.send(address.expect("an address"));
                }
                let mut log = lines.lock().expect("no panic");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = listening.recv_timeout(PATIENCE);
        if address.is_err() {
            let _ = child.kill();
            panic!("no listener: {}", log.lock().expect("no panic"));
        }
        Self {
            child,
            address: address.expect("checked"),
            log,
        }
    }

    /// Waits until it has logged that.
    pub(crate) fn logs(&self, wanted: &str) {
        self.logs_line(&[wanted]);
    }

    /// Waits until it has logged a line with all of these.
    pub(crate) fn logs_line(&self, wanted: &[&str]) {
        let found = |log: String| {
            let mut lines = log.lines();
            lines.any(|line| wanted.iter().all(|part| line.contains(part)))
        };
        let until = Instant::now() + PATIENCE;
        while !found(self.log_so_far()) {
            let log = self.log_so_far();
            assert!(Instant::now() < until, "no {wanted:?} in: {log}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it has logged. A thread of its own writes that, so a line may come after the answer that it is about: waits for a pause.
    pub(crate) fn log(&self) -> String {
        let until = Instant::now() + Duration::from_secs(1);
        let mut log = self.log_so_far();
        loop {
            thread::sleep(Duration::from_millis(50));
            let later = self.log_so_far();
            if later.len() == log.len() || Instant::now() > until {
                return later;
            }
            log = later;
        }
    }

    fn log_so_far(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("not zero");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return status;
            }
            assert!(Instant::now() < until, "still running: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary.
pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_xmpp-web"))
}

/// The binary in a process that may have so many files open at once.
pub(crate) fn limited(files: u32) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_xmpp-web"));
    command
}
