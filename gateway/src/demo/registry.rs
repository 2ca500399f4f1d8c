//! Who is connected, and what they hear of each other.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use xmpp_wire::{Element, ns};

pub(super) use super::mailbox::Undelivered;
use super::{
    jid::Jid,
    mailbox::{Letters, Mailbox, mailbox},
};

/// Sessions at once.
const SESSIONS: usize = 10_000;

/// One bound session.
#[derive(Debug)]
struct Seat {
    mailbox: Mailbox,
    /// Its last presence, while it is available.
    presence: Option<Element>,
}

#[derive(Debug)]
pub(super) struct Registry {
    pub(super) domain: String,
    /// Seats by name and resource.
    seats: Mutex<BTreeMap<(String, String), Seat>>,
}

impl Registry {
    pub(super) fn new(domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            seats: Mutex::default(),
        }
    }

    fn seats(&self) -> MutexGuard<'_, BTreeMap<(String, String), Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seats a session under the resource that it asks for, or another one where that is taken; `None` where the domain is full.
    pub(super) fn bind(
        &self,
        name: &str,
        asked: Option<&str>,
        made: &str,
    ) -> Option<(Jid, Letters)> {
        let mut seats = self.seats();
        if seats.len() >= SESSIONS {
            return None;
        }
        let taken = |resource: &str| seats.contains_key(&(name.to_owned(), resource.to_owned()));
        let resource = match asked {
            Some(asked) if !taken(asked) => asked.to_owned(),
            Some(asked) => format!("{asked}-{made}"),
            None => made.to_owned(),
        };
        let (mailbox, letters) = mailbox();
        seats.insert(
            (name.to_owned(), resource.clone()),
            Seat {
                mailbox,
                presence: None,
            },
        );
        let jid = Jid {
            local: Some(name.to_owned()),
            domain: self.domain.clone(),
            resource: Some(resource),
        };
        Some((jid, letters))
    }

    /// Takes the seat away and tells the others.
    pub(super) fn leave(&self, jid: &Jid) {
        let seat = self.seats().remove(&key(jid));
        if seat.is_some_and(|seat| seat.presence.is_some()) {
            self.broadcast(&unavailable(jid));
        }
    }

    /// Hands an element to one session.
    pub(super) fn to_full(
        &self,
        local: &str,
        resource: &str,
        element: Element,
    ) -> Result<(), Undelivered> {
        let seats = self.seats();
        let seat = seats
            .get(&(local.to_owned(), resource.to_owned()))
            .ok_or(Undelivered::Absent)?;
        seat.mailbox.hand(element)
    }

    /// Hands an element to every available session of a name (RFC 6121 §8.5.2).
    pub(super) fn to_bare(&self, local: &str, element: &Element) -> Result<(), Undelivered> {
        let seats = self.seats();
        let available = of(&seats, local).filter(|seat| seat.presence.is_some());
        let results: Vec<_> = available
            .map(|seat| seat.mailbox.hand(element.clone()))
            .collect();
        if results.iter().any(Result::is_ok) {
            return Ok(());
        }
        Err(results
            .first()
            .and_then(|result| result.err())
            .unwrap_or(Undelivered::Absent))
    }

    /// A session's presence changed: everyone available hears of it, itself too; one that comes hears of everyone.
    pub(super) fn set_presence(&self, jid: &Jid, presence: Element) {
        let gone = presence.attribute("type").is_some();
        let mut seats = self.seats();
        let Some(seat) = seats.get_mut(&key(jid)) else {
            return;
        };
        let was_here = seat.presence.is_some();
        if gone && !was_here {
            return;
        }
        seat.presence = (!gone).then(|| presence.clone());
        if let (false, Some(newcomer)) = (was_here, seats.get(&key(jid))) {
            for (of, other) in seats.iter() {
                if *of != key(jid)
                    && let Some(presence) = &other.presence
                {
                    // A presence that finds no room is stale soon anyway.
                    let _ = newcomer.mailbox.hand(presence.clone());
                }
            }
        }
        if gone && let Some(seat) = seats.get(&key(jid)) {
            let _ = seat.mailbox.hand(presence.clone());
        }
        drop(seats);
        self.broadcast(&presence);
    }

    fn broadcast(&self, presence: &Element) {
        for seat in self.seats().values().filter(|seat| seat.presence.is_some()) {
            let _ = seat.mailbox.hand(presence.clone());
        }
    }
}

