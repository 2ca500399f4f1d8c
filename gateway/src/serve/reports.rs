//! The one rule for causes that peers can repeat at will: each is told at once, then once in 10 s with a count.
//!
//! - The first occurrence of a cause is a line of its own. Those of the 10 s behind it are counted, and told in one line when the 10 s are over: how many,
//!   from how many addresses, and which three were the busiest. The next 10 s begin with that line; a cause that was quiet for 10 s begins anew.
//! - Memory is bounded: the texts of causes are the program's own, each has at most [`SUBJECTS`] subjects (what is beyond is told as `(others)`), and
//!   each subject at most [`ADDRESSES`] addresses, of which the busiest are kept (Misra and Gries' algorithm).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use xmpp_machine::AddressShare;
use xmpp_stream::relay::Warning;

use crate::logging::Untrusted;

/// Between two lines about the same cause.
const INTERVAL: Duration = Duration::from_secs(10);
/// Subjects of one cause that are told apart.
const SUBJECTS: usize = 16;
/// Addresses that are told apart for each subject.
const ADDRESSES: usize = 256;
/// Addresses that a line names.
const BUSIEST: usize = 3;
/// Longest reason that a line shows, in characters.
const REASON: usize = 200;

/// Domains, and what was said of them.
type Warned = BTreeSet<(Arc<str>, Warning)>;

/// What happened, which limit with its key, and what to do: a fixed text, and perhaps the one subject that it is about.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    key: Key,
    reason: Option<Untrusted>,
}

/// What is counted by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    text: &'static str,
    subject: Option<(&'static str, Untrusted)>,
}

impl Cause {
    pub(crate) fn new(text: &'static str) -> Self {
        Self {
            key: Key {
                text,
                subject: None,
            },
            reason: None,
        }
    }

    /// The one thing that it is about, as `.about("domain", "example.com")`: each is counted by itself. Escaped, at most 80 characters.
    pub(crate) fn about(mut self, name: &'static str, subject: &str) -> Self {
        self.key.subject = Some((name, Untrusted::new(subject)));
        self
    }

    /// Words about this occurrence, as an error's text. A line has the last one's. Escaped, at most 200 characters.
    pub(crate) fn because(mut self, reason: &str) -> Self {
        self.reason = Some(Untrusted::cut(reason, REASON));
        self
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)?;
        match &self.subject {
            Some((name, subject)) => write!(f, " {name}={subject}"),
            None => Ok(()),
        }
    }
}

/// Counts causes for the whole process, and writes their lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counted: Mutex<BTreeMap<Key, Counted>>,
    /// Something is counted where nothing was.
    begun: Notify,
    warned: Mutex<Warned>,
}

/// What came of a cause since its last line.
#[derive(Debug)]
struct Counted {
    /// When the next line is due.
    due: Instant,
    count: u64,
    addresses: BTreeMap<AddressShare, u64>,
    /// There were more addresses than are told apart.
    more: bool,
    reason: Option<Untrusted>,
}

impl Reports {
    /// Counts one occurrence of a cause that peers can repeat at will. The first is logged at once; those of the next 10 s are told in one line
    /// when the 10 s are over.
    pub(crate) fn note(&self, cause: Cause, address: Option<IpAddr>) {
        if let Some(line) = self.count(cause, address, Instant::now()) {
            tracing::warn!("{line}");
        }
    }

    /// Writes the lines that fall due, for as long as it is polled.
    pub(crate) async fn run(self) {
        loop {
            let (lines, next) = self.take_due(Instant::now());
            for line in lines {
                tracing::warn!("{line}");
            }
            match next {
                // What begins meanwhile falls due later.
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => self.0.begun.notified().await,
            }
        }
    }

    /// Writes what has been counted and not been told, at the process's end.
    pub(crate) fn finish(&self) {
        let (lines, _) = self.take_due(Instant::now() + INTERVAL);
        for line in lines {
            tracing::warn!("{line}");
        }
    }

    /// Whether this warning about a domain is the first; it counts as written then.
    pub(crate) fn first(&self, domain: &Arc<str>, warning: Warning) -> bool {
        let mut warned = self.0.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.insert((Arc::clone(domain), warning))
    }

    /// The line of a first occurrence; `None` where one was written less than 10 s ago.
    fn count(&self, cause: Cause, address: Option<IpAddr>, now: Instant) -> Option<String> {
        let Cause { mut key, reason } = cause;
        let address = address.map(AddressShare::of);
        let mut counted = self.lock();
        let others = counted.keys().filter(|other| other.text == key.text);
        if !counted.contains_key(&key)
            && others.count() >= SUBJECTS
            && let Some((_, subject)) = &mut key.subject
        {
            *subject = Untrusted::new("(others)");
        }
        if let Some(known) = counted.get_mut(&key) {
            known.add(address, reason);
            return None;
        }
        let mut line = key.to_string();
        if let Some(address) = address {
            line += &format!(" source={address}");
        }
        if let Some(reason) = reason {
            line += &format!(" reason={reason}");
        }
        counted.insert(key, Counted::new(now + INTERVAL));
        drop(counted);
        self.0.begun.notify_one();
        Some(line)
    }

