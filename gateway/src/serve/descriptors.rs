//! The budget of file descriptors, and what follows from it: how many connections and sessions may be at once (W-R-476).
//!
//! - A connection has one, a session another for its connection to the server; the listeners and the process itself have theirs.
//! - A quarter of the connections is kept for sessions that are there: a session that holds a request sends the next on a second connection.
//! - Sessions that are not signed in have a share of all sessions, and each address a share of that.

use std::fmt;

use crate::config::{CONNECTIONS, Config, Problem, Server};

/// For the runtime, standard streams, name look-ups, and connections that are told that there is no room.
const RESERVE: u64 = 160;
/// Fewer connections are of no use.
const FEWEST: usize = 64;
/// Of the connections this part is kept for sessions that are there.
const KEPT: usize = 4;
/// Of the sessions this part may be those that are not signed in, where the configuration does not say.
const UNAUTHENTICATED: usize = 4;
/// Of those and of their bytes this part may be one address's, where the configuration does not say.
const ADDRESS: usize = 8;

/// How many of what may be at once. `--check-config` prints it, and the start works with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Files that may be open; `None` where there is no limit.
    files: Option<u64>,
    /// Files for listeners and the process itself.
    reserve: u64,
    /// Whether a session needs a file.
    outside: bool,
    /// What the configuration asks for, where there is no room for it.
    cut: Option<usize>,
    /// The most connections at once.
    pub(crate) connections: usize,
    pub(crate) connections_per_address: usize,
    /// Connections that are kept for sessions that are there.
    pub(crate) kept: usize,
    /// Sessions of both transports.
    pub(crate) sessions: usize,
    /// Sessions that are not signed in.
    pub(crate) unauthenticated: usize,
    pub(crate) unauthenticated_per_address: usize,
    /// Bytes that are held for clients that are not signed in.
    pub(crate) bytes: usize,
    pub(crate) bytes_per_address: usize,
    /// Bytes of one request or message before authentication, which each session that is not signed in has of them.
    pub(crate) session_bytes: usize,
}

impl Budget {
    /// Raises the soft limit as far as the system lets us, and divides what is there.
    pub(crate) fn new(config: &Config) -> Result<Self, Problem> {
        Self::within(config, raise())
    }

    /// What so many files are enough for.
    fn within(config: &Config, files: Option<u64>) -> Result<Self, Problem> {
        let limits = &config.limits;
        let outside = config.domains.values().any(|domain| match domain.server {
            Server::Tcp { .. } => true,
            Server::Demonstration => false,
        });
        let listeners = u64::try_from(config.listeners.len()).unwrap_or(u64::MAX);
        let reserve = RESERVE.saturating_add(listeners);
        let asked = limits.connections.unwrap_or(CONNECTIONS);
        let fit = files.map_or(asked, |files| {
            fitting(files.saturating_sub(reserve), outside)
        });
        let connections = asked.min(fit);
        if connections < FEWEST {
            let files = files.unwrap_or(u64::MAX);
            let wanted = reserve.saturating_add(needed(FEWEST, outside));
            return Err(Problem::new(format!(
                "only {files} files may be open at once, which leaves {connections} connections, and fewer than {FEWEST} are of no use; \
                 raise the limit to {wanted} at least (`ulimit -n {wanted}`, or LimitNOFILE={wanted} in a systemd unit)"
            )));
        }
        let sessions = connections - connections / KEPT;
        let session_bytes = config.machines.websocket.message_bytes_before_auth;
        let bytes = limits.unauthenticated_bytes;
        let unauthenticated = limits
            .unauthenticated_sessions
            .unwrap_or(sessions / UNAUTHENTICATED)
            .min(sessions)
            .min(bytes / session_bytes.max(1));
        let unauthenticated_per_address = limits
            .unauthenticated_sessions_per_address
            .unwrap_or((unauthenticated / ADDRESS).max(4))
            .min(unauthenticated);
        Ok(Self {
            files,
            reserve,
            outside,
            cut: limits.connections.filter(|&asked| fit < asked),
            connections,
            connections_per_address: limits.connections_per_address,
            kept: connections / KEPT,
            sessions,
            unauthenticated,
            unauthenticated_per_address,
            bytes,
            // At least what its sessions have.
            bytes_per_address: (bytes / ADDRESS)
                .max(unauthenticated_per_address.saturating_mul(session_bytes)),
            session_bytes,
        })
    }

    /// What the operator should do where not all fits that is asked for.
    pub(crate) fn advice(&self) -> Option<String> {
        let (asked, files) = (self.cut?, self.files?);
        let wanted = self.reserve.saturating_add(needed(asked, self.outside));
        Some(format!(
            "{} connections at once and not {asked} (limits.connections): only {files} files may be open; \
             raise the limit to {wanted} (`ulimit -n {wanted}`, or LimitNOFILE={wanted} in a systemd unit)",
            self.connections
        ))
    }
}

