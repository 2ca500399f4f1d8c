//! From the server to the web (W-R-400 to 419).

use crate::support::*;

fn with_header(header: &str) -> Scene {
    let mut scene = Scene::plain();
    scene.server(header);
    scene.server(MECHANISMS);
    scene
}

fn header(extra: &str) -> String {
    format!(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' {extra}>"
    )
}

/// W-R-400, W-R-401, W-R-402
#[test]
fn prefixes_of_the_header_are_declared_on_every_element() {
    let mut scene = with_header(&header("xmlns:q='u:q' xmlns:xs='u:xs'"));
    assert_eq!(
        scene.server("<iq xmlns:q='u:mine'><q:x t='xs:int'/></iq>"),
        ["<iq xmlns=\"jabber:client\" xmlns:xs=\"u:xs\" xmlns:q='u:mine'><q:x t='xs:int'/></iq>"]
    );
}

/// W-R-403, W-R-407
#[test]
fn default_namespace_and_language_travel_with_stanzas() {
    let mut scene = with_header(&header("xml:lang='de'"));
    for (from, to) in [
        (
            "<message/>",
            "<message xmlns=\"jabber:client\" xml:lang=\"de\"/>",
        ),
        (
            "<message xml:lang='fr'/>",
            "<message xmlns=\"jabber:client\" xml:lang='fr'/>",
        ),
        (
            "<message xml:lang=''/>",
            "<message xmlns=\"jabber:client\" xml:lang=''/>",
        ),
        (
            "<iq><x xmlns=''/></iq>",
            "<iq xmlns=\"jabber:client\" xml:lang=\"de\"><x xmlns=''/></iq>",
        ),
        ("<r xmlns='urn:xmpp:sm:3'/>", "<r xmlns='urn:xmpp:sm:3'/>"),
    ] {
        assert_eq!(scene.server(from), [to]);
    }
}

/// W-R-404, W-R-405: three styles of header, one output.
#[test]
fn every_style_of_header_gives_the_same_output() {
    let st = "http://etherx.jabber.org/streams";
    for (header, features, message) in [
        (
            header(""),
            "<stream:features><x xmlns='u'/></stream:features>",
            "<message/>",
        ),
        (
            format!("<s:stream xmlns:s='{st}' xmlns='jabber:client' version='1.0'>"),
            "<s:features><x xmlns='u'/></s:features>",
            "<message/>",
        ),
        (
            format!("<stream xmlns='{st}' version='1.0'>"),
            "<features><x xmlns='u'/></features>",
            "<message xmlns='jabber:client'/>",
        ),
    ] {
        let mut scene = Scene::greeted(&header);
        assert_eq!(
            scene.server(features),
            [format!(
                "<stream:features {ST}><x xmlns='u'/></stream:features>"
            )]
        );
        let message = scene.server(message);
        assert_eq!(
            message[0].replace('\'', "\""),
            "<message xmlns=\"jabber:client\"/>"
        );
    }
}

/// W-R-408, W-R-412
#[test]
fn text_that_looks_like_markup_survives() {
    let mut scene = with_header(&header(""));
    let body = "<body>jabber:client &lt;/stream:stream> <![CDATA[<open ]]]]><![CDATA[> &]]></body>";
    assert_eq!(
        scene.server(&format!("<message>{body}</message>")),
        [format!("<message xmlns=\"jabber:client\">{body}</message>")]
    );
}

/// W-R-409, W-R-413
#[test]
fn elements_come_whole_whatever_the_segments() {
    let mut scene = with_header(&header(""));
    let mut orders = Vec::new();
    for byte in " \n<message><body>h\u{e9}</body></message> ".chars() {
        orders.extend(scene.server(&byte.to_string()));
    }
    assert_eq!(
        orders,
        ["<message xmlns=\"jabber:client\"><body>h\u{e9}</body></message>"]
    );
}

/// W-R-410: a declaration is for the front of a stream.
#[test]
fn a_declaration_between_elements_is_refused() {
    let mut scene = Scene::authenticated();
    assert_eq!(
        scene.server("<?xml version='1.0'?>"),
        [
            "close internal internal-server-error \"the connection to the server failed\"",
            "CLOSE"
        ]
    );
    assert!(scene.sent().contains("<restricted-xml "));
}

