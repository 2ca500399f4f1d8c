//! Rarely used session state, boxed so that idle sessions stay small.

use std::{collections::VecDeque, time::Duration};

use xmpp_machine::Moment;
use xmpp_wire::Element;

use super::{
    respond::WaitingAnswer,
    session::{Deferred, Session},
};
use crate::{keys::Expected, rid::Rid};

/// Rarely used session state; there while any of it is used.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// Requests behind a gap, by rid.
    pub(super) deferred: Vec<Deferred>,
    /// Answers that wait for the bytes of those before.
    pub(super) waiting_answers: VecDeque<WaitingAnswer>,
    /// Payloads that came before `accept` (B-R-050), and the bytes of their bodies.
    pub(super) early: Vec<Element>,
    pub(super) early_bytes: usize,
    /// A response to report as missing, and the highest one reported (B-R-108).
    pub(super) report: Option<(Rid, Moment)>,
    pub(super) reported: Option<Rid>,
    /// No answer before that (B-R-133).
    pub(super) slow_until: Option<Moment>,
    /// What the next request's key must hash to.
    pub(super) expected: Option<Expected>,
}

impl Rare {
    fn is_unused(&self) -> bool {
        let Self {
            deferred,
            waiting_answers,
            early,
            early_bytes,
            report,
            reported,
            slow_until,
            expected,
        } = self;
        deferred.is_empty()
            && waiting_answers.is_empty()
            && early.is_empty()
            && *early_bytes == 0
            && report.is_none()
            && reported.is_none()
            && slow_until.is_none()
            && expected.is_none()
    }
}

impl Session {
    /// The rarely used state, made where there is none.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn deferred(&self) -> &[Deferred] {
        self.rare
            .as_ref()
            .map_or(&[], |rare| rare.deferred.as_slice())
    }

    /// Answers that wait for the bytes of those before.
    pub(super) fn waiting_answers(&self) -> impl Iterator<Item = &WaitingAnswer> {
        self.rare.iter().flat_map(|rare| &rare.waiting_answers)
    }

    pub(super) fn has_waiting_answers(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| !rare.waiting_answers.is_empty())
    }

    pub(super) fn expected(&self) -> Option<&Expected> {
        self.rare.as_ref().and_then(|rare| rare.expected.as_ref())
    }

    pub(super) fn has_report(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.report.is_some())
    }

    /// The time before which rates let no answer leave.
    pub(super) fn slow_until(&self) -> Option<Moment> {
        self.rare.as_ref().and_then(|rare| rare.slow_until)
    }

    /// Makes answers wait for that long at least.
    pub(super) fn slow_down(&mut self, delay: Duration, now: Moment) {
        if !delay.is_zero() {
            let until = self.slow_until().max(Some(now + delay));
            self.rare().slow_until = until;
        }
    }

    /// Whether rates delay answers now.
    pub(super) fn is_slowed(&mut self, now: Moment) -> bool {
        let is_slowed = self.slow_until().is_some_and(|until| now < until);
        if let (false, Some(rare)) = (is_slowed, &mut self.rare) {
            rare.slow_until = None;
        }
        is_slowed
    }

    /// Drops the rarely used state where none of it is used any more.
    pub(super) fn drop_unused(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.is_unused()) {
            self.rare = None;
        }
    }
}
