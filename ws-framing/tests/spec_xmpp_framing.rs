//! RFC 7395 §3.3: one document a message, and what is sent.

use ws_framing::{
    connection::{Config as ConnectionConfig, SendError},
    xmpp::{Config, server},
};
use xmpp_wire::{Piece, Splitter, XmlLimits};

use crate::support::{
    Rig, masked,
    stream::{CLOSE, FEATURES, MESSAGE, OPEN, element, lenient, stream_error},
    text,
};

fn running() -> Rig<server::Session> {
    Rig::running(Config::default())
}

/// A message on a running stream gets this stream error, and `<close/>`.
fn refused(config: Config, message: &str, condition: &str) {
    let mut rig = Rig::running(config);
    rig.feed(text(message));
    assert_eq!(rig.elements(), Vec::<String>::new(), "{message}");
    assert_eq!(
        rig.transcript(),
        [stream_error(condition), CLOSE.to_owned()],
        "{message}"
    );
}

fn refused_by_default(message: &str, condition: &str) {
    refused(Config::default(), message, condition);
}

/// W-R-300.
#[test]
fn a_message_is_one_document() {
    refused_by_default("<a xmlns='u'/><b xmlns='u'/>", "not-well-formed");
    refused_by_default("<message xmlns='jabber:client'>", "not-well-formed");
    refused_by_default("</message>", "not-well-formed");
    refused_by_default("<a xmlns='u'/></stream:stream>", "not-well-formed");
    let mut rig = running();
    rig.feed(text(MESSAGE));
    assert_eq!(rig.elements(), [MESSAGE]);
}

/// W-R-301.
#[test]
fn the_first_character_is_an_angle_bracket() {
    refused_by_default(" <presence xmlns='jabber:client'/>", "bad-format");
    refused_by_default("\u{feff}<presence xmlns='jabber:client'/>", "bad-format");
    refused_by_default("hello", "bad-format");
}

/// W-R-302: white space is ignored once in ten seconds.
#[test]
fn white_space_is_forgiven_now_and_then() {
    let mut rig = running();
    rig.feed(text(" "));
    rig.now += crate::support::seconds(10);
    rig.feed(text(""));
    rig.now += crate::support::seconds(9);
    assert_eq!(rig.transcript(), Vec::<String>::new());
    rig.feed(text("\r\n"));
    assert_eq!(
        rig.transcript(),
        [stream_error("bad-format"), CLOSE.to_owned()]
    );
}

/// W-R-303.
#[test]
fn an_xml_declaration_is_read_and_never_passed_on() {
    let mut rig = running();
    rig.feed(text(
        "<?xml version='1.0'?><presence xmlns='jabber:client'/>",
    ));
    rig.feed(text(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<a xmlns='u'/>",
    ));
    assert_eq!(
        rig.elements(),
        ["<presence xmlns='jabber:client'/>", "<a xmlns='u'/>"]
    );
    let presence = "<presence xmlns='jabber:client'/>";
    refused_by_default(
        &format!("<?xml version='1.0' encoding='UTF-16'?>{presence}"),
        "unsupported-encoding",
    );
    refused_by_default(
        &format!("<?xml version='1.0' standalone='yes'?>{presence}"),
        "restricted-xml",
    );
}

/// W-R-304.
#[test]
fn restricted_xml() {
    for message in [
        "<!-- c --><a xmlns='u'/>",
        "<a xmlns='u'><!-- c --></a>",
        "<?p i?><a xmlns='u'/>",
        "<a xmlns='u'><?p i?></a>",
        "<!DOCTYPE a><a xmlns='u'/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a xmlns='u'>&b;</a>",
        "<a xmlns='u'>&nbsp;</a>",
        "<a xmlns='u'/><!-- c -->",
    ] {
        refused_by_default(message, "restricted-xml");
    }
    let legal = "<a xmlns='u'>&#x41;&lt;<![CDATA[<b>]]></a>";
    let mut rig = running();
    rig.feed(text(legal));
    assert_eq!(rig.elements(), [legal]);
}

/// W-R-305, W-R-120.
#[test]
fn not_well_formed() {
    for message in [
        "<message xmlns='jabber:client'><x:y/></message>",
        "<a xmlns='u'><b></a>",
        "<a xmlns='u' b=c/>",
        "<a xmlns='u' b='' b=''/>",
        "<a xmlns='u'>\u{1}</a>",
        "<a xmlns='u'>\u{fffe}</a>",
    ] {
        refused_by_default(message, "not-well-formed");
    }
}

/// W-R-306.
#[test]
fn only_white_space_follows_the_root() {
    let mut rig = running();
    rig.feed(text("<a xmlns='u'/> \r\n"));
    assert_eq!(rig.elements(), ["<a xmlns='u'/>"]);
    refused_by_default("<a xmlns='u'/>x", "not-well-formed");
}

