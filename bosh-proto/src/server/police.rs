//! Overactivity, polling too fast, and duplicates without end (XEP-0124 §11, §12, §14.3).

use std::time::Duration;

use xmpp_machine::Moment;

use super::{Config, Reason, create::Terms};
use crate::rid::Rid;

/// A new request, as far as these rules look at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conduct {
    pub(super) rid: Rid,
    /// Without payloads, and none of creation, restart, pause, terminate and add-stream (B-R-128).
    pub(super) is_empty: bool,
    /// Pause or terminate, which may be one too many (B-R-080).
    pub(super) is_exempt: bool,
    /// New requests without an answer, this one included.
    pub(super) unanswered: u64,
    /// The newest request that was answered.
    pub(super) answered: Rid,
}

/// What is remembered of a session's requests.
#[derive(Debug)]
pub(super) struct Police {
    /// The request with the highest rid so far.
    last: Rid,
    last_at: Moment,
    /// When the minute began in which duplicates are counted: with the first of them.
    minute: Option<Moment>,
    duplicates: u8,
    last_is_empty: bool,
    /// The newest answer had no payloads.
    answered_bare: bool,
}

impl Police {
    /// Starts with the creation request, which counts as not empty.
    pub(super) fn new(rid: Rid, now: Moment) -> Self {
        Self {
            last: rid,
            last_at: now,
            minute: None,
            duplicates: 0,
            last_is_empty: false,
            answered_bare: false,
        }
    }

    /// Judges a new request on its arrival. One that fills a gap is not the last one, and not
    /// judged: the last one was.
    pub(super) fn check_request(
        &mut self,
        request: Conduct,
        terms: &Terms,
        now: Moment,
    ) -> Result<(), Reason> {
        if request.rid <= self.last {
            return Ok(());
        }
        let too_many = request.unanswered > terms.requests() && !request.is_exempt;
        let polling = Duration::from_secs(u64::from(terms.polling));
        let too_soon = request.is_empty && now < self.last_at + polling;
        let too_fast = too_soon
            && if terms.is_polling() {
                self.last_is_empty
                    && request.rid == self.last.plus(1)
                    && request.answered == self.last
                    && self.answered_bare
            } else {
                request.unanswered == terms.requests()
            };
        self.last = request.rid;
        self.last_at = now;
        self.last_is_empty = request.is_empty;
        if too_many {
            return Err(Reason::TooManyRequests);
        }
        if too_fast {
            return Err(Reason::PollingTooOften);
        }
        Ok(())
    }

    /// Remembers whether the newest answer had payloads.
    pub(super) fn note_answer(&mut self, has_payload: bool) {
        self.answered_bare = !has_payload;
    }

    /// Judges a retransmission, the `count`th of its rid (B-R-095).
    pub(super) fn check_duplicate(
        &mut self,
        count: &mut u8,
        config: &Config,
        now: Moment,
    ) -> Result<(), Reason> {
        let is_running = self
            .minute
            .is_some_and(|since| now.since(since) < Duration::from_secs(60));
        if !is_running {
            self.minute = Some(now);
            self.duplicates = 0;
        }
        self.duplicates = self.duplicates.saturating_add(1);
        *count = count.saturating_add(1);
        if *count > config.duplicates_per_rid {
            return Err(Reason::RidRepeatedTooOften);
        }
        if self.duplicates > config.duplicates_per_minute {
            return Err(Reason::TooManyRetransmissions);
        }
        Ok(())
    }
}