fn of<'a>(
    seats: &'a BTreeMap<(String, String), Seat>,
    local: &'a str,
) -> impl Iterator<Item = &'a Seat> {
    seats
        .range((local.to_owned(), String::new())..)
        .take_while(move |((name, _), _)| name == local)
        .map(|(_, seat)| seat)
}

fn key(jid: &Jid) -> (String, String) {
    (
        jid.local.clone().unwrap_or_default(),
        jid.resource.clone().unwrap_or_default(),
    )
}

fn unavailable(jid: &Jid) -> Element {
    Element::build("presence", ns::CLIENT)
        .attribute("from", &jid.to_string())
        .attribute("type", "unavailable")
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(jid: &Jid) -> Element {
        Element::build("presence", ns::CLIENT)
            .attribute("from", &jid.to_string())
            .finish()
    }

    fn senders(letters: &mut Letters) -> Vec<(String, bool)> {
        std::iter::from_fn(|| letters.try_next())
            .map(|letter| {
                (
                    letter.attribute("from").unwrap().into_owned(),
                    letter.attribute("type").is_some(),
                )
            })
            .collect()
    }

    #[test]
    fn a_taken_resource_gets_a_suffix() {
        let registry = Registry::new("d");
        let (first, _a) = registry.bind("ann", Some("tab"), "1").unwrap();
        let (second, _b) = registry.bind("ann", Some("tab"), "2").unwrap();
        let (third, _c) = registry.bind("ann", None, "3").unwrap();
        assert_eq!(
            [first.to_string(), second.to_string(), third.to_string()],
            ["ann@d/tab", "ann@d/tab-2", "ann@d/3"]
        );
    }

    #[test]
    fn those_who_are_available_see_each_other_come_and_go() {
        let registry = Registry::new("d");
        let (ann, mut to_ann) = registry.bind("ann", None, "1").unwrap();
        let (bob, mut to_bob) = registry.bind("bob", None, "2").unwrap();
        registry.set_presence(&ann, presence(&ann));
        assert_eq!(senders(&mut to_ann), [("ann@d/1".to_owned(), false)]);
        registry.set_presence(&bob, presence(&bob));
        assert_eq!(
            senders(&mut to_bob),
            [("ann@d/1".to_owned(), false), ("bob@d/2".to_owned(), false)]
        );
        assert_eq!(senders(&mut to_ann), [("bob@d/2".to_owned(), false)]);
        registry.leave(&bob);
        assert_eq!(senders(&mut to_ann), [("bob@d/2".to_owned(), true)]);
    }

    #[test]
    fn a_bare_address_reaches_those_who_are_available_alone() {
        let registry = Registry::new("d");
        let (ann, mut to_ann) = registry.bind("ann", None, "1").unwrap();
        let message = Element::build("message", ns::CLIENT)
            .attribute("from", "x@d")
            .finish();
        assert_eq!(registry.to_bare("ann", &message), Err(Undelivered::Absent));
        registry.set_presence(&ann, presence(&ann));
        assert_eq!(registry.to_bare("ann", &message), Ok(()));
        assert_eq!(senders(&mut to_ann).len(), 2);
        for _ in 0..crate::demo::mailbox::ELEMENTS {
            assert_eq!(registry.to_full("ann", "1", message.clone()), Ok(()));
        }
        assert_eq!(
            registry.to_full("ann", "1", message.clone()),
            Err(Undelivered::Full)
        );
        assert_eq!(
            registry.to_full("ann", "2", message),
            Err(Undelivered::Absent)
        );
    }
}
