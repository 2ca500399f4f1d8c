//! What a log says once in a while, however many clients meet it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use xmpp_stream::relay::Warning;

/// Between two lines about the same domain.
const INTERVAL: Duration = Duration::from_secs(10);

/// Domains, and what was said of them.
type Warned = BTreeSet<(Arc<str>, Warning)>;

/// When each domain was last reported, and what was said of it once and for all. Grows to the number of domains that are configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports {
    last: Arc<Mutex<BTreeMap<Arc<str>, Instant>>>,
    warned: Arc<Mutex<Warned>>,
}

impl Reports {
    /// Whether this warning about a domain is the first; it counts as written then.
    pub(crate) fn first(&self, domain: &Arc<str>, warning: Warning) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.insert((Arc::clone(domain), warning))
    }

    /// Whether a line about this domain is due; it counts as written then.
    pub(crate) fn due(&self, domain: &Arc<str>, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last
            .get(domain)
            .is_none_or(|at| now.saturating_duration_since(*at) >= INTERVAL);
        if due {
            last.insert(Arc::clone(domain), now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_domain_is_reported_every_ten_seconds() {
        let reports = Reports::default();
        let (one, other) = (Arc::from("one"), Arc::from("other"));
        let start = Instant::now();
        assert!(reports.due(&one, start));
        assert!(!reports.due(&one, start));
        assert!(reports.due(&other, start));
        let almost = start + INTERVAL - Duration::from_millis(1);
        assert!(!reports.due(&one, almost));
        assert!(reports.due(&one, start + INTERVAL));
        assert!(!reports.due(&one, start + INTERVAL));
    }
}
