//! Failed logins (RFC 6120 §13.8 asks for a defence against guessing): they slow a guesser's answers down, then refuse its address.
//!
//! - Per address (IPv6: per /64) the first three failures cost nothing, each further one delays the server's answer by one second more, up to five.
//!   `logins.failures_per_address` of them within `logins.refuse_seconds` refuse the address for that time. Failures leak away at that rate.
//! - Per account failures only ever delay, in the same way, so that nobody locks anybody out; and not at an address from which the account has signed
//!   in during the last day. Only answers that say "wrong" are delayed: who knows the password is never slowed down.
//! - Loopback, `logins.never_refused`, and clients whose address is not known do not count per address: one address stands for many people there.
//!
//! Nothing of SASL's payloads is kept. Accounts are kept as keyed hashes. Each of the three tables is bounded by `logins.remembered`; where it is
//! full, what would be forgotten first goes.

use std::{
    collections::{BTreeMap, hash_map::RandomState},
    hash::BuildHasher as _,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use xmpp_machine::AddressShare;

use crate::config;

/// Failures that cost nothing: people mistype.
const FREE: u32 = 3;
/// The longest delay of an answer.
const LONGEST: Duration = Duration::from_secs(5);
/// After this long one failure of an account is forgotten.
const ACCOUNT_LEAK: Duration = Duration::from_secs(30);
/// Failures of an account that count at once; more would delay no longer.
const ACCOUNT_FAILURES: u32 = FREE + 5;
/// For how long an account is known at an address after it signed in there.
const KNOWN: Duration = Duration::from_secs(24 * 60 * 60);

/// What all sessions count together.
#[derive(Clone, Debug)]
pub(crate) struct Logins(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: config::Logins,
    hash: RandomState,
    tables: Mutex<Tables>,
}

/// An account, as a hash with a key of this process.
type Account = u64;

#[derive(Debug, Default)]
struct Tables {
    addresses: BTreeMap<AddressShare, Address>,
    /// When all failures of an account are forgotten.
    accounts: BTreeMap<Account, Instant>,
    /// Until when an account is known at an address.
    known: BTreeMap<(Account, AddressShare), Instant>,
}

/// What is kept of an address.
#[derive(Clone, Copy, Debug)]
enum Address {
    /// Its failures are forgotten then.
    Counted(Instant),
    /// It is refused until then, and counted anew afterwards.
    Refused(Instant),
}

impl Address {
    fn until(self) -> Instant {
        match self {
            Self::Counted(until) | Self::Refused(until) => until,
        }
    }
}

impl Logins {
    pub(crate) fn new(config: config::Logins) -> Self {
        Self(Arc::new(Inner {
            config,
            hash: RandomState::new(),
            tables: Mutex::default(),
        }))
    }

    /// Whether this address may not sign in now.
    pub(crate) fn refuses(&self, client: Option<IpAddr>, now: Instant) -> bool {
        let Some(address) = self.counted(client) else {
            return false;
        };
        match self.lock().addresses.get(&address) {
            Some(Address::Refused(until)) => now < *until,
            Some(Address::Counted(_)) | None => false,
        }
    }

    /// Counts a login that a server accepted.
    pub(crate) fn succeeded(
        &self,
        client: Option<IpAddr>,
        domain: &str,
        account: Option<&str>,
        now: Instant,
    ) {
        if let (Some(address), Some(account)) = (client.map(AddressShare::of), account) {
            let key = (self.account(domain, account), address);
            let most = self.0.config.remembered;
            insert(&mut self.lock().known, key, now + KNOWN, most, now, |at| {
                *at
            });
        }
    }

    /// Counts a login that a server refused; says for how long to hold its answer back.
    pub(crate) fn failed(
        &self,
        client: Option<IpAddr>,
        domain: &str,
        account: Option<&str>,
        now: Instant,
    ) -> Duration {
        let by_address = self
            .counted(client)
            .map(|address| self.count_address(address, now));
        let by_account =
            account.map(|account| self.count_account(self.account(domain, account), client, now));
        by_address.max(by_account).unwrap_or_default()
    }

    fn count_address(&self, address: AddressShare, now: Instant) -> Duration {
        let config = &self.0.config;
        let leak = config.refuse / config.failures_per_address.max(1);
        let mut tables = self.lock();
        let until = match tables.addresses.get(&address) {
            // From a session that was open before.
            Some(Address::Refused(until)) if now < *until => return LONGEST,
            Some(Address::Counted(until)) => (*until).max(now),
            Some(Address::Refused(_)) | None => now,
        } + leak;
        let failures = failures(until, leak, now);
        let state = if failures >= config.failures_per_address {
            Address::Refused(now + config.refuse)
        } else {
            Address::Counted(until)
        };
        let most = config.remembered;
        insert(&mut tables.addresses, address, state, most, now, |state| {
            state.until()
        });
        delay(failures)
    }

    fn count_account(&self, account: Account, client: Option<IpAddr>, now: Instant) -> Duration {
        let mut tables = self.lock();
        let until = tables.accounts.get(&account).copied();
        let until = until.map_or(now, |until| until.max(now)) + ACCOUNT_LEAK;
        let until = until.min(now + ACCOUNT_LEAK * ACCOUNT_FAILURES);
        let most = self.0.config.remembered;
        insert(&mut tables.accounts, account, until, most, now, |at| *at);
        let known = client
            .and_then(|client| tables.known.get(&(account, AddressShare::of(client))))
            .is_some_and(|until| now < *until);
        if known {
            Duration::ZERO
        } else {
            delay(failures(until, ACCOUNT_LEAK, now))
        }
    }

    /// The address that failures count against, if they do.
    fn counted(&self, client: Option<IpAddr>) -> Option<AddressShare> {
        let config = &self.0.config;
        let client = client.filter(|client| {
            config.failures_per_address > 0 && !config.never_refused.contains(*client)
        })?;
        AddressShare::counted(client)
    }

    /// User names compare without case, and with or without the domain: one account is one entry, however it is spelt.
    fn account(&self, domain: &str, account: &str) -> Account {
        let account = account.to_lowercase();
        let account = match account.rsplit_once('@') {
            Some((name, at)) if config::normalised(at) == domain => name,
            Some(_) | None => &account,
        };
        self.0.hash.hash_one((domain, account.trim()))
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many failures are not forgotten.
fn failures(until: Instant, leak: Duration, now: Instant) -> u32 {
    let left = until.saturating_duration_since(now).as_nanos();
    let count = left.div_ceil(leak.as_nanos().max(1));
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn delay(failures: u32) -> Duration {
    Duration::from_secs(failures.saturating_sub(FREE).into()).min(LONGEST)
}

/// Puts it into a table of so many entries; where it is full, what is over goes first, then the quarter that would be forgotten next.
fn insert<K: Ord + Copy, V>(
    table: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    most: usize,
    now: Instant,
    until: impl Fn(&V) -> Instant,
) {
    if table.len() >= most && !table.contains_key(&key) {
        table.retain(|_, value| until(value) > now);
        if table.len() >= most {
            let mut ends: Vec<Instant> = table.values().map(&until).collect();
            let quarter = most / 4;
            let (_, end, _) = ends.select_nth_unstable(quarter);
            let end = *end;
            // Many may end at the same time: no more than that quarter and one goes.
            let mut left = quarter + 1;
            table.retain(|_, value| {
                let goes = left > 0 && until(value) <= end;
                left -= usize::from(goes);
                !goes
            });
        }
    }
    table.insert(key, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    fn numbered(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4((0x0A00_0000 + number).into()))
    }

    fn logins(change: impl FnOnce(&mut config::Logins)) -> Logins {
        let mut config = config::Logins::default();
        change(&mut config);
        Logins::new(config)
    }

    /// A guesser at ever new accounts: slower, then refused, then counted anew.
    #[test]
    fn an_address_is_delayed_then_refused_for_a_time() {
        let logins = logins(|_| {});
        let start = Instant::now();
        let guess = |number: u32, now| {
            let account = format!("user{number}");
            logins.failed(ip("192.0.2.1"), "a.example", Some(&account), now)
        };
        let delays: Vec<u64> = (0..20).map(|n| guess(n, start).as_secs()).collect();
        assert_eq!(delays[..8], [0, 0, 0, 1, 2, 3, 4, 5]);
        assert!(delays[8..].iter().all(|delay| *delay == 5));
        assert!(logins.refuses(ip("192.0.2.1"), start));
        assert!(!logins.refuses(ip("192.0.2.2"), start));
        // Sessions that were open before are no way around it, and do not make it longer.
        assert_eq!(guess(20, start + SECOND), LONGEST);
        let end = start + Duration::from_secs(600);
        assert!(logins.refuses(ip("192.0.2.1"), end - SECOND));
        assert!(!logins.refuses(ip("192.0.2.1"), end));
        assert_eq!(guess(21, end), Duration::ZERO);
    }

    /// The boundary: one failure below the limit is not refused, and failures leak away.
    #[test]
    fn failures_are_forgotten_at_their_rate() {
        let logins = logins(|config| config.failures_per_address = 4);
        let start = Instant::now();
        let fail = |now| logins.failed(ip("192.0.2.1"), "a.example", None, now);
        for _ in 0..3 {
            fail(start);
        }
        assert!(!logins.refuses(ip("192.0.2.1"), start));
        // A quarter of ten minutes for each.
        let mut now = start;
        for _ in 0..100 {
            now += Duration::from_secs(150);
            fail(now);
            assert!(!logins.refuses(ip("192.0.2.1"), now));
        }
        assert_eq!(fail(now), SECOND);
        assert!(logins.refuses(ip("192.0.2.1"), now));
    }

    /// One customer has a /64; one address is one in both spellings.
    #[test]
    fn networks_count_as_one_address() {
        let logins = logins(|config| config.failures_per_address = 2);
        let now = Instant::now();
        for address in [
            "2001:db8::1",
            "2001:db8::2",
            "192.0.2.1",
            "::ffff:192.0.2.1",
        ] {
            logins.failed(ip(address), "a.example", None, now);
        }
        for (address, refused) in [
            ("2001:db8::77", true),
            ("2001:db8:0:1::1", false),
            ("192.0.2.1", true),
        ] {
            assert_eq!(logins.refuses(ip(address), now), refused, "{address}");
        }
    }

    /// Nobody is locked out with others who share what is seen of them.
    #[test]
    fn some_addresses_are_never_refused() {
        let networks = config::Networks::parse("key", &["198.51.100.0/24".to_owned()]);
        let networks = networks.expect("a network");
        let logins = logins(|config| config.never_refused = networks);
        let now = Instant::now();
        for address in [None, ip("127.0.0.1"), ip("::1"), ip("198.51.100.7")] {
            for _ in 0..100 {
                assert_eq!(
                    logins.failed(address, "a.example", None, now),
                    Duration::ZERO
                );
            }
            assert!(!logins.refuses(address, now), "{address:?}");
        }
        let off = self::logins(|config| config.failures_per_address = 0);
        for _ in 0..100 {
            off.failed(ip("192.0.2.1"), "a.example", None, now);
        }
        assert!(!off.refuses(ip("192.0.2.1"), now));
    }

    /// A thousand addresses guess at one account: its owner is slowed down by five seconds at most, at a new address, after a mistake.
    #[test]
    fn an_account_is_delayed_and_never_refused() {
        let logins = logins(|_| {});
        let mut now = Instant::now();
        logins.succeeded(ip("203.0.113.1"), "a.example", Some("juliet"), now);
        for number in 0..1_000 {
            let delay = logins.failed(numbered(number), "a.example", Some("juliet"), now);
            assert!(delay <= LONGEST);
        }
        let mistake =
            |address, account, now| logins.failed(ip(address), "a.example", Some(account), now);
        assert_eq!(mistake("203.0.113.1", "juliet", now), Duration::ZERO);
        assert_eq!(mistake("203.0.113.2", "juliet", now), LONGEST);
        // However it is spelt; but another account is another.
        assert_eq!(mistake("203.0.113.3", "Juliet@A.example", now), LONGEST);
        assert_eq!(mistake("203.0.113.4", "romeo", now), Duration::ZERO);
        let other = logins.failed(ip("203.0.113.5"), "b.example", Some("juliet"), now);
        assert_eq!(other, Duration::ZERO);
        for address in ["203.0.113.1", "203.0.113.2"] {
            assert!(!logins.refuses(ip(address), now));
        }
        // It is known for a day, and failures of an account are forgotten in minutes.
        now += KNOWN - SECOND;
        for number in 0..10 {
            logins.failed(numbered(number), "a.example", Some("juliet"), now);
        }
        assert_eq!(mistake("203.0.113.1", "juliet", now), Duration::ZERO);
        assert_eq!(mistake("203.0.113.1", "juliet", now + SECOND), LONGEST);
        let later = now + ACCOUNT_LEAK * (ACCOUNT_FAILURES + 1);
        assert_eq!(mistake("203.0.113.6", "juliet", later), Duration::ZERO);
    }

    /// Memory is bounded, and a flood of addresses does not set a refused one free.
    #[test]
    fn tables_are_bounded() {
        let logins = logins(|config| {
            config.failures_per_address = 3;
            config.remembered = 100;
        });
        let mut now = Instant::now();
        for _ in 0..3 {
            logins.failed(ip("192.0.2.1"), "a.example", None, now);
        }
        for number in 0..10_000 {
            now += Duration::from_millis(1);
            let account = format!("user{number}");
            logins.failed(numbered(number), "a.example", Some(&account), now);
            logins.succeeded(numbered(number), "a.example", Some(&account), now);
            let tables = logins.lock();
            assert!(tables.addresses.len() <= 100);
            assert!(tables.accounts.len() <= 100);
            assert!(tables.known.len() <= 100);
        }
        assert!(logins.refuses(ip("192.0.2.1"), now));
        // All at the same instant, and the smallest table.
        let one = self::logins(|config| config.remembered = 1);
        for number in 0..100 {
            one.failed(numbered(number), "a.example", None, now);
            assert_eq!(one.lock().addresses.len(), 1);
        }
    }

    #[test]
    fn nothing_of_an_account_is_kept_in_the_clear() {
        let logins = logins(|_| {});
        let now = Instant::now();
        logins.failed(ip("192.0.2.1"), "a.example", Some("juliet"), now);
        logins.succeeded(ip("192.0.2.1"), "a.example", Some("juliet"), now);
        assert!(!format!("{logins:?}").contains("juliet"));
    }
}
