//! An example as a child process, ended by its id.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

pub(crate) struct Example {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Example {
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(path(name))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{name}: {error}; cargo build -p xmpp-web-tokio -p xmpp-web-smol --all-features --examples")
            });
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, output }
    }

    /// Where it listens, as it says.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ");
        address
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("{line}"))
    }

    /// What it says until it ends, which it does without a fault.
    pub(crate) fn output(mut self) -> String {
        let mut output = String::new();
        self.output.read_to_string(&mut output).expect("text");
        assert!(self.child.wait().expect("its end").success());
        output
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Cargo puts examples beside the directory that the tests run from.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps");
    profile.join("examples").join(name)
}
