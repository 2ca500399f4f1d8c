//! What a bound session may do: stanzas go to the domain, to the echo contact, or to whoever is connected.

use xmpp_wire::{Element, ns};

use super::{
    iq,
    jid::Jid,
    registry::{Registry, Undelivered},
};

/// The name of the contact that answers with what it gets.
pub(super) const ECHO: &str = "echo";

/// Routes a stanza of `jid`'s; gives what the domain answers.
pub(super) fn route(registry: &Registry, jid: &Jid, stanza: &Element) -> Vec<Element> {
    // Nobody speaks for somebody else (RFC 6120 §8.1.2.1).
    let stanza = stanza.with_attribute("from", &jid.to_string());
    let to = match stanza.attribute("to").as_deref() {
        None => None,
        Some(to) => match Jid::parse(to) {
            Some(to) => Some(to),
            None => return refused(&stanza, "modify", "jid-malformed"),
        },
    };
    match stanza.name().local {
        "presence" => presence(registry, jid, to, &stanza),
        "iq" => info_query(registry, jid, to, &stanza),
        _ => message(registry, jid, to, &stanza),
    }
}

fn presence(registry: &Registry, jid: &Jid, to: Option<Jid>, presence: &Element) -> Vec<Element> {
    let kind = presence.attribute("type");
    let Some(to) = to else {
        if matches!(kind.as_deref(), None | Some("unavailable")) {
            registry.set_presence(jid, presence.clone());
        }
        return match kind {
            None => vec![echo_presence(registry, jid, None)],
            Some(_) => Vec::new(),
        };
    };
    match (kind.as_deref(), to.local.as_deref()) {
        (Some("subscribe"), Some(ECHO)) => {
            vec![
                echo_presence(registry, jid, Some("subscribed")),
                echo_presence(registry, jid, None),
            ]
        }
        // Everyone sees everyone here: there is nothing to subscribe to.
        (None | Some("unavailable"), Some(local)) if to.domain == registry.domain => {
            // Presence that finds nobody is dropped (RFC 6121 §8.5.2).
            let _ = deliver(registry, local, to.resource.as_deref(), presence);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn echo_presence(registry: &Registry, jid: &Jid, kind: Option<&str>) -> Element {
    let resource = if kind.is_none() { "/echo" } else { "" };
    Element::build("presence", ns::CLIENT)
        .attribute("from", &format!("{ECHO}@{}{resource}", registry.domain))
        .attribute("to", &jid.to_string())
        .attribute_if("type", kind)
        .finish()
}

fn info_query(registry: &Registry, jid: &Jid, to: Option<Jid>, iq: &Element) -> Vec<Element> {
    let request = match iq.attribute("type").as_deref() {
        Some("get" | "set") => true,
        Some("result" | "error") => false,
        Some(_) | None => return refused(iq, "modify", "bad-request"),
    };
    if iq.attribute("id").is_none() {
        return refused(iq, "modify", "bad-request");
    }
    let own = to.as_ref().is_none_or(|to| {
        to.domain == registry.domain
            && to.resource.is_none()
            && (to.local.is_none() || to.local == jid.local)
    });
    match to {
        _ if own && request => vec![super::iq::answer(registry, jid, iq)],
        _ if own => Vec::new(),
        Some(to) if to.domain == registry.domain => {
            match (to.local.as_deref(), to.resource.as_deref()) {
                (Some(ECHO), _) if request => vec![super::iq::echo_answer(iq)],
                (Some(local), Some(resource)) => {
                    match registry.to_full(local, resource, iq.clone()) {
                        Err(why) if request => undelivered(iq, why),
                        Ok(()) | Err(_) => Vec::new(),
                    }
                }
                _ if request => undelivered(iq, Undelivered::Absent),
                _ => Vec::new(),
            }
        }
        _ if request => refused(iq, "cancel", "remote-server-not-found"),
        _ => Vec::new(),
    }
}

fn message(registry: &Registry, jid: &Jid, to: Option<Jid>, message: &Element) -> Vec<Element> {
    if message.attribute("type").as_deref() == Some("error") {
        return Vec::new();
    }
    // Without an address it is for the sender's own account (RFC 6121 §8.1.1).
    let to = to.unwrap_or_else(|| Jid {
        resource: None,
        ..jid.clone()
    });
    if to.domain != registry.domain {
        return refused(message, "cancel", "remote-server-not-found");
    }
    match to.local.as_deref() {
        None => refused(message, "cancel", "service-unavailable"),
        Some(ECHO) => echo(message),
        Some(local) => match deliver(registry, local, to.resource.as_deref(), message) {
            Ok(()) => Vec::new(),
            Err(why) => undelivered(message, why),
        },
    }
}

/// To the session named, else to every available one of that name (RFC 6121 §8.5.3.2.1).
fn deliver(
    registry: &Registry,
    local: &str,
    resource: Option<&str>,
    stanza: &Element,
) -> Result<(), Undelivered> {
    let full = resource.map(|resource| registry.to_full(local, resource, stanza.clone()));
    match full {
        Some(Err(Undelivered::Absent)) | None => registry.to_bare(local, stanza),
        Some(result) => result,
    }
}

/// The echo contact says what it was told; what has no body (chat states, receipts) it does not answer.
fn echo(message: &Element) -> Vec<Element> {
    let Some(body) = message.child("body", ns::CLIENT) else {
        return Vec::new();
    };
    let id = message.attribute("id").map(|id| format!("echo-{id}"));
    let answer = Element::build("message", ns::CLIENT)
        .attribute_if("from", message.attribute("to").as_deref())
        .attribute_if("to", message.attribute("from").as_deref())
        .attribute_if("type", message.attribute("type").as_deref())
        .attribute_if("id", id.as_deref())
        .child(body.standalone());
    vec![answer.finish()]
}

fn undelivered(stanza: &Element, why: Undelivered) -> Vec<Element> {
    match why {
        Undelivered::Absent => refused(stanza, "cancel", "service-unavailable"),
        Undelivered::Full => refused(stanza, "wait", "resource-constraint"),
    }
}

fn refused(stanza: &Element, kind: &str, condition: &str) -> Vec<Element> {
    // An error is never answered with an error (RFC 6120 §8.3.1), nor is presence worth one.
    let silent =
        stanza.attribute("type").as_deref() == Some("error") || stanza.name().local == "presence";
    if silent {
        Vec::new()
    } else {
        vec![iq::error(stanza, kind, condition)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann(registry: &Registry) -> (Jid, crate::demo::mailbox::Letters) {
        registry.bind("ann", Some("tab"), "1").unwrap()
    }

    fn stanza(text: &'static str) -> Element {
        Element::parse(text.into(), &xmpp_wire::XmlLimits::default()).unwrap()
    }

    fn said(elements: &[Element]) -> Vec<String> {
        elements
            .iter()
            .map(|element| String::from_utf8_lossy(element.raw()).into_owned())
            .collect()
    }

    #[test]
    fn the_echo_contact_answers_with_the_body() {
        let registry = Registry::new("localhost");
        let (jid, _letters) = ann(&registry);
        let answer = route(
            &registry,
            &jid,
            &stanza(
                "<message xmlns='jabber:client' to='echo@localhost' type='chat' id='7'><body>a &lt; b</body></message>",
            ),
        );
        assert_eq!(
            said(&answer),
            [
                "<message xmlns=\"jabber:client\" from=\"echo@localhost\" to=\"ann@localhost/tab\" type=\"chat\" id=\"echo-7\"><body xmlns=\"jabber:client\">a &lt; b</body></message>"
            ]
        );
        assert!(
            route(
                &registry,
                &jid,
                &stanza("<message xmlns='jabber:client' to='echo@localhost'/>")
            )
            .is_empty()
        );
    }

    #[test]
    fn the_sender_is_who_it_is() {
        let registry = Registry::new("localhost");
        let (jid, mut letters) = ann(&registry);
        let answers = route(
            &registry,
            &jid,
            &stanza("<message xmlns='jabber:client' from='bob@x' to='ann@localhost/tab'/>"),
        );
        assert!(answers.is_empty());
        assert_eq!(
            letters.try_next().unwrap().attribute("from").as_deref(),
            Some("ann@localhost/tab")
        );
    }

    #[test]
    fn queries_that_nobody_knows_and_strangers_get_errors() {
        let registry = Registry::new("localhost");
        let (jid, _letters) = ann(&registry);
        let condition = |text| {
            let answers = route(&registry, &jid, &stanza(text));
            let error = answers
                .first()
                .and_then(|answer| answer.child("error", ns::CLIENT));
            error
                .and_then(|error| error.children().next())
                .map(|condition| condition.name().local.to_owned())
        };
        let cases = [
            (
                "<iq xmlns='jabber:client' type='get' id='1'><q xmlns='u'/></iq>",
                Some("service-unavailable"),
            ),
            (
                "<iq xmlns='jabber:client' type='get' id='1'/>",
                Some("bad-request"),
            ),
            (
                "<iq xmlns='jabber:client' type='get'/>",
                Some("bad-request"),
            ),
            (
                "<iq xmlns='jabber:client' type='get' id='1' to='bob@localhost/x'/>",
                Some("service-unavailable"),
            ),
            (
                "<iq xmlns='jabber:client' type='result' id='1' to='bob@localhost/x'/>",
                None,
            ),
            (
                "<message xmlns='jabber:client' to='bob@localhost'/>",
                Some("service-unavailable"),
            ),
            (
                "<message xmlns='jabber:client' to='bob@elsewhere'/>",
                Some("remote-server-not-found"),
            ),
            (
                "<message xmlns='jabber:client' to='@'/>",
                Some("jid-malformed"),
            ),
            (
                "<message xmlns='jabber:client' to='bob@elsewhere' type='error'/>",
                None,
            ),
        ];
        for (text, want) in cases {
            assert_eq!(condition(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn pings_and_rosters_are_answered() {
        let registry = Registry::new("localhost");
        let (jid, _letters) = ann(&registry);
        let ping = route(
            &registry,
            &jid,
            &stanza(
                "<iq xmlns='jabber:client' type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
            ),
        );
        assert_eq!(
            said(&ping),
            [
                "<iq xmlns=\"jabber:client\" id=\"1\" from=\"localhost\" to=\"ann@localhost/tab\" type=\"result\"/>"
            ]
        );
        let roster = route(
            &registry,
            &jid,
            &stanza(
                "<iq xmlns='jabber:client' type='get' id='2'><query xmlns='jabber:iq:roster'/></iq>",
            ),
        );
        assert!(said(&roster)[0].contains("jid=\"echo@localhost\""));
    }
}
