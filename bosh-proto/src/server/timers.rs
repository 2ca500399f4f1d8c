//! One deadline per session, in order; lazily updated.

use std::collections::BTreeSet;

use xmpp_machine::Moment;

/// Deadlines by time. A session's entry may be earlier than its deadline, never later: most requests only move a deadline
/// away, and the entry is moved when it fires.
#[derive(Debug, Default)]
pub(super) struct Timers {
    set: BTreeSet<(Moment, u32)>,
}

impl Timers {
    /// Makes sure that session `index`, registered for `registered`, fires at `deadline` or before.
    pub(super) fn arm(
        &mut self,
        index: u32,
        registered: &mut Option<Moment>,
        deadline: Option<Moment>,
    ) {
        match (*registered, deadline) {
            (Some(at), Some(deadline)) if at <= deadline => return,
            // An entry without a deadline is left to fire once.
            (_, None) => return,
            (Some(at), Some(_)) => {
                self.set.remove(&(at, index));
            }
            (None, Some(_)) => {}
        }
        if let Some(deadline) = deadline {
            self.set.insert((deadline, index));
        }
        *registered = deadline;
    }

    /// Removes a session's entry.
    pub(super) fn disarm(&mut self, index: u32, registered: &mut Option<Moment>) {
        if let Some(at) = registered.take() {
            self.set.remove(&(at, index));
        }
    }

    pub(super) fn first(&self) -> Option<Moment> {
        self.set.first().map(|(at, _)| *at)
    }

    /// Takes out the first entry that is due.
    pub(super) fn pop_due(&mut self, now: Moment) -> Option<u32> {
        let &(at, _) = self.set.first()?;
        if at > now {
            return None;
        }
        self.set.pop_first().map(|(_, index)| index)
    }
}
