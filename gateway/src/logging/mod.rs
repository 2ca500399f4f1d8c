//! Logs to standard error. No stanza, no SASL payload, no sid, no query string is logged at any level (W-R-474, B-R-170).
//!
//! Nothing waits for the log and nothing fails with it: lines go to a bounded queue, a thread of its own writes them, and what cannot be written is
//! counted and told later. For that no part of the gateway writes to standard error by itself: not `eprintln!`, not the panic hook.

mod fields;
mod lossy;
mod untrusted;

use std::{
    io::{self, IsTerminal as _},
    panic::PanicHookInfo,
    sync::OnceLock,
    time::Duration,
};

use tracing_subscriber::{EnvFilter, filter::ParseError};

use lossy::Lossy;
pub(crate) use untrusted::Untrusted;

/// The queue to standard error; without one nothing is logged, as in tests.
static STDERR: OnceLock<Lossy> = OnceLock::new();
/// How long the process's end waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest text of a panic that is logged, in characters.
const PANIC: usize = 200;

/// Opens the queue to standard error.
///
/// # Errors
///
/// The system's, where it has no thread for it.
pub(crate) fn open() -> io::Result<()> {
    let queue = Lossy::new(io::stderr())?;
    let _ = STDERR.set(queue);
    Ok(())
}

/// Says something to whoever started the process, in a line without a time.
pub(crate) fn say(text: &str) {
    if let Some(queue) = STDERR.get() {
        queue.push(format!("{text}\n").as_bytes());
    }
}

/// Waits until what was logged is written, for a second at most: the end of a process does not hang on its log.
pub(crate) fn close() {
    if let Some(queue) = STDERR.get() {
        queue.wait(PATIENCE);
    }
}

/// Whether this is a filter.
pub(crate) fn check(filter: &str) -> Result<(), ParseError> {
    EnvFilter::try_new(filter).map(drop)
}

/// Starts logging; the filter was checked. A second start changes nothing.
pub(crate) fn start(filter: &str) {
    let Some(queue) = STDERR.get() else {
        return;
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_default();
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(fields::format())
        .with_writer(queue.clone())
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .log_internal_errors(false)
        .try_init();
    std::panic::set_hook(Box::new(log_panic));
}

/// A panic ends its task; the text may hold what a peer sent.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    let text = owned.or_else(|| payload.downcast_ref().copied());
    let text = Untrusted::cut(text.unwrap_or_default(), PANIC);
    let place = panic.location().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("an unknown place");
    tracing::error!(%place, %text, "a task panicked; this is a bug of xmpp-web");
}
