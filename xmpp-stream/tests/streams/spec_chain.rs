//! What passes a gateway, from end to end: nothing is lost, repeated, reordered, merged or invented, and no end can get out of its stream.

use proptest::prelude::*;
use xmpp_wire::{Element, ns};

use crate::{
    chain::{Chain, Side},
    support::element,
};

const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3' id='some' resume='true'/>";

fn stanzas(heard: &[Element]) -> Vec<&Element> {
    heard.iter().filter(|element| element.is_stanza()).collect()
}

/// W-R-442, W-R-370: both ends count what passes, and come to the same numbers; 10^5 stanzas, requests for the count among them.
#[test]
fn the_counters_of_both_ends_agree() {
    const STANZAS: u32 = 50_000;
    let mut chain = Chain::enabled(usize::MAX, ENABLED);
    let mut said = [0_u32; 2];
    let kinds = [
        "<presence xmlns='jabber:client'/>",
        "<iq xmlns='jabber:client' id='1' type='get'/>",
        "<message xmlns='jabber:client'><body>x</body></message>",
    ];
    while said != [STANZAS; 2] {
        for (side, said) in [Side::Client, Side::Server].into_iter().zip(&mut said) {
            // A few hundred at a time, as many as there is room for.
            for _ in 0..500 {
                let kind = kinds[*said as usize % 3];
                if *said == STANZAS || !chain.say(side, kind) {
                    break;
                }
                *said += 1;
            }
            chain.say(side, "<r xmlns='urn:xmpp:sm:3'/>");
        }
        chain.run();
    }
    for heard in [&chain.at_client, &chain.at_server] {
        // XEP-0198 counts stanzas alone.
        let count = stanzas(heard).len();
        assert_eq!(count, 50_000);
        assert!(heard.len() > count, "no requests came through");
        for (number, stanza) in stanzas(heard).iter().enumerate() {
            let local = ["presence", "iq", "message"][number % 3];
            assert!(stanza.is(local, ns::CLIENT), "{number}");
        }
    }
    // The answers pass as well as the questions.
    for side in [Side::Client, Side::Server] {
        assert!(chain.say(side, "<a xmlns='urn:xmpp:sm:3' h='50000'/>"));
    }
    chain.run();
    for heard in [&chain.at_client, &chain.at_server] {
        let last = heard.last().expect("something");
        assert_eq!(last.attribute("h").as_deref(), Some("50000"));
    }
}

