//! File descriptors: one for each connection, one for each connection to a server.

use crate::config::{CONNECTIONS, Config, Server};

/// For listeners, the runtime, standard streams and name look-ups.
const RESERVE: u64 = 64;

/// Raises the soft limit as far as the system lets us; gives the connections that may be open at once.
/// Says so where a number that was asked for does not fit.
pub(crate) fn prepare(config: &Config) -> usize {
    let allowed = raise();
    let asked = config.limits.connections;
    let wanted = needed(config, asked.unwrap_or(CONNECTIONS));
    match (asked, allowed) {
        (Some(asked), Some(allowed)) if allowed < wanted => {
            tracing::warn!(
                "only {allowed} files may be open at once, and limits.connections = {asked} needs {wanted}; \
                 raise it (`ulimit -n {wanted}`, or LimitNOFILE={wanted} in a systemd unit) or lower limits.connections"
            );
            asked
        }
        (Some(asked), _) => asked,
        (None, Some(allowed)) if allowed < wanted => {
            let fit = allowed.saturating_sub(RESERVE) / each(config);
            tracing::info!(
                "{fit} connections at once: {allowed} files may be open (`ulimit -n {wanted}` allows {CONNECTIONS})"
            );
            usize::try_from(fit).unwrap_or(CONNECTIONS).max(1)
        }
        (None, _) => CONNECTIONS,
    }
}

fn needed(config: &Config, connections: usize) -> u64 {
    let connections = u64::try_from(connections).unwrap_or(u64::MAX);
    connections
        .saturating_mul(each(config))
        .saturating_add(RESERVE)
}

/// Files that one connection needs: its own, and the one to its server.
fn each(config: &Config) -> u64 {
    let outside = config.domains.values().any(|domain| match domain.server {
        Server::Tcp { .. } => true,
        Server::Demonstration => false,
    });
    if outside { 2 } else { 1 }
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
