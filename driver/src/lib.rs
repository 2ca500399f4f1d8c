//! Async code that drives the machines and knows no runtime: one pump, one hub.
#![forbid(unsafe_code)]

mod alarm;
pub mod bosh;
mod ended;
pub mod http;
mod link;
mod machine;
mod pump;
pub mod relay;

pub use machine::{Machine, Order};
pub use pump::{Pump, Step};

use std::{future::Future, time::Instant};

/// All that a runtime has to supply.
pub trait Runtime: Clone + Send + Sync + Unpin + 'static {
    /// A sleeping future.
    type Sleep: Future<Output = ()> + Send + Unpin;
    /// The time.
    fn now(&self) -> Instant;
    /// Sleeps until then.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
    /// Runs a task by itself.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}
