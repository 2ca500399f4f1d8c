//! Elements made to stand alone and changed in place keep their meaning.

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, NestedElement, Piece, Splitter, Wrapped, XmlLimits, ns};

const CLIENT_HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xml:lang='de'>";

/// The only element of a stream with this header.
fn streamed(header: &str, element: &str) -> NestedElement {
    let mut splitter = Splitter::stream(XmlLimits::default());
    let mut input = BytesMut::from(format!("{header}{element}").as_str());
    assert!(matches!(
        splitter.next_piece(&mut input),
        Ok(Some(Piece::Open(_)))
    ));
    match splitter.next_piece(&mut input) {
        Ok(Some(Piece::Element(element))) => element,
        other => panic!("{other:?}"),
    }
}

fn text(element: &NestedElement) -> String {
    let again = Element::parse(element.raw().clone(), &XmlLimits::default()).expect("stands alone");
    assert_eq!(again.name(), element.name(), "{element:?}");
    assert_eq!(again.children().count(), element.children().count());
    String::from_utf8_lossy(element.raw()).into_owned()
}

/// W-R-403, W-R-407
#[test]
fn an_inherited_default_namespace_and_language_are_declared() {
    let message = streamed(
        CLIENT_HEADER,
        "<message from='a@b'><body>hi</body></message>",
    );
    assert_eq!(message.name().namespace, ns::CLIENT);
    assert_eq!(
        text(&message.standalone()),
        "<message xmlns=\"jabber:client\" from='a@b'><body>hi</body></message>"
    );
    assert_eq!(
        text(&message.standalone_with_lang()),
        "<message xmlns=\"jabber:client\" xml:lang=\"de\" from='a@b'><body>hi</body></message>"
    );
    let french = streamed(CLIENT_HEADER, "<message xml:lang='fr'/>");
    assert_eq!(
        text(&french.standalone_with_lang()),
        "<message xmlns=\"jabber:client\" xml:lang='fr'/>"
    );
    let own = streamed(
        CLIENT_HEADER,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>x</success>",
    );
    assert_eq!(own.standalone().raw(), own.raw());
}

/// W-R-400, W-R-401, W-R-402
#[test]
fn inherited_prefixes_are_declared_once() {
    let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:q='u:q' xmlns:xs='u:xs'>";
    let iq = streamed(header, "<iq xmlns:xs='u:mine'><q:x a='xs:int'/></iq>");
    assert_eq!(
        text(&iq.standalone()),
        "<iq xmlns=\"jabber:client\" xmlns:q=\"u:q\" xmlns:xs='u:mine'><q:x a='xs:int'/></iq>"
    );
}

/// W-R-405, W-R-309
#[test]
fn stream_elements_get_the_usual_prefix() {
    let want = "<stream:features xmlns:stream=\"http://etherx.jabber.org/streams\"><bind xmlns='urn:b'/></stream:features>";
    let headers = [
        (
            CLIENT_HEADER,
            "<stream:features><bind xmlns='urn:b'/></stream:features>",
        ),
        (
            "<stream xmlns='http://etherx.jabber.org/streams'>",
            "<features><bind xmlns='urn:b'/></features>",
        ),
        (
            "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>",
            "<s:features><bind xmlns='urn:b'/></s:features>",
        ),
        (
            CLIENT_HEADER,
            "<features xmlns='http://etherx.jabber.org/streams'><bind xmlns='urn:b'/></features>",
        ),
    ];
    for (header, features) in headers {
        let features = streamed(header, features);
        assert!(features.is("features", ns::STREAM));
        assert_eq!(text(&features.with_stream_prefix()), want);
    }
    let nested = streamed(
        "<stream xmlns='http://etherx.jabber.org/streams'>",
        "<features><inner/></features>",
    );
    assert_eq!(
        text(&nested.with_stream_prefix()),
        "<stream:features xmlns=\"http://etherx.jabber.org/streams\" \
         xmlns:stream=\"http://etherx.jabber.org/streams\"><inner/></stream:features>"
    );
}

/// B-X-004
#[test]
fn stanzas_left_in_the_wrapper_are_adopted() {
    let body = "<body xmlns='http://jabber.org/protocol/httpbind'><message to='x'><body>hi</body><q xmlns='u'/></message></body>";
    let body = Wrapped::parse(
        Bytes::from_static(body.as_bytes()),
        &[],
        &XmlLimits::default(),
    )
    .unwrap();
    let message = body.elements[0].adopt(ns::HTTPBIND, ns::CLIENT);
    assert_eq!(message.name().namespace, ns::CLIENT);
    let message = message.standalone();
    assert_eq!(
        text(&message),
        "<message xmlns=\"jabber:client\" to='x'><body>hi</body><q xmlns='u'/></message>"
    );
    assert_eq!(message.child("body", ns::CLIENT).unwrap().text(), "hi");
}

