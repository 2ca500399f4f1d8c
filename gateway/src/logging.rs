//! Logs to standard error. No stanza, no SASL payload, no sid, no query string is logged at any level (W-R-474, B-R-170).

use tracing_subscriber::{EnvFilter, filter::ParseError};

/// Whether this is a filter.
pub(crate) fn check(filter: &str) -> Result<(), ParseError> {
    EnvFilter::try_new(filter).map(drop)
}

/// Starts logging; the filter was checked. A second start, as in tests, changes nothing.
pub(crate) fn start(filter: &str) {
    use std::io::IsTerminal as _;

    let filter = EnvFilter::try_new(filter).unwrap_or_default();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}

/// The domain that a client asked for, safe to log: short, without control characters.
#[derive(Debug)]
pub(crate) struct Domain(String);

impl Domain {
    pub(crate) fn of(header: &xmpp_wire::StreamHeader) -> Self {
        let to = header.to.as_deref().unwrap_or("(none)");
        Self(to.chars().take(80).filter(|c| !c.is_control()).collect())
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
