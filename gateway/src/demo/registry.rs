//! Who is connected, and what they hear of each other.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use xmpp_wire::{Element, ns};

pub(super) use super::mailbox::Undelivered;
use super::{
    iq,
    jid::Jid,
    mailbox::{Letters, Mailbox, mailbox},
};

/// Sessions at once.
const SESSIONS: usize = 10_000;

/// Names in one roster, which must fit into one stanza.
const CONTACTS: usize = 500;

/// One bound session.
#[derive(Debug)]
struct Seat {
    mailbox: Mailbox,
    /// Its last presence, while it is available.
    presence: Option<Element>,
    /// It has asked for the roster, so it hears of changes (RFC 6121 §2.1.6).
    is_interested: bool,
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
                is_interested: false,
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

    /// The names that are available beside a session's own; from now on it gets a roster push for each one that comes.
    pub(super) fn contacts(&self, jid: &Jid) -> Vec<String> {
        let mut seats = self.seats();
        if let Some(seat) = seats.get_mut(&key(jid)) {
            seat.is_interested = true;
        }
        let mut names: Vec<String> = seats
            .iter()
            .filter(|((name, _), seat)| seat.presence.is_some() && jid.local.as_ref() != Some(name))
            .map(|((name, _), _)| name.clone())
            .collect();
        names.dedup();
        names.truncate(CONTACTS);
        names
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
        let local = key(jid).0;
        let here = of(&seats, &local)
            .filter(|seat| seat.presence.is_some())
            .count();
        if !was_here && here == 1 {
            // Before the presence: clients know nobody who is not in their roster.
            for ((name, resource), seat) in seats.iter() {
                if seat.is_interested && *name != local {
                    let to = format!("{name}@{}/{resource}", self.domain);
                    let push = iq::roster_push(&to, &format!("{local}@{}", self.domain));
                    let _ = seat.mailbox.hand(push);
                }
            }
        }
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

    /// RFC 6121 §2.1.6: who asked for the roster hears once of each name that comes, before its presence.
    #[test]
    fn a_name_that_comes_is_pushed_into_rosters() {
        let registry = Registry::new("d");
        let (ann, mut to_ann) = registry.bind("ann", None, "1").unwrap();
        let (_, mut to_eve) = registry.bind("eve", None, "1").unwrap();
        assert_eq!(registry.contacts(&ann), [""; 0]);
        registry.set_presence(&ann, presence(&ann));
        senders(&mut to_ann);
        for made in ["2", "3"] {
            let (bob, _letters) = registry.bind("bob", None, made).unwrap();
            registry.set_presence(&bob, presence(&bob));
        }
        let push = to_ann.try_next().unwrap();
        assert!(push.is("iq", ns::CLIENT) && push.attribute("type").as_deref() == Some("set"));
        assert_eq!(push.attribute("to").as_deref(), Some("ann@d/1"));
        let item = push
            .children()
            .next()
            .and_then(|query| query.children().next());
        let item = item.expect("an item");
        assert_eq!(item.attribute("jid").as_deref(), Some("bob@d"));
        assert_eq!(item.attribute("subscription").as_deref(), Some("both"));
        let rest = [("bob@d/2".to_owned(), false), ("bob@d/3".to_owned(), false)];
        assert_eq!(senders(&mut to_ann), rest);
        assert_eq!(registry.contacts(&ann), ["bob"]);
        assert!(to_eve.try_next().is_none(), "it did not ask");
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