    /// The lines that are due, and when the next one is.
    fn take_due(&self, now: Instant) -> (Vec<String>, Option<Instant>) {
        let mut lines = Vec::new();
        let mut counted = self.lock();
        counted.retain(|key, counted| {
            if counted.due > now {
                return true;
            }
            if counted.count == 0 {
                return false;
            }
            lines.push(format!("{key}{counted}"));
            *counted = Counted::new(now + INTERVAL);
            true
        });
        let next = counted.values().map(|counted| counted.due).min();
        (lines, next)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Counted>> {
        self.0
            .counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn new(due: Instant) -> Self {
        Self {
            due,
            count: 0,
            addresses: BTreeMap::new(),
            more: false,
            reason: None,
        }
    }

    fn add(&mut self, address: Option<AddressShare>, reason: Option<Untrusted>) {
        self.count = self.count.saturating_add(1);
        self.reason = reason.or_else(|| self.reason.take());
        let Some(address) = address else {
            return;
        };
        if let Some(count) = self.addresses.get_mut(&address) {
            *count = count.saturating_add(1);
        } else if self.addresses.len() < ADDRESSES {
            self.addresses.insert(address, 1);
        } else {
            // Each address loses one, so that those which come often are kept: their counts are then too low.
            self.more = true;
            self.addresses.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " count={} seconds={}", self.count, INTERVAL.as_secs())?;
        if self.more {
            write!(f, " addresses=\"more than {ADDRESSES}\"")?;
        } else if !self.addresses.is_empty() {
            write!(f, " addresses={}", self.addresses.len())?;
        }
        let mut busiest: Vec<_> = self.addresses.iter().collect();
        busiest.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (number, (address, count)) in busiest.into_iter().take(BUSIEST).enumerate() {
            let before = if number == 0 { " busiest=\"" } else { ", " };
            let least = if self.more { "at least " } else { "" };
            write!(f, "{before}{}: {least}{count}", address)?;
        }
        if !self.addresses.is_empty() {
            f.write_str("\"")?;
        }
        match &self.reason {
            Some(reason) => write!(f, " reason={reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "no room; raise limits.connections";

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4((0xC000_0200 + number).into()))
    }

    #[test]
    fn a_cause_is_told_at_once_and_then_once_in_ten_seconds() {
        let reports = Reports::default();
        let start = Instant::now();
        let first = reports.count(Cause::new(FULL), address(1), start);
        assert_eq!(
            first.as_deref(),
            Some("no room; raise limits.connections source=192.0.2.1")
        );
        for number in [2, 3, 3, 3, 4, 4, 5] {
            assert_eq!(
                reports.count(Cause::new(FULL), address(number), start),
                None
            );
        }
        let almost = start + INTERVAL - Duration::from_millis(1);
        assert_eq!(reports.take_due(almost), (vec![], Some(start + INTERVAL)));
        let told = "no room; raise limits.connections count=7 seconds=10 addresses=4 \
                    busiest=\"192.0.2.3: 3, 192.0.2.4: 2, 192.0.2.2: 1\"";
        let end = start + INTERVAL;
        assert_eq!(
            reports.take_due(end),
            (vec![told.to_owned()], Some(end + INTERVAL))
        );
        // It goes on: still one line in ten seconds.
        assert_eq!(reports.count(Cause::new(FULL), None, end), None);
        let told = "no room; raise limits.connections count=1 seconds=10";
        let end = end + INTERVAL;
        assert_eq!(
            reports.take_due(end),
            (vec![told.to_owned()], Some(end + INTERVAL))
        );
        // Ten quiet seconds later it is new.
        assert_eq!(reports.take_due(end + INTERVAL), (vec![], None));
        assert!(
            reports
                .count(Cause::new(FULL), address(1), end + INTERVAL)
                .is_some()
        );
    }

    #[test]
    fn each_subject_is_counted_by_itself_up_to_a_number_and_the_last_reason_is_told() {
        let reports = Reports::default();
        let start = Instant::now();
        let cause = |number: usize| {
            Cause::new("lost")
                .about("domain", &format!("d{number}.example\n"))
                .because(&format!("reason {number}"))
        };
        let line = reports.count(cause(0), None, start);
        assert_eq!(
            line.as_deref(),
            Some(r#"lost domain="d0.example\n" reason="reason 0""#)
        );
        for number in 1..1_000 {
            let line = reports.count(cause(number), None, start);
            assert_eq!(line.is_some(), number <= SUBJECTS, "{number}");
        }
        assert_eq!(reports.lock().len(), SUBJECTS + 1);
        let (lines, _) = reports.take_due(start + INTERVAL);
        assert_eq!(
            lines,
            [r#"lost domain=(others) count=983 seconds=10 reason="reason 999""#]
        );
    }

    #[test]
    fn addresses_are_bounded_and_the_busiest_is_kept() {
        let reports = Reports::default();
        let start = Instant::now();
        reports.count(Cause::new(FULL), None, start);
        for number in 0..100_000_u32 {
            let address = if number % 3 == 0 {
                address(7)
            } else {
                address(1_000 + number)
            };
            reports.count(Cause::new(FULL), address, start);
            assert!(
                reports
                    .lock()
                    .values()
                    .all(|counted| counted.addresses.len() <= ADDRESSES)
            );
        }
        let (lines, _) = reports.take_due(start + INTERVAL);
        let line = lines.concat();
        assert!(line.contains("count=100000 seconds=10 addresses=\"more than 256\" busiest=\"192.0.2.7: at least 33"), "{line}");
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let reports = Reports::default();
        let start = Instant::now();
        for last in ["1", "2", "3"] {
            let address = format!("2001:db8::{last}").parse().ok();
            reports.count(Cause::new(FULL), address, start);
        }
        let (lines, _) = reports.take_due(start + INTERVAL);
        assert!(
            lines
                .concat()
                .ends_with("count=2 seconds=10 addresses=1 busiest=\"2001:db8::/64: 2\""),
            "{lines:?}"
        );
    }
}