/// As `--check-config` prints it, in the words of the keys.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            sessions,
            unauthenticated,
            ..
        } = self;
        writeln!(
            f,
            "connections     {connections} at once, {} from one address, {} kept for requests of sessions",
            self.connections_per_address, self.kept
        )?;
        writeln!(
            f,
            "sessions        {sessions} at once, {unauthenticated} not signed in, {} of these from one address",
            self.unauthenticated_per_address
        )?;
        writeln!(
            f,
            "unauthenticated {} B held at once, {} for one address, {} in one request or message",
            self.bytes, self.bytes_per_address, self.session_bytes
        )?;
        let upstreams = if self.outside { *sessions } else { 0 };
        let files = match self.files {
            Some(files) => files.to_string(),
            None => "any number".to_owned(),
        };
        write!(
            f,
            "open files      {connections} for connections, {upstreams} for servers, {} for listeners and the process, of {files}",
            self.reserve
        )
    }
}

/// Files that so many connections need, with their share of sessions.
fn needed(connections: usize, outside: bool) -> u64 {
    let upstreams = if outside {
        connections - connections / KEPT
    } else {
        0
    };
    u64::try_from(connections.saturating_add(upstreams)).unwrap_or(u64::MAX)
}

/// The most connections that need no more than so many files.
fn fitting(files: u64, outside: bool) -> usize {
    let files = usize::try_from(files).unwrap_or(usize::MAX / 8);
    if !outside {
        return files;
    }
    let near = files.saturating_mul(KEPT) / (2 * KEPT - 1);
    let room = u64::try_from(files).unwrap_or(u64::MAX);
    (near.saturating_sub(KEPT)..=near)
        .rev()
        .find(|&connections| needed(connections, true) <= room)
        .unwrap_or(0)
}

/// The limit in force afterwards; `None` where there is none.
#[cfg(unix)]
fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

#[cfg(not(unix))]
fn raise() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(domain: &str, limits: &str) -> Config {
        let text = format!("[[listener]]\naddress = '127.0.0.1:1'\n{domain}\n[limits]\n{limits}");
        Config::from_text(&text).expect("a configuration")
    }

    const OUTSIDE: &str = "[domain.\"a.example\"]\nupstream = '127.0.0.1:5222'";

    /// W-R-476: whatever the limit, all that is counted fits into it.
    #[test]
    fn everything_fits_into_the_limit() {
        for files in (273..3_000).chain([65_536, 1_000_000]) {
            let budget = Budget::within(&config(OUTSIDE, ""), Some(files)).expect("room");
            let Budget {
                connections,
                sessions,
                kept,
                ..
            } = budget;
            let used = u64::try_from(connections + sessions).expect("small") + RESERVE + 1;
            assert!(used <= files, "{files}: {budget}");
            assert_eq!(connections, sessions + kept);
            assert!(
                files - used <= 2 || connections == CONNECTIONS,
                "{files}: {budget}"
            );
            assert!(budget.unauthenticated <= sessions / 4);
            assert!(budget.unauthenticated_per_address <= budget.unauthenticated);
            assert!(budget.unauthenticated * budget.session_bytes <= budget.bytes);
        }
    }

    /// W-R-476: below 64 connections there is no start, and the number to set is told.
    #[test]
    fn a_limit_that_is_too_low_is_refused_with_the_number_to_set() {
        let config = config(OUTSIDE, "");
        let error = Budget::within(&config, Some(272)).expect_err("too low");
        assert!(error.to_string().contains("ulimit -n 273"), "{error}");
        let least = Budget::within(&config, Some(273)).expect("room");
        assert_eq!(
            (least.connections, least.sessions, least.kept),
            (64, 48, 16)
        );
        // The demonstration domain needs no connection to a server.
        let config = self::config("", "");
        let error = Budget::within(&config, Some(224)).expect_err("too low");
        assert!(error.to_string().contains("ulimit -n 225"), "{error}");
        Budget::within(&config, Some(225)).expect("room");
    }

    #[test]
    fn what_is_asked_for_is_kept_where_it_fits() {
        let config = config(
            OUTSIDE,
            "connections = 1000\nunauthenticated_sessions = 50\nunauthenticated_sessions_per_address = 7\n\
             unauthenticated_bytes = 1048576",
        );
        let budget = Budget::within(&config, None).expect("room");
        assert_eq!(budget.advice(), None);
        assert_eq!(
            (
                budget.connections,
                budget.unauthenticated,
                budget.unauthenticated_per_address
            ),
            (1_000, 50, 7)
        );
        let budget = Budget::within(&config, Some(1_024)).expect("room");
        let advice = budget.advice().expect("advice");
        assert!(advice.contains("ulimit -n 1911"), "{advice}");
    }

    /// W-R-476: each session that is not signed in has room for one message among the bytes.
    #[test]
    fn bytes_bound_the_sessions_that_are_not_signed_in() {
        let config = config(OUTSIDE, "unauthenticated_bytes = 163840");
        let budget = Budget::within(&config, None).expect("room");
        assert_eq!(budget.unauthenticated, 10);
    }
}
