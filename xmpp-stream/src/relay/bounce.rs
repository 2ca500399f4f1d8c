//! Error returns for stanzas that can no longer reach the client (XEP-0206 §7; B-X-030, B-X-031).

use xmpp_wire::{Element, ns};

/// The error that goes back to the sender, if one must: an IQ that asks gets `service-unavailable`, a message that is
/// no error gets `recipient-unavailable`, the rest is dropped.
pub(super) fn error_return(stanza: &Element) -> Option<Element> {
    if !stanza.is_stanza() {
        return None;
    }
    let kind = stanza.attribute("type");
    let (name, kind, condition) = match (stanza.name().local, kind.as_deref()) {
        ("iq", Some("get" | "set")) => ("iq", "cancel", "service-unavailable"),
        ("message", Some("error")) => return None,
        ("message", _) => ("message", "wait", "recipient-unavailable"),
        _ => return None,
    };
    let condition = Element::build(condition, ns::STANZA_ERRORS).finish();
    let error = Element::build("error", ns::CLIENT)
        .attribute("type", kind)
        .child(condition);
    let returned = Element::build(name, ns::CLIENT)
        .attribute("type", "error")
        .attribute_if("to", stanza.attribute("from").as_deref())
        .attribute_if("from", stanza.attribute("to").as_deref())
        .attribute_if("id", stanza.attribute("id").as_deref())
        .child(error.finish());
    Some(returned.finish())
}

#[cfg(test)]
mod tests {
    use xmpp_wire::XmlLimits;

    use super::*;

    fn returned(stanza: &str) -> Option<String> {
        let stanza = Element::parse(stanza.to_owned().into(), &XmlLimits::default());
        let stanza = error_return(&stanza.expect("well-formed"))?;
        Some(String::from_utf8_lossy(stanza.raw()).into_owned())
    }

    /// B-X-031
    #[test]
    fn only_requests_and_messages_are_returned() {
        assert_eq!(
            returned("<iq xmlns='jabber:client' type='get' from='b@b' to='a@a/x' id='1'><q xmlns='u'/></iq>").as_deref(),
            Some("<iq xmlns=\"jabber:client\" type=\"error\" to=\"b@b\" from=\"a@a/x\" id=\"1\">\
                  <error xmlns=\"jabber:client\" type=\"cancel\"><service-unavailable xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/></error></iq>")
        );
        assert_eq!(
            returned("<message xmlns='jabber:client' from='b@b'><body>x</body></message>")
                .as_deref(),
            Some(
                "<message xmlns=\"jabber:client\" type=\"error\" to=\"b@b\">\
                  <error xmlns=\"jabber:client\" type=\"wait\"><recipient-unavailable xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/></error></message>"
            )
        );
        for dropped in [
            "<iq xmlns='jabber:client' type='result'/>",
            "<iq xmlns='jabber:client' type='error'/>",
            "<message xmlns='jabber:client' type='error'/>",
            "<presence xmlns='jabber:client'/>",
            "<message xmlns='u:x'/>",
        ] {
            assert_eq!(returned(dropped), None, "{dropped}");
        }
    }
}