/// B-R-024
#[test]
fn predeclared_prefixes_are_declared_where_they_are_used() {
    let body = "<body xmlns='http://jabber.org/protocol/httpbind'><stream:x/><y xmlns='u'/></body>";
    let known = [("stream", ns::STREAM), ("xmpp", ns::XBOSH)];
    let body = Wrapped::parse(
        Bytes::from_static(body.as_bytes()),
        &known,
        &XmlLimits::default(),
    )
    .unwrap();
    assert_eq!(
        text(&body.elements[0].standalone()),
        "<stream:x xmlns:stream=\"http://etherx.jabber.org/streams\"/>"
    );
    assert_eq!(text(&body.elements[1].standalone()), "<y xmlns='u'/>");
}

#[test]
fn children_and_attributes_are_cut_and_set() {
    let features = Element::parse(
        Bytes::from_static(
            b"<f xmlns='u' a = 'x>y'  b=\"/\"> <one/>t<two>2</two><!--"
                .split_last_chunk::<4>()
                .unwrap()
                .0,
        ),
        &XmlLimits::default(),
    );
    assert!(features.is_err());
    let features = Element::parse(
        "<f xmlns='u' a = 'x>y'  b=\"/\"> <one/>t<two>2</two></f >".into(),
        &XmlLimits::default(),
    )
    .unwrap();
    assert_eq!(
        text(&features.retain_children(|child| !child.is("one", "u"))),
        "<f xmlns='u' a = 'x>y'  b=\"/\"> t<two>2</two></f >"
    );
    assert_eq!(
        text(&features.without_attribute("a")),
        "<f xmlns='u'  b=\"/\"> <one/>t<two>2</two></f >"
    );
    assert_eq!(
        text(&features.with_attribute("b", "\"&")),
        "<f xmlns='u' a = 'x>y' b=\"&quot;&amp;\"> <one/>t<two>2</two></f >"
    );
    assert_eq!(features.attribute("a").as_deref(), Some("x>y"));
    assert_eq!(features.text(), " t");
    let three = Element::build("three", "u").finish();
    assert_eq!(
        text(&features.with_child(&three)),
        "<f xmlns='u' a = 'x>y'  b=\"/\"> <one/>t<two>2</two><three xmlns=\"u\"/></f >"
    );
    let empty = Element::build("f", "u").finish();
    assert_eq!(
        text(&empty.with_child(&three)),
        "<f xmlns=\"u\"><three xmlns=\"u\"/></f>"
    );
}

