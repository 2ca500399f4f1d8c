//! A gateway with people in it, and what must be true of it when the knocking is over.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{support::Gateway, traffic::Traffic};

/// How long what was knocked with may take to be gone: the farewells' own deadlines, with room.
const SETTLING: Duration = Duration::from_secs(10);

/// A gateway, and ten sessions that talk.
pub(crate) struct House {
    gateway: Gateway,
    traffic: Traffic,
    /// Open files with the ten sessions and nobody else.
    descriptors: usize,
    configuration: Option<PathBuf>,
}

impl House {
    /// The demonstration domain as it is without a configuration.
    pub(crate) fn open() -> Self {
        Self::of(Gateway::start(), None)
    }

    /// With this configuration. `name` is that of the test.
    pub(crate) fn configured(name: &str, configuration: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("doors-{name}.toml"));
        fs::write(&path, configuration).expect("a writable directory");
        let gateway = Gateway::with(&["--config", path.to_str().expect("UTF-8")]);
        Self::of(gateway, Some(path))
    }

    /// With this configuration, in a process that may have so many files open at once.
    pub(crate) fn within(files: u32, name: &str, configuration: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("doors-{name}.toml"));
        fs::write(&path, configuration).expect("a writable directory");
        let gateway = Gateway::within(files, &["--config", path.to_str().expect("UTF-8")]);
        Self::of(gateway, Some(path))
    }

    fn of(gateway: Gateway, configuration: Option<PathBuf>) -> Self {
        let traffic = Traffic::start(gateway.address);
        let descriptors = descriptors(gateway.pid());
        Self {
            gateway,
            traffic,
            descriptors,
            configuration,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.address
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.gateway.log()
    }

    /// Files that the process has open.
    pub(crate) fn open_files(&self) -> usize {
        descriptors(self.gateway.pid())
    }

    /// Kilobytes of memory that the process has resident.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.gateway.pid()));
        status
            .expect("it runs")
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|number| number.parse().ok())
            .expect("a number of kB")
    }

    /// The ten sessions are intact.
    pub(crate) fn end_traffic(self) {
        self.traffic.end();
        let log = self.gateway.log();
        assert!(!log.contains("panicked"), "{log}");
        if let Some(path) = &self.configuration {
            let _ = fs::remove_file(path);
        }
    }

    /// Everybody else has left: the ten sessions are intact, no file is open that was not before, and nothing has panicked.
    pub(crate) fn leave_intact(self) {
        let until = Instant::now() + SETTLING;
        let open = || descriptors(self.gateway.pid());
        while open() > self.descriptors && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(open(), self.descriptors, "open files");
        self.end_traffic();
    }
}

fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("it runs")
        .count()
}
