//! Going down: one signal that every task hears, and a wait until they are done.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::sync::{mpsc, watch};

/// The side of a shutdown that gives the signal and waits.
#[derive(Debug)]
pub(crate) struct Controller {
    down: watch::Sender<bool>,
    guard: mpsc::Sender<()>,
    done: mpsc::Receiver<()>,
}

/// The side that listens; whoever holds one is waited for.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    down: watch::Receiver<bool>,
    _guard: mpsc::Sender<()>,
}

impl Controller {
    pub(crate) fn new() -> Self {
        let (guard, done) = mpsc::channel(1);
        Self {
            down: watch::Sender::new(false),
            guard,
            done,
        }
    }

    pub(crate) fn listen(&self) -> Listening {
        Listening {
            down: self.down.subscribe(),
            _guard: self.guard.clone(),
        }
    }

    /// Signals the shutdown to every listening task.
    pub(crate) fn signal(&self) {
        self.down.send_replace(true);
    }

    /// Waits until nobody listens any more; says whether that came in time.
    pub(crate) async fn wait(self, deadline: Duration) -> Finished {
        let Self {
            guard,
            mut done,
            down,
        } = self;
        drop(guard);
        let ended = tokio::time::timeout(deadline, done.recv()).await;
        drop(down);
        match ended {
            Ok(_) => Finished::All,
            Err(_) => Finished::Overdue,
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    All,
    Overdue,
}

impl Listening {
    /// Whether the process is going down.
    pub(crate) fn is_down(&self) -> bool {
        *self.down.borrow()
    }

    /// Resolves when the process goes down.
    pub(crate) fn signal(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let mut down = self.down.clone();
        Box::pin(async move {
            // An error says that the controller is gone, which means the same.
            let _ = down.wait_for(|down| *down).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_wait_ends_with_the_last_listener() {
        let controller = Controller::new();
        let listening = controller.listen();
        assert!(!listening.is_down());
        let task = tokio::spawn(async move { listening.signal().await });
        controller.signal();
        assert_eq!(controller.wait(Duration::from_secs(5)).await, Finished::All);
        task.await.expect("no panic");
    }

    #[tokio::test]
    async fn the_wait_ends_at_the_deadline() {
        let controller = Controller::new();
        let _listening = controller.listen();
        assert_eq!(
            controller.wait(Duration::from_millis(10)).await,
            Finished::Overdue
        );
    }
}