/// W-R-307: a prefix declared on `<open/>` means nothing later.
#[test]
fn nothing_is_inherited_from_open() {
    let mut rig = Rig::session(Config::default());
    let open = OPEN.replace(" to=", " xmlns:q=\"u:q\" to=");
    rig.feed(text(&open));
    rig.actions();
    rig.answer("1");
    rig.send(FEATURES);
    rig.output();
    rig.feed(text(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><q:x/></auth>",
    ));
    assert_eq!(
        rig.transcript(),
        [stream_error("not-well-formed"), CLOSE.to_owned()]
    );
}

/// W-R-309, W-R-405: features and errors leave in one spelling, whatever theirs was.
#[test]
fn features_and_errors_are_prefixed() {
    for spelling in [
        "<features xmlns='http://etherx.jabber.org/streams'/>",
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>",
    ] {
        let mut rig = Rig::answered(Config::default());
        rig.output();
        rig.send(spelling);
        let sent = rig.transcript().remove(0).replace('\'', "\"");
        assert_eq!(sent, FEATURES);
    }
}

/// W-R-401, W-R-407: what is sent stands alone, stanzas with the language of the stream they came from.
#[test]
fn sent_elements_stand_alone() {
    let stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xml:lang='de'>\
        <message from='b@b.example'><body>hi</body></message><a xmlns='urn:xmpp:sm:3' h='1'/>";
    let mut input = bytes::BytesMut::from(stream);
    let mut splitter = Splitter::stream(XmlLimits::default());
    let mut rig = running();
    while let Ok(Some(piece)) = splitter.next_piece(&mut input) {
        if let Piece::Element(element) = piece {
            let element = match element.is_stanza() {
                true => element.standalone_with_lang(),
                false => element.standalone(),
            };
            rig.machine.send(element, rig.now).unwrap();
        }
    }
    assert_eq!(
        rig.transcript(),
        [
            r#"<message xmlns="jabber:client" xml:lang="de" from='b@b.example'><body>hi</body></message>"#,
            "<a xmlns='urn:xmpp:sm:3' h='1'/>"
        ]
    );
}

/// W-R-310.
#[test]
fn stanzas_are_in_jabber_client_without_a_prefix() {
    refused_by_default("<message xmlns='jabber:server'/>", "invalid-namespace");
    refused_by_default(
        "<c:message xmlns:c='jabber:client'/>",
        "bad-namespace-prefix",
    );
    refused(
        lenient(),
        "<c:iq xmlns:c='jabber:client'/>",
        "bad-namespace-prefix",
    );
    let mut rig = running();
    rig.feed(text("<message xmlns='u:x'/>"));
    rig.feed(text("<query xmlns='jabber:server'/>"));
    assert_eq!(
        rig.elements(),
        ["<message xmlns='u:x'/>", "<query xmlns='jabber:server'/>"]
    );
}

/// W-R-311, W-R-432: a stanza in no namespace, per mode; nothing else may be in none.
#[test]
fn a_stanza_without_a_namespace() {
    refused_by_default("<presence/>", "invalid-namespace");
    let mut rig = Rig::running(lenient());
    rig.feed(text("<presence to='a@b'><x xmlns='u'/></presence>"));
    assert_eq!(
        rig.elements(),
        [r#"<presence xmlns="jabber:client" to='a@b'><x xmlns='u'/></presence>"#]
    );
    refused(lenient(), "<presence xmlns=''/>", "invalid-namespace");
    for config in [Config::default(), lenient()] {
        refused(config, "<foo/>", "invalid-namespace");
    }
}

/// W-R-312, W-R-433: other elements pass byte for byte.
#[test]
fn nonzas_reach_the_application() {
    let mut rig = running();
    for nonza in [
        "<foo xmlns='u:x'/>",
        "<p:foo xmlns:p='u:x' />",
        "<r xmlns='urn:xmpp:sm:3'/>",
    ] {
        rig.feed(text(nonza));
        assert_eq!(rig.elements(), [nonza]);
    }
    // But not what only servers may send.
    refused_by_default(FEATURES, "unsupported-stanza-type");
    refused_by_default(
        "<ping xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
        "unsupported-stanza-type",
    );
}

/// W-R-121 on the XMPP layer: binary fails below XML.
#[test]
fn binary_gets_no_xml() {
    let mut rig = running();
    rig.feed(masked(0x82, b"<a/>"));
    assert_eq!(rig.transcript(), ["Close 1003"]);
}

/// Style §4, 8: a refused element comes back, and nothing has changed.
#[test]
fn a_full_outbox_gives_the_element_back() {
    let mut config = Config::default();
    config.connection = ConnectionConfig::default();
    config.connection.outbox_bytes = 180;
    let mut rig = Rig::negotiating(config);
    for _ in 0..3 {
        rig.send(MESSAGE);
    }
    let success = element("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    let refused = rig.machine.send(success.clone(), rig.now);
    assert_eq!(refused, Err(SendError::Full(success.clone())));
    // The restart is not due: the success has not been sent.
    assert_eq!(rig.transcript(), [MESSAGE; 3]);
    assert_eq!(rig.actions().len(), 1, "Writable");
    rig.machine.send(success, rig.now).unwrap();
    rig.feed(text(OPEN));
    assert_eq!(rig.actions().len(), 1, "Opened");
}
