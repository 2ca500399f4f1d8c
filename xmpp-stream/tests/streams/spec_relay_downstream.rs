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
        let mut scene = Scene::plain();
        scene.server(&header);
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
    assert_eq!(
        scene.server(&header("id='a&quot;&lt;'")),
        ["open id=\"a\\\"<\" from=\"a.example\" lang=\"en\""]
    );
}

/// W-R-471: the header's declarations are repeated on every element, so they are few.
#[test]
fn a_header_of_many_declarations_is_refused() {
    let prefixes = |count: usize| {
        let declarations: Vec<_> = (0..count).map(|i| format!("xmlns:p{i}='u:{i}'")).collect();
        header(&declarations.join(" "))
    };
    assert_eq!(Scene::plain().server(&prefixes(8)).len(), 1);
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

/// W-R-419
#[test]
fn the_location_of_a_node_stays_behind_the_gateway() {
    let mut scene = Scene::ready();
    assert_eq!(
        scene.server(
            "<enabled xmlns='urn:xmpp:sm:3' id='x' location='10.0.0.1:5222' resume='true'/>"
        ),
        [
            "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>",
            "resumable true"
        ]
    );
    let mut scene = Scene::ready();
    assert_eq!(
        scene.server("<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' location='h' resume='1'/></bound></success>"),
        [
            "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' resume='1'/></bound></success>",
            "resumable true"
        ]
    );
}
