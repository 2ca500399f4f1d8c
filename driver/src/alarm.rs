use std::{fmt, future::Future, pin::Pin, task::Context, time::Instant};

use crate::Runtime;

/// One sleep. It is kept unless the deadline moved earlier: deadlines mostly move later, with every frame, and a sleep that
/// ends early costs one look at the clock.
pub(crate) struct Alarm<R: Runtime> {
    sleep: Option<(Instant, R::Sleep)>,
}

impl<R: Runtime> Alarm<R> {
    pub(crate) fn new() -> Self {
        Self { sleep: None }
    }

    /// Whether `deadline` has passed, by the clock. If not, the task is woken when it has.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, runtime: &R, deadline: Instant) -> bool {
        loop {
            let (at, mut sleep) = match self.sleep.take() {
                Some((at, sleep)) if at <= deadline => (at, sleep),
                Some(_) | None => (deadline, runtime.sleep_until(deadline)),
            };
            let due = Pin::new(&mut sleep).poll(cx).is_ready();
            if runtime.now() >= deadline {
                return true;
            }
            if !due {
                self.sleep = Some((at, sleep));
                return false;
            }
            // It ended early: armed for an earlier deadline, or by a timer coarser than the clock.
        }
    }
}

impl<R: Runtime> fmt::Debug for Alarm<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alarm")
            .field(&self.sleep.as_ref().map(|(at, _)| *at))
            .finish()
    }
}
