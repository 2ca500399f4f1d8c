//! What failed, how often, and until when others come before it.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use xmpp_machine::Moment;

use super::round::Entry;
use crate::{Failure, Url, choice::ceiling};

#[derive(Debug)]
struct Failed {
    times: u32,
    until: Moment,
    why: Failure,
}

/// An endpoint at one of its addresses.
type EndpointKey = (Url, Option<IpAddr>);

/// Failures by endpoint and address.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<EndpointKey, Failed>);

/// More than the candidates of a few sources and their redirects; the one that rests the shortest
/// is forgotten first.
const ENTRIES: usize = 256;

impl Memory {
    /// Another failure in a row.
    pub(super) fn failed(
        &mut self,
        entry: &Entry,
        why: Failure,
        now: Moment,
        (base, most): (Duration, Duration),
    ) {
        let times = self.0.get(&key(entry)).map_or(0, |failed| failed.times);
        let times = times.saturating_add(1);
        let until = now + ceiling(base, most, times);
        if self.0.len() >= ENTRIES && !self.0.contains_key(&key(entry)) {
            let soonest = self.0.iter().min_by_key(|(_, failed)| failed.until);
            if let Some(soonest) = soonest.map(|(key, _)| key.clone()) {
                self.0.remove(&soonest);
            }
        }
        self.0.insert(key(entry), Failed { times, until, why });
    }

    /// It worked for a good while.
    pub(super) fn forget(&mut self, entry: &Entry) {
        self.0.remove(&key(entry));
    }

    /// Why it rests, if it does.
    pub(super) fn rests(&self, entry: &Entry, now: Moment) -> Option<&Failure> {
        let failed = self.0.get(&key(entry))?;
        (failed.until > now).then_some(&failed.why)
    }
}

fn key(entry: &Entry) -> EndpointKey {
    (entry.candidate.url.clone(), entry.address)
}
