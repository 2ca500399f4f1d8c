//! What the domain itself answers (RFC 6120 §8.2.3).

use xmpp_wire::{Element, ns};

use super::{account::ECHO, jid::Jid, registry::Registry};

const ROSTER: &str = "jabber:iq:roster";
const PING: &str = "urn:xmpp:ping";
const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";

/// The answer to a get or set that is for the domain, or for the sender's own account.
pub(super) fn answer(registry: &Registry, jid: &Jid, iq: &Element) -> Element {
    let Some(request) = iq.children().next() else {
        return error(iq, "modify", "bad-request");
    };
    let name = request.name();
    let get = iq.attribute("type").as_deref() == Some("get");
    let payload = match (name.namespace, name.local, get) {
        (ns::SESSION, "session", false) | (PING, "ping", true) => None,
        (ROSTER, "query", true) => Some(roster(registry, jid)),
        (DISCO_INFO, "query", true) => Some(info()),
        (DISCO_ITEMS, "query", true) => Some(Element::build("query", DISCO_ITEMS).finish()),
        _ => return error(iq, "cancel", "service-unavailable"),
    };
    result(iq, payload)
}

/// The answer of the echo contact.
pub(super) fn echo_answer(iq: &Element) -> Element {
    match iq.child("ping", PING) {
        Some(_) => result(iq, None),
        None => error(iq, "cancel", "service-unavailable"),
    }
}

pub(super) fn result(iq: &Element, payload: Option<Element>) -> Element {
    let result = reply("iq", iq).attribute("type", "result");
    match payload {
        Some(payload) => result.child(payload).finish(),
        None => result.finish(),
    }
}

/// A stanza error (RFC 6120 §8.3).
pub(super) fn error(stanza: &Element, kind: &str, condition: &str) -> Element {
    let condition = Element::build(condition, ns::STANZA_ERRORS).finish();
    let error = Element::build("error", ns::CLIENT)
        .attribute("type", kind)
        .child(condition)
        .finish();
    reply(stanza.name().local, stanza)
        .attribute("type", "error")
        .child(error)
        .finish()
}

/// The start of an answer: back to where it came from, with the same id.
fn reply(name: &str, stanza: &Element) -> xmpp_wire::Builder {
    Element::build(name, ns::CLIENT)
        .attribute_if("id", stanza.attribute("id").as_deref())
        .attribute_if("from", stanza.attribute("to").as_deref())
        .attribute_if("to", stanza.attribute("from").as_deref())
}

/// The echo contact and everybody who is there: they see each other's presence, so they are in each other's rosters (RFC 6121 §3.1.5).
/// Clients such as Converse.js open chats with nobody else.
fn roster(registry: &Registry, jid: &Jid) -> Element {
    let domain = &registry.domain;
    let echo = item(&format!("{ECHO}@{domain}")).attribute("name", "Echo");
    let query = Element::build("query", ROSTER).child(echo.finish());
    let names = registry.contacts(jid).into_iter();
    names
        .fold(query, |query, name| {
            query.child(item(&format!("{name}@{domain}")).finish())
        })
        .finish()
}

/// Tells a session of a contact that is new.
pub(super) fn roster_push(to: &str, contact: &str) -> Element {
    let query = Element::build("query", ROSTER).child(item(contact).finish());
    Element::build("iq", ns::CLIENT)
        .attribute("type", "set")
        .attribute("id", &format!("push-{contact}"))
        .attribute("to", to)
        .child(query.finish())
        .finish()
}

fn item(jid: &str) -> xmpp_wire::Builder {
    Element::build("item", ROSTER)
        .attribute("jid", jid)
        .attribute("subscription", "both")
}

fn info() -> Element {
    let identity = Element::build("identity", DISCO_INFO)
        .attribute("category", "server")
        .attribute("type", "im")
        .attribute("name", "xmpp-web demonstration");
    let feature = |name| {
        Element::build("feature", DISCO_INFO)
            .attribute("var", name)
            .finish()
    };
    Element::build("query", DISCO_INFO)
        .child(identity.finish())
        .child(feature(DISCO_INFO))
        .child(feature(DISCO_ITEMS))
        .child(feature(PING))
        .finish()
}
