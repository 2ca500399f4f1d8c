//! The long-lived tasks of the process, none of which ends unseen, and what `/healthz` knows of them.
//!
//! - A task that ends while the process serves, by a panic or by itself, is started anew at once; `/healthz` says 503 until it runs.
//! - A task that ends more than [`ENDS`] times in [`WINDOW`] is given up: the process goes down in order, with a non-zero exit code.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

/// A task that ends more often in that time is given up.
const ENDS: usize = 5;
const WINDOW: Duration = Duration::from_secs(10);
/// Before a task is started anew.
const PAUSE: Duration = Duration::from_millis(50);

/// Watches over tasks until it is dropped; the tasks go on.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    watchers: JoinSet<String>,
    troubles: Troubles,
}

impl Tasks {
    /// No tasks yet; those that fail are counted in `troubles`.
    pub(crate) fn new(troubles: Troubles) -> Self {
        Self {
            watchers: JoinSet::new(),
            troubles,
        }
    }

    /// Runs what `start` makes, and again whenever it ends. The first word of the name is the kind of the task.
    pub(crate) fn keep<T>(&mut self, name: String, start: impl Fn() -> T + Send + Sync + 'static)
    where
        T: Future<Output = ()> + Send,
    {
        let start = Arc::new(start);
        let troubles = self.troubles.clone();
        self.watchers.spawn(async move {
            let mut ends = VecDeque::new();
            loop {
                let (start, kind) = (Arc::clone(&start), name.clone());
                let task = tokio::spawn(async move { watched(&kind, start()).await });
                let ended = task.await;
                let _trouble = troubles.begin();
                let how = match ended {
                    Ok(()) => "it returned",
                    Err(_) => "it panicked",
                };
                let now = Instant::now();
                ends.push_back(now);
                while ends.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
                    ends.pop_front();
                }
                if ends.len() > ENDS {
                    tracing::error!(task = %name, how, "a task of the gateway ended too often");
                    return name;
                }
                tracing::error!(task = %name, how, "a task of the gateway ended; it is started anew");
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    /// Resolves when a task is given up. Cancel-safe.
    pub(crate) async fn given_up(&mut self) {
        // A watcher that panicked no longer watches.
        if self.watchers.join_next().await.is_none() {
            std::future::pending().await
        }
    }
}

/// The task, or its end where a test asks for it.
#[cfg(debug_assertions)]
async fn watched(name: &str, task: impl Future<Output = ()>) {
    tokio::select! {
        () = super::failpoint::reached(name) => {}
        () = task => {}
    }
}

#[cfg(not(debug_assertions))]
async fn watched(_: &str, task: impl Future<Output = ()>) {
    task.await;
}

/// How much of what the process needs is not at work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles(Arc<AtomicUsize>);

/// Something is not at work, until this is dropped.
#[derive(Debug)]
pub(crate) struct Trouble(Troubles);

impl Troubles {
    pub(crate) fn begin(&self) -> Trouble {
        self.0.fetch_add(1, Ordering::Relaxed);
        Trouble(self.clone())
    }

    /// Whether everything is at work.
    pub(crate) fn are_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