/// One thing that somebody says.
fn said() -> impl Strategy<Value = String> {
    let text = "[a-z<>&'é ]{0,20}";
    ("[0-9]{1,3}", text, 0..4_u8).prop_map(|(id, text, kind)| {
        let body = Element::build("body", ns::CLIENT).text(&text).finish();
        let raw = match kind {
            0 => {
                return format!("<r xmlns='urn:xmpp:sm:3'/><!-- {id} -->")
                    .split("<!--")
                    .next()
                    .unwrap_or_default()
                    .to_owned();
            }
            1 => return format!("<presence xmlns='jabber:client' id='{id}' xml:lang='fr'/>"),
            2 => Element::build("iq", ns::CLIENT)
                .attribute("id", &id)
                .child(body),
            _ => Element::build("message", ns::CLIENT)
                .attribute("id", &id)
                .attribute("xml:lang", "de")
                .child(body),
        };
        String::from_utf8_lossy(raw.finish().raw()).into_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// W-R-442, W-R-413, W-R-433: whatever is said in whatever order and however the bytes are cut, the other end hears it, once, in order, and byte
    /// for byte but for the declarations that it needs.
    #[test]
    fn everything_arrives_once_and_in_order(
        script in prop::collection::vec((any::<bool>(), said()), 0..60),
        cut in prop_oneof![Just(1_usize), 2..50_usize, Just(usize::MAX)],
        client_ends in any::<bool>(),
    ) {
        let mut chain = Chain::enabled(cut, ENABLED);
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for (from_client, xml) in &script {
            let (side, list) = if *from_client { (Side::Client, &mut up) } else { (Side::Server, &mut down) };
            prop_assert!(chain.say(side, xml));
            list.push(xml.clone());
            chain.step();
        }
        let now = chain.now;
        if client_ends { chain.client.close(now) } else { chain.server.close(now) }
        chain.run();
        let heard = |elements: &[Element]| elements.iter().map(|element| String::from_utf8_lossy(element.raw()).into_owned()).collect::<Vec<_>>();
        prop_assert_eq!(heard(&chain.at_server), up);
        // The server's stream declares the default namespace itself.
        prop_assert_eq!(heard(&chain.at_client), down);
        let closed = chain.closed.expect("an end");
        prop_assert_eq!((closed.connection.code, closed.stream_closed, closed.error), (1000, true, None));
        prop_assert!(chain.server_closed.is_some());
    }
}

/// W-R-435: what is no document alone never reaches the server, however well it would fit into the stream there.
#[test]
fn no_message_gets_out_of_its_stream() {
    for escape in [
        "<a xmlns='u'/></stream:stream><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='b.example' version='1.0'>",
        "<message xmlns='jabber:client'>",
        "</stream:stream>",
        "<message xmlns='jabber:client'></message></stream:stream>",
        "<message xmlns='jabber:client'><stream:features/></message>",
    ] {
        let mut chain = Chain::enabled(usize::MAX, ENABLED);
        let before = chain.upstream.len();
        // As a client of another make would send it.
        let mut frame = vec![0x81, 0xfe];
        frame.extend_from_slice(&u16::try_from(escape.len()).unwrap().to_be_bytes());
        if escape.len() < 126 {
            frame = vec![0x81, 0x80 | u8::try_from(escape.len()).unwrap()];
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(escape.as_bytes());
        chain
            .web
            .handle_input(&mut frame.as_slice().into(), chain.now);
        chain.run();
        assert_eq!(
            String::from_utf8_lossy(&chain.upstream[before..]),
            "</stream:stream>",
            "{escape}"
        );
        let error = chain.closed.expect("an end").error.expect("an error");
        assert_eq!(error.condition, "not-well-formed", "{escape}");
    }
}

/// W-R-436: the client's `<close/>`, the server's end tag behind ours, what it still sends, and then the answer.
#[test]
fn a_closing_passes_in_order() {
    let mut chain = Chain::enabled(usize::MAX, ENABLED);
    let before = chain.upstream.len();
    let late = "<message xmlns='jabber:client'><body>late</body></message>";
    chain.client.close(chain.now);
    assert!(chain.say(Side::Server, late));
    chain.run();
    assert_eq!(
        String::from_utf8_lossy(&chain.upstream[before..]),
        "</stream:stream>"
    );
    assert_eq!(chain.at_client, [element(late)]);
    let closed = chain.closed.expect("an end");
    assert_eq!((closed.connection.code, closed.stream_closed), (1000, true));
}

/// W-R-446, W-R-445, T-11: what the gateway can neither pass on nor empty ends the session for good, with resumption agreed or without: one error, and
/// nothing that would be sent again.
#[test]
fn what_cannot_pass_is_not_sent_round_in_a_loop() {
    for enabled in [ENABLED, "<enabled xmlns='urn:xmpp:sm:3'/>"] {
        let mut chain = Chain::enabled(usize::MAX, enabled);
        let body = "x".repeat(530_000);
        chain.inject(&format!("<other xmlns='u:other'>{body}</other>"));
        chain.run();
        let closed = chain.closed.expect("an end");
        assert_eq!((closed.connection.code, closed.stream_closed), (1011, true));
        let error = closed.error.expect("an error");
        assert_eq!(error.condition, "internal-server-error");
        assert_eq!(
            error.text.as_deref(),
            Some("the connection to the server failed")
        );
        assert_eq!(chain.at_client, []);
        let sent = String::from_utf8_lossy(&chain.upstream);
        assert!(sent.ends_with("</stream:error></stream:stream>"), "{sent}");
    }
}

/// W-R-417, W-R-355, W-R-372: a server that is lost leaves a client that may resume without XML, any other one with an error.
#[test]
fn a_lost_server_is_told_only_where_nothing_can_be_resumed() {
    for (enabled, resumable) in [(ENABLED, true), ("<enabled xmlns='urn:xmpp:sm:3'/>", false)] {
        let mut chain = Chain::enabled(usize::MAX, enabled);
        let now = chain.now;
        chain.linked = false;
        chain.relay.as_mut().expect("a relay").handle_eof(now);
        chain.run();
        let closed = chain.closed.expect("an end");
        assert_eq!(closed.connection.code, 1011);
        assert_eq!(closed.stream_closed, !resumable);
        assert_eq!(closed.error.is_some(), !resumable);
    }
}

/// W-R-344, T-11: a message above the limit ends the session for good: a client that resumed would send it again, for ever.
#[test]
fn an_oversized_message_cannot_be_sent_again() {
    let mut chain = Chain::enabled(usize::MAX, ENABLED);
    let before = chain.upstream.len();
    let body = "x".repeat(270_000);
    assert!(chain.say(
        Side::Client,
        &format!("<message xmlns='jabber:client'><body>{body}</body></message>")
    ));
    chain.run();
    let closed = chain.closed.expect("an end");
    assert_eq!((closed.connection.code, closed.stream_closed), (1009, true));
    let error = closed.error.expect("an error");
    assert_eq!(error.condition, "policy-violation");
    assert!(
        error
            .application
            .is_some_and(|element| element.is("stanza-too-big", ns::ERRORS))
    );
    // The server may not keep it either.
    assert_eq!(
        String::from_utf8_lossy(&chain.upstream[before..]),
        "</stream:stream>"
    );
}
