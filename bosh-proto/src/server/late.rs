//! Answers to requests of no session, which wait where the rates of their client's address say so
//! (B-R-133).

use std::collections::{BTreeMap, BTreeSet};

use crate::{ExchangeId, Response};
use xmpp_machine::Moment;

/// The delayed answers, by exchange and by the time at which they are due.
#[derive(Debug, Default)]
pub(super) struct Late {
    answers: BTreeMap<ExchangeId, (Moment, Response)>,
    due: BTreeSet<(Moment, ExchangeId)>,
}

impl Late {
    /// Keeps an answer until then.
    pub(super) fn insert(&mut self, at: Moment, id: ExchangeId, response: Response) {
        self.due.insert((at, id));
        self.answers.insert(id, (at, response));
    }

    /// Forgets the answer of an exchange whose connection is gone.
    pub(super) fn remove(&mut self, id: ExchangeId) -> Option<Response> {
        let (at, response) = self.answers.remove(&id)?;
        self.due.remove(&(at, id));
        Some(response)
    }

    /// When the next delayed answer is due.
    pub(super) fn first(&self) -> Option<Moment> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next that is due, or any where `now` is `None`.
    pub(super) fn pop(&mut self, now: Option<Moment>) -> Option<(ExchangeId, Response)> {
        let (at, id) = *self.due.first()?;
        if now.is_some_and(|now| at > now) {
            return None;
        }
        Some((id, self.remove(id)?))
    }
}
