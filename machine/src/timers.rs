use std::marker::PhantomData;

use crate::Instant;

/// One of a machine's deadlines: a field-less enum.
pub trait Timer: Copy {
    /// Its place in the table, below `N`.
    fn index(self) -> usize;
}

/// The deadlines of a machine, one for each variant of an enum.
///
/// ```
/// use std::time::{Duration, Instant};
/// use xmpp_machine::{Timer, Timers};
///
/// #[derive(Clone, Copy)]
/// enum Deadline { Ping, Close }
/// impl Timer for Deadline {
///     fn index(self) -> usize { self as usize }
/// }
///
/// let now = Instant::now();
/// let mut timers = Timers::<Deadline, 2>::default();
/// timers.set(Deadline::Close, now + Duration::from_secs(5));
/// timers.set(Deadline::Ping, now + Duration::from_secs(1));
/// assert_eq!(timers.next_timeout(), timers.get(Deadline::Ping));
/// assert!(!timers.take_expired(Deadline::Ping, now));
/// assert!(timers.take_expired(Deadline::Ping, now + Duration::from_secs(2)));
/// assert_eq!(timers.get(Deadline::Ping), None);
/// ```
#[derive(Clone, Debug)]
pub struct Timers<T, const N: usize> {
    at: [Option<Instant>; N],
    kinds: PhantomData<T>,
}

impl<T, const N: usize> Default for Timers<T, N> {
    fn default() -> Self {
        Self {
            at: [None; N],
            kinds: PhantomData,
        }
    }
}

impl<T: Timer, const N: usize> Timers<T, N> {
    /// When that deadline is.
    pub fn get(&self, timer: T) -> Option<Instant> {
        self.at.get(timer.index()).copied().flatten()
    }

    /// Sets a deadline, in place of an earlier setting.
    pub fn set(&mut self, timer: T, at: impl Into<Option<Instant>>) {
        let place = self.at.get_mut(timer.index());
        debug_assert!(place.is_some(), "a timer without a place");
        if let Some(place) = place {
            *place = at.into();
        }
    }

    /// Takes a deadline out.
    pub fn clear(&mut self, timer: T) {
        self.set(timer, None);
    }

    /// Takes all deadlines out.
    pub fn clear_all(&mut self) {
        self.at = [None; N];
    }

    /// Whether that deadline has passed; it is taken out then.
    pub fn take_expired(&mut self, timer: T, now: Instant) -> bool {
        let is_expired = self.get(timer).is_some_and(|at| at <= now);
        if is_expired {
            self.clear(timer);
        }
        is_expired
    }

    /// The first deadline.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.at.iter().copied().flatten().min()
    }
}