/// A place with a default namespace must not capture what is in none.
#[test]
fn children_in_no_namespace_stay_in_none() {
    let bare = Element::build("bare", "").finish();
    let parent = Element::build("a", "u").child(bare.clone()).finish();
    assert_eq!(text(&parent), r#"<a xmlns="u"><bare xmlns=""/></a>"#);
    let appended = Element::build("a", "u").finish().with_child(&bare);
    assert_eq!(appended, parent);
    let replaced = Element::parse("<a xmlns='u'><b/></a>".into(), &XmlLimits::default())
        .unwrap()
        .map_children(|_| Some(bare.clone().into()));
    assert_eq!(text(&replaced), r#"<a xmlns='u'><bare xmlns=""/></a>"#);
    let prefixed = Element::build("p:a", "u").child(bare).finish();
    assert_eq!(text(&prefixed), r#"<p:a xmlns:p="u"><bare/></p:a>"#);
}

/// A child from elsewhere brings the declarations that it inherited.
#[test]
fn children_from_elsewhere_keep_their_namespaces() {
    let foreign = streamed(CLIENT_HEADER, "<message><stream:x/></message>");
    let parent = Element::parse("<a xmlns='u'><b/></a>".into(), &XmlLimits::default()).unwrap();
    assert_eq!(
        text(&parent.map_children(|_| Some(foreign.clone()))),
        "<a xmlns='u'><message xmlns=\"jabber:client\" xmlns:stream=\"http://etherx.jabber.org/streams\"><stream:x/></message></a>"
    );
}

/// A prefixed root does not inherit, its descendants may.
#[test]
fn what_a_prefixed_root_holds_keeps_the_default_namespace() {
    let body = "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:p='u:p'><p:a><b/></p:a><p:a><b xmlns=''/></p:a></body>";
    let body = Wrapped::parse(body.into(), &[], &XmlLimits::default()).unwrap();
    let adopted = body.elements[0].adopt(ns::HTTPBIND, ns::CLIENT);
    assert_eq!(adopted, body.elements[0]);
    assert_eq!(
        text(&adopted.standalone()),
        "<p:a xmlns=\"http://jabber.org/protocol/httpbind\" xmlns:p=\"u:p\"><b/></p:a>"
    );
    assert_eq!(
        text(&body.elements[1].standalone()),
        "<p:a xmlns:p=\"u:p\"><b xmlns=''/></p:a>"
    );
}

/// The prefix `stream` may mean something else inside: then the old spelling stays.
#[test]
fn the_stream_prefix_captures_nothing() {
    let header = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' xmlns:stream='u:other'>";
    let features = streamed(header, "<s:features><stream:x/></s:features>").with_stream_prefix();
    assert!(features.is("features", ns::STREAM));
    assert!(features.child("x", "u:other").is_some());
    let inner = streamed(
        header,
        "<s:features><stream:x xmlns:stream='u:inner'/></s:features>",
    )
    .with_stream_prefix();
    assert_eq!(inner.prefix(), Some("stream"));
    assert!(inner.child("x", "u:inner").is_some());
    text(&inner);
}

/// Declarations are no attributes.
#[test]
fn editing_attributes_leaves_namespaces_alone() {
    let element = Element::parse("<a xmlns='u' b='1'/>".into(), &XmlLimits::default()).unwrap();
    assert_eq!(element.without_attribute("xmlns"), element);
    assert_eq!(element.with_attribute("xmlns", "v"), element);
    assert_eq!(element.with_attribute("xmlns:p", "v"), element);
    assert_eq!(element.with_attribute("no name", "v"), element);
    assert_eq!(
        text(&element.with_attribute("xml:lang", "de")),
        "<a xml:lang=\"de\" xmlns='u' b='1'/>"
    );
}

/// W-R-406: what is in `jabber:client` by a prefix is written without one and keeps its meaning; everything else stays.
#[test]
fn prefixes_of_a_namespace_are_written_out() {
    let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>";
    for (from, to) in [
        (
            "<c:message to=\"a&amp;b\" ><c:body>hi &lt;</c:body></c:message>",
            "<message to=\"a&amp;b\"><body>hi &lt;</body></message>",
        ),
        (
            "<message><c:body c:x='1'/><x xmlns='u:x'><c:y/><z/></x></message>",
            "<message><body c:x='1'/><x xmlns=\"u:x\"><y xmlns=\"jabber:client\"/><z/></x></message>",
        ),
        (
            "<q:x xmlns:q='u:q' xmlns='u:d'>a<d/><c:iq/> <![CDATA[<c:b/>]]></q:x>",
            "<q:x xmlns:q='u:q'>a<d xmlns=\"u:d\"/><iq/> <![CDATA[<c:b/>]]></q:x>",
        ),
        (
            "<x xmlns=''><k:y xmlns:k='jabber&#58;client'><z/></k:y></x>",
            "<x xmlns=\"\"><y xmlns=\"jabber:client\" xmlns:k='jabber&#58;client'><z xmlns=\"\"/></y></x>",
        ),
    ] {
        let element = streamed(header, from);
        assert!(element.has_prefixed(ns::CLIENT), "{from}");
        let written = element.unprefixed(ns::CLIENT);
        assert_eq!(String::from_utf8_lossy(written.raw()), to);
        assert!(!written.has_prefixed(ns::CLIENT));
        assert!(same_meaning(&element, &written), "{from}");
    }
    for kept in [
        "<message><c xmlns='u:c'/>xmlns:c='jabber:client'</message>",
        "<message c:x='1'/>",
        "<message><forwarded xmlns='u:f'><message xmlns='jabber:client'/></forwarded></message>",
    ] {
        let element = streamed(header, kept);
        assert!(!element.has_prefixed(ns::CLIENT), "{kept}");
        assert_eq!(element.unprefixed(ns::CLIENT), element);
    }
}

/// The same expanded names and texts, all the way down.
fn same_meaning(one: &NestedElement, other: &NestedElement) -> bool {
    let (first, second): (Vec<_>, Vec<_>) = (one.children().collect(), other.children().collect());
    one.name() == other.name()
        && one.text() == other.text()
        && first.len() == second.len()
        && first
            .iter()
            .zip(&second)
            .all(|(one, other)| same_meaning(one, other))
}
