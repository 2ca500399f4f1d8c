use std::{future::Future, io, pin::Pin, time::Instant};

use tokio::{runtime::Handle, time::Sleep};

/// tokio's clock and spawner.
#[derive(Clone, Debug)]
pub struct Tokio(Handle);

impl Tokio {
    /// The runtime of this context.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, as `tokio::runtime::Handle::current`.
    pub fn current() -> Self {
        Self(Handle::current())
    }
}

impl xmpp_web_driver::Runtime for Tokio {
    type Sleep = Pin<Box<Sleep>>;

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        Box::pin(tokio::time::sleep_until(at.into()))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Detached: the task ends by itself.
        drop(self.0.spawn(task));
    }
}

/// 32 bytes of entropy from the operating system, for seeds.
///
/// # Errors
///
/// Where the system has none to give.
pub fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| io::Error::other(format!("no entropy from the system: {error}")))?;
    Ok(seed)
}
