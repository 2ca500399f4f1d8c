use std::{
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use xmpp_web_driver::Runtime;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A runtime whose clock moves when it is told to, or when nothing else can happen.
#[derive(Clone)]
pub(crate) struct Manual(Arc<Mutex<Inner>>);

struct Inner {
    now: Instant,
    sleeps: BTreeMap<usize, (Instant, Option<Waker>)>,
    armed: usize,
    spawned: Vec<Task>,
}

pub(crate) struct Sleep {
    runtime: Manual,
    id: usize,
}

impl Runtime for Manual {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        self.0.lock().expect("no panic").now
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        let mut inner = self.0.lock().expect("no panic");
        inner.armed += 1;
        let id = inner.armed;
        inner.sleeps.insert(id, (at, None));
        Sleep {
            runtime: self.clone(),
            id,
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0
            .lock()
            .expect("no panic")
            .spawned
            .push(Box::pin(task));
    }
}

impl Manual {
    /// How many sleeps were made so far.
    pub(crate) fn sleeps_made(&self) -> usize {
        self.0.lock().expect("no panic").armed
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.runtime.0.lock().expect("no panic");
        let now = inner.now;
        let (at, waker) = inner.sleeps.get_mut(&self.id).expect("a sleep that lives");
        if *at <= now {
            return Poll::Ready(());
        }
        *waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.runtime
            .0
            .lock()
            .expect("no panic")
            .sleeps
            .remove(&self.id);
    }
}

/// Wakes by raising a flag, and counts.
pub(crate) struct Flag {
    raised: AtomicBool,
    pub(crate) times: AtomicUsize,
}

impl Flag {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            raised: AtomicBool::new(true),
            times: AtomicUsize::new(0),
        })
    }

    pub(crate) fn take(&self) -> bool {
        self.raised.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.raised.store(true, Ordering::SeqCst);
        self.times.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct World {
    pub(crate) runtime: Manual,
    tasks: Vec<(Arc<Flag>, Task)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            runtime: Manual(Arc::new(Mutex::new(Inner {
                now: Instant::now(),
                sleeps: BTreeMap::new(),
                armed: 0,
                spawned: Vec::new(),
            }))),
            tasks: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.runtime.now()
    }

    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// Tasks that have not ended.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Runs every task until none can go on at this time.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the tasks never rest");
    }

    /// Drives a future with everything else; where nothing can go on, time passes (an hour at most).
    pub(crate) fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        let until = self.now() + Duration::from_secs(3600);
        let flag = Flag::new();
        let waker = Waker::from(Arc::clone(&flag));
        let mut future = pin!(future);
        loop {
            if flag.take()
                && let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return value;
            }
            let moved = self.turn();
            if !moved && !flag.raised.load(Ordering::SeqCst) {
                assert!(self.jump(until), "nothing will ever happen");
            }
        }
    }

    fn turn(&mut self) -> bool {
        let spawned = std::mem::take(&mut self.runtime.0.lock().expect("no panic").spawned);
        let mut moved = !spawned.is_empty();
        self.tasks
            .extend(spawned.into_iter().map(|task| (Flag::new(), task)));
        self.tasks.retain_mut(|(flag, task)| {
            if !flag.take() {
                return true;
            }
            moved = true;
            let waker = Waker::from(Arc::clone(flag));
            task.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        });
        moved
    }

    /// To the next deadline.
    fn jump(&self, until: Instant) -> bool {
        let mut inner = self.runtime.0.lock().expect("no panic");
        let next = inner
            .sleeps
            .values()
            .filter(|(_, waker)| waker.is_some())
            .map(|(at, _)| *at)
            .min();
        let Some(next) = next.filter(|next| *next <= until) else {
            return false;
        };
        inner.now = inner.now.max(next);
        let now = inner.now;
        let due: Vec<Waker> = inner
            .sleeps
            .values_mut()
            .filter(|(at, _)| *at <= now)
            .filter_map(|(_, waker)| waker.take())
            .collect();
        drop(inner);
        for waker in due {
            waker.wake();
        }
        true
    }
}
