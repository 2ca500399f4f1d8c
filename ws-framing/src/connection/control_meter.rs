//! How fast the peer's control frames come (W-R-153).

use std::time::Duration;

use super::ControlRate;
use crate::Instant;

/// The generic cell rate algorithm: one instant instead of a bucket.
#[derive(Debug)]
pub(super) struct ControlMeter {
    rate: Option<ControlRate>,
    /// When everything that came would have been due at the long-run rate.
    due: Option<Instant>,
}

impl ControlMeter {
    pub(super) fn new(rate: Option<ControlRate>) -> Self {
        Self { rate, due: None }
    }

    /// Counts one frame; says whether it is within the rate.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let Some(rate) = self.rate else {
            return true;
        };
        let each = Duration::from_secs(1) / rate.per_second.max(1);
        let due = self.due.map_or(now, |due| due.max(now)) + each;
        let admitted = due.duration_since(now) <= each * rate.burst;
        if admitted {
            self.due = Some(due);
        }
        admitted
    }
}
