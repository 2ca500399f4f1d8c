//! The demonstration domain: an XMPP server in miniature, reached through an in-memory pipe as any other server is reached
//! over TCP. Anyone may log in, under any name with any password; whoever is connected sees the others.

mod account;
mod iq;
mod jid;
mod mailbox;
mod registry;
mod sasl;
mod session;

use std::sync::Arc;

use tokio::io::DuplexStream;

use registry::Registry;

/// Bytes that a pipe holds in each direction before its writer waits.
const PIPE_BYTES: usize = 64 * 1024;

/// The domain. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Demo(Arc<Registry>);

impl Demo {
    /// A domain of this name, with nobody connected but the echo contact.
    pub(crate) fn new(domain: &str) -> Self {
        Self(Arc::new(Registry::new(domain)))
    }

    /// A new stream to the domain, served by a task until either end is dropped. Needs a tokio runtime.
    pub(crate) fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        tokio::spawn(session::serve(Arc::clone(&self.0), ours));
        theirs
    }
}