/// W-R-414: values are decoded; language and sender are always there.
#[test]
fn the_header_becomes_an_opening() {
    let mut scene = Scene::plain();
    let orders = scene.server(&format!("{}{MECHANISMS}", header("id='a&quot;&lt;'")));
    assert_eq!(
        orders[0],
        "open id=\"a\\\"<\" from=\"a.example\" lang=\"en\""
    );
    assert_eq!(orders.len(), 2);
}

/// The header waits for what comes behind it, but not long.
#[test]
fn a_header_alone_is_shown_after_a_moment() {
    let mut scene = Scene::plain();
    assert_eq!(scene.server(HEADER), [""; 0]);
    assert_eq!(scene.after_milliseconds(249), [""; 0]);
    let due = scene.relay.poll_timeout().expect("the header is due");
    assert_eq!((due - scene.now).as_millis(), 1);
    assert_eq!(
        scene.after_milliseconds(1),
        ["open id=\"1\" from=\"a.example\" lang=\"en\""]
    );
    assert_eq!(scene.server(MECHANISMS).len(), 1);
}

/// W-R-471: the header's declarations are repeated on every element, so they are few.
#[test]
fn a_header_of_many_declarations_is_refused() {
    let prefixes = |count: usize| {
        let declarations: Vec<_> = (0..count).map(|i| format!("xmlns:p{i}='u:{i}'")).collect();
        header(&declarations.join(" "))
    };
    Scene::greeted(&prefixes(8));
    for refused in [prefixes(9), header(&format!("id='{}'", "x".repeat(4096)))] {
        let mut scene = Scene::plain();
        assert_eq!(
            scene.server(&refused),
            [
                "close internal internal-server-error \"the connection to the server failed\"",
                "CLOSE"
            ]
        );
        assert!(scene.sent().contains("<policy-violation "));
    }
}

/// W-R-419; remembered before the client hears of it, since it may come back at once.
#[test]
fn the_location_of_a_node_stays_behind_the_gateway() {
    let mut scene = Scene::ready();
    assert_eq!(
        scene.server(
            "<enabled xmlns='urn:xmpp:sm:3' id='x' location='10.0.0.1:5222' resume='true'/>"
        ),
        [
            "remember x at 10.0.0.1:5222",
            "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>",
            "resumable true"
        ]
    );
    let mut scene = Scene::ready();
    assert_eq!(
        scene.server("<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' location='h:99' id='y' resume='1'/></bound></success>"),
        [
            "remember y at h:99",
            "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='y' resume='1'/></bound></success>",
            "resumable true"
        ]
    );
    // What names no place, or no session to go back to, is not remembered.
    for enabled in [
        "<enabled xmlns='urn:xmpp:sm:3' id='x' location='a b' resume='1'/>",
        "<enabled xmlns='urn:xmpp:sm:3' id='x' location='h'/>",
        "<enabled xmlns='urn:xmpp:sm:3' location='h' resume='1'/>",
    ] {
        let orders = Scene::ready().server(enabled);
        assert!(
            !orders
                .iter()
                .any(|order| order.starts_with("remember") || order.contains("location")),
            "{orders:?}"
        );
    }
}

/// W-R-406: a prefix for `jabber:client` is written out, on the root and inside, wherever it was declared.
#[test]
fn prefixed_stanzas_are_written_without_their_prefix() {
    let mut scene = Scene::authenticated();
    assert_eq!(
        scene.server("<c:message xmlns:c='jabber:client'><c:body>a</c:body></c:message>"),
        [
            "<message xmlns=\"jabber:client\" xml:lang=\"en\" xmlns:c='jabber:client'><body>a</body></message>"
        ]
    );
    let mut scene = with_header(&header("xmlns:c='jabber:client'"));
    assert_eq!(
        scene.server("<message><c:body>a</c:body></message>"),
        ["<message xmlns=\"jabber:client\" xmlns:c=\"jabber:client\"><body>a</body></message>"]
    );
}

/// B-X-026: white space between a server's stanzas keeps its connection alive and is nothing to a client.
#[test]
fn white_space_of_the_server_is_dropped() {
    let mut scene = Scene::authenticated();
    for space in [" ", "\n", " \t\r\n "] {
        assert_eq!(scene.server(space), [""; 0], "{space:?}");
    }
    assert_eq!(scene.sent(), "");
    assert_eq!(
        scene.server("<presence xmlns='jabber:client'/> "),
        ["<presence xml:lang=\"en\" xmlns='jabber:client'/>"]
    );
}
