//! How requests are written: attributes in the order of XEP-0124's examples, prefixes literally `xmpp:` (B-X-007).

use rand_chacha::ChaCha12Rng;
use rand_core::Rng as _;
use xmpp_wire::Element;

use super::session::{Hint, Kind, Pending, Session, Way};
use crate::{body::Writer, keys::Chain};

/// How long a key sequence is (B-R-155).
const KEYS: std::ops::RangeInclusive<usize> = 256..=4096;

impl Session {
    /// Composes a new request and transmits it.
    pub(super) fn send_request(&mut self, kind: Kind, payload: Vec<Element>) {
        let rid = self.next;
        self.next = rid.plus(1);
        let size: usize = payload.iter().map(|element| element.raw().len()).sum();
        let mut writer = Writer::new(192 + size);
        if matches!(kind, Kind::Creation | Kind::Restart) {
            writer.declare_xmpp();
        }
        writer.number("rid", rid.get());
        if kind == Kind::Creation {
            self.write_creation(&mut writer);
        } else {
            writer.attribute("sid", &self.terms.sid);
            self.write_ack(&mut writer);
        }
        self.write_key(kind, &mut writer);
        match kind {
            Kind::Creation | Kind::Ordinary => {}
            Kind::Restart => {
                writer.attribute("to", &self.config.to);
                if let Some(from) = &self.config.from {
                    writer.attribute("from", from);
                }
                if let Some(lang) = &self.config.lang {
                    writer.attribute("xml:lang", lang);
                }
                writer.attribute("xmpp:restart", "true");
            }
            Kind::Pause => {
                if let super::session::Phase::Pausing { period, .. } = self.phase {
                    writer.number("pause", period.as_secs());
                }
            }
            Kind::Terminate => writer.attribute("type", "terminate"),
        }
        let body = writer.finish(payload.iter().map(|element| &element.raw()[..]));
        if self.pending.is_empty() {
            // From here on, silence counts.
            let patience = self.terms.patience(None, &self.config);
            let lost_at = self.now + patience;
            self.lost_at = Some(self.lost_at.map_or(lost_at, |at| at.max(lost_at)));
        }
        self.spaced_until = self.now + self.terms.polling;
        self.pending.push_back(Pending {
            rid,
            kind,
            body,
            payload,
            way: Way::Again(self.now),
            stale: Vec::new(),
            since: self.now,
            sent: self.now,
            broken: None,
            hint: Hint::None,
            failures: 0,
            errors: 0,
            garbage: 0,
        });
        self.transmit(self.pending.len() - 1);
    }

    /// What only the first request says (B-R-031), in the order of XEP-0124's examples.
    fn write_creation(&self, writer: &mut Writer) {
        let config = &self.config;
        writer.attribute("to", &config.to);
        if let Some(from) = &config.from {
            writer.attribute("from", from);
        }
        writer.attribute("ver", "1.11");
        writer.number("wait", self.terms.wait.as_secs());
        writer.number("hold", config.hold.into());
        if let Some(route) = &config.route {
            writer.attribute("route", route);
        }
        if config.client_ack {
            writer.number("ack", 1);
        }
        if let Some(lang) = &config.lang {
            writer.attribute("xml:lang", lang);
        }
        writer.attribute("xmpp:version", "1.0");
    }

    /// The highest rid up to which every answer is here, where that is not the one before (B-R-104 to B-R-106).
    fn write_ack(&mut self, writer: &mut Writer) {
        if !self.config.client_ack {
            return;
        }
        while self
            .doubled
            .front()
            .is_some_and(|(_, until)| *until <= self.now)
        {
            self.doubled.pop_front();
        }
        let doubled = self.doubled.iter().map(|(rid, _)| *rid);
        let missing = self.pending.front().map(|pending| pending.rid);
        if let Some(missing) = doubled.chain(missing).min() {
            writer.number("ack", missing.minus(1).get());
        }
    }

    /// `newkey` on creation, then one `key` a request, and at the last key a new sequence (B-R-156, B-R-157).
    fn write_key(&mut self, kind: Kind, writer: &mut Writer) {
        if !self.config.keys {
            return;
        }
        let is_last = if kind == Kind::Creation {
            true
        } else {
            match self.chain.as_mut().and_then(Chain::next) {
                Some((key, is_last)) => {
                    writer.attribute("key", &key);
                    is_last
                }
                None => false,
            }
        };
        if is_last {
            let mut chain = draw_chain(&mut self.rng);
            if let Some((newkey, _)) = chain.next() {
                writer.attribute("newkey", &newkey);
            }
            self.chain = Some(chain);
        }
    }
}

fn draw_chain(rng: &mut ChaCha12Rng) -> Chain {
    let mut seed = String::with_capacity(32);
    for _ in 0..2 {
        seed.push_str(&format!("{:016x}", rng.next_u64()));
    }
    let spread = u32::try_from(KEYS.end() - KEYS.start() + 1).unwrap_or(1);
    let more = usize::try_from(rng.next_u32() % spread).unwrap_or_default();
    Chain::new(&seed, KEYS.start() + more)
}
