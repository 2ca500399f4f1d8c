//! Elements of a server's that break Namespaces in XML or a limit: each keeps its place.

use bytes::BytesMut;
use xmpp_wire::{
    Element, Excess, NestedElement, Piece, Repair, Splitter, Wrapped, XmlError, XmlErrorKind,
    XmlLimits, ns,
};

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:h='u:h'>";

/// What a server's stream is cut into, and what was done to each element.
#[derive(Debug, Default, PartialEq)]
struct Found {
    elements: Vec<(NestedElement, Option<Repair>)>,
    error: Option<XmlError>,
    /// The most that was waiting at once.
    held: usize,
}

fn cut(stream: &str, step: usize, limits: &XmlLimits) -> Found {
    let mut splitter = Splitter::stream_of_server(limits.clone());
    let mut input = BytesMut::from(HEADER);
    let mut found = Found::default();
    assert!(matches!(
        splitter.next_piece(&mut input),
        Ok(Some(Piece::Open(_)))
    ));
    for bytes in stream.as_bytes().chunks(step) {
        input.extend_from_slice(bytes);
        loop {
            match splitter.next_piece(&mut input) {
                Ok(Some(Piece::Element(element))) => {
                    found.elements.push((element, splitter.repaired()));
                }
                Ok(Some(_)) => panic!("only elements come"),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(splitter.next_piece(&mut input), Err(error));
                    found.error = Some(error);
                    return found;
                }
            }
        }
        found.held = found.held.max(input.len());
    }
    found
}

/// What one element becomes, the same for all chunks; what stands behind it comes through.
fn one_within(element: &str, limits: &XmlLimits) -> Result<(String, Option<Repair>), XmlErrorKind> {
    let stream = format!("<presence id='before'/>{element} <presence id='behind'/>");
    let whole = cut(&stream, stream.len(), limits);
    for step in [1, 2, 3, 7, 64] {
        let Found {
            elements, error, ..
        } = cut(&stream, step, limits);
        assert_eq!(
            (&elements, &error),
            (&whole.elements, &whole.error),
            "{step} bytes at a time: {element}"
        );
    }
    if let Some(error) = whole.error {
        assert_eq!(whole.elements.len(), 1, "{element}");
        return Err(error.kind);
    }
    let [(_, None), (one, repair), (behind, None)] = &whole.elements[..] else {
        panic!("{element}: {:?}", whole.elements);
    };
    assert_eq!(behind.attribute("id").as_deref(), Some("behind"));
    let alone = one.standalone();
    let again = Element::parse(alone.raw().clone(), &XmlLimits::default());
    assert_eq!(again.expect("stands alone").name(), one.name(), "{element}");
    Ok((String::from_utf8_lossy(one.raw()).into_owned(), *repair))
}

fn one(element: &str) -> Result<(String, Option<Repair>), XmlErrorKind> {
    one_within(element, &XmlLimits::default())
}

/// W-R-305 (from a server): each row is a way to break Namespaces in XML, and what is left of it.
#[test]
fn what_breaks_namespaces_is_mended_in_place() {
    const P: &str = "xmlns:p=\"urn:xmpp-web:undeclared:p\"";
    for (broken, mended) in [
        (
            "<message><x p:a='1'/></message>",
            format!("<message {P}><x p:a='1'/></message>"),
        ),
        (
            "<message><p:x>t</p:x></message>",
            format!("<message {P}><p:x>t</p:x></message>"),
        ),
        (
            "<message p:a='1' to='b'/>",
            format!("<message {P} p:a='1' to='b'/>"),
        ),
        // Two prefixes may have meant two namespaces.
        (
            "<message><x p:a='1' q:a='2'/></message>",
            format!(
                "<message {P} xmlns:q=\"urn:xmpp-web:undeclared:q\"><x p:a='1' q:a='2'/></message>"
            ),
        ),
        // A declaration behind its use, one of a sibling's, and one that is there.
        (
            "<message><x p:a=''/><y xmlns:p='u' p:a=''/><z p:b=''/></message>",
            format!("<message {P}><x p:a=''/><y xmlns:p='u' p:a=''/><z p:b=''/></message>"),
        ),
        (
            "<message h:a='' p:a=''/>",
            format!("<message {P} h:a='' p:a=''/>"),
        ),
        // What expands to the same name is there once.
        (
            "<message><x xmlns:a='u' xmlns:b='u' a:c='1' b:c='2'/></message>",
            "<message><x xmlns:a='u' xmlns:b='u' a:c='1'/></message>".into(),
        ),
        (
            "<message><x p:c='1' xmlns:q='urn:xmpp-web:undeclared:p' q:c='2'/></message>",
            format!("<message {P}><x p:c='1' xmlns:q='urn:xmpp-web:undeclared:p'/></message>"),
        ),
        // Declarations that may not be: nothing falls into another namespace by their loss.
        (
            "<message><x xmlns:p=''><p:y/></x></message>",
            "<message><x xmlns:p='urn:xmpp-web:undeclared:p'><p:y/></x></message>".into(),
        ),
        (
            "<message><x xmlns:h='' h:y=''/></message>",
            "<message><x xmlns:h='urn:xmpp-web:undeclared:h' h:y=''/></message>".into(),
        ),
        (
            "<message><x xmlns='http://www.w3.org/2000/xmlns/'/></message>",
            "<message><x xmlns='urn:xmpp-web:undeclared:'/></message>".into(),
        ),
        (
            "<message><x xmlns:p='http://www.w3.org/XML/1998/namespace' p:lang='a' xml:lang='b'/></message>",
            "<message><x xmlns:p='urn:xmpp-web:undeclared:p' p:lang='a' xml:lang='b'/></message>"
                .into(),
        ),
        (
            "<message><x xmlns:xml='u' xml:lang='b'/></message>",
            "<message><x xml:lang='b'/></message>".into(),
        ),
        (
            "<message><x xmlns:xmlns='u'/></message>",
            "<message><x/></message>".into(),
        ),
        // Names that are none of a qualified kind.
        (
            "<message><x a:b:c='1' :d='2' e:='3' f:1='4' g='5'/></message>",
            "<message><x g='5'/></message>".into(),
        ),
        (
            "<message><x xmlns:a:b='u' xmlns:='u'/></message>",
            "<message><x/></message>".into(),
        ),
        // Markup that is only text, in values and sections.
        (
            "<message><![CDATA[<q:z>]]><x p:a='<q:z>'/></message>"
                .replace("'<q", "'&lt;q")
                .leak(),
            format!("<message {P}><![CDATA[<q:z>]]><x p:a='&lt;q:z>'/></message>"),
        ),
        (
            "<features xmlns='u:f'><x p:a=''/></features>",
            "<features xmlns:p=\"urn:xmpp-web:undeclared:p\" xmlns='u:f'><x p:a=''/></features>"
                .into(),
        ),
    ] {
        assert_eq!(
            one(broken),
            Ok((mended, Some(Repair::Namespaces))),
            "{broken}"
        );
    }
}

/// What is right is cut as it always was.
#[test]
fn what_is_right_is_untouched() {
    for right in [
        "<message><x xmlns:p='u' p:a='1' xml:lang='a' xml:space='preserve' xmlns:xml='http://www.w3.org/XML/1998/namespace'/></message>",
        "<h:x h:y='1'><h:z/></h:x>",
    ] {
        assert_eq!(one(right), Ok((right.to_owned(), None)), "{right}");
    }
}

/// The content of a stanza whose inside has a name that no declaration mends is dropped.
#[test]
fn a_name_that_is_not_qualified_costs_the_content() {
    for inside in ["<a:b:c/>", "<:a/>", "<a:/>", "<a:1/>", "<xmlns:a/>"] {
        assert_eq!(
            one(&format!("<message to='a' id='1'>text {inside}</message>")
                .replace("<a:/>", "<a: />")),
            Ok(("<message to='a' id='1'/>".into(), Some(Repair::Names)))
        );
    }
}

/// An element that has so much of something.
type Make<'a> = &'a dyn Fn(usize) -> String;

fn emptied(excess: Excess, found: usize, limit: usize) -> Option<Repair> {
    Some(Repair::Emptied {
        excess,
        found,
        limit,
    })
}

/// A stanza beyond a limit keeps its start tag; each limit at its boundary.
#[test]
fn what_is_beyond_a_limit_loses_its_content() {
    let limits = XmlLimits::default().with_element_bytes(2_000);
    let depth = |n: usize| {
        format!(
            "<message id='1'>{}{}</message>",
            "<a>".repeat(n),
            "</a>".repeat(n)
        )
    };
    let attributes = |n: usize| {
        let all: String = (0..n).map(|i| format!(" a{i}=''")).collect();
        format!("<message id='1'><x{all}/></message>")
    };
    let declarations = |n: usize| {
        let all: String = (0..n).map(|i| format!(" xmlns:a{i}='u'")).collect();
        format!("<message id='1'><x{all}/></message>")
    };
    let name = |n: usize| format!("<message id='1'><{}/></message>", "n".repeat(n));
    let reference = |n: usize| format!("<message id='1'>&#{}65;</message>", "0".repeat(n - 5));
    let bytes = |n: usize| format!("<message id='1'>{}</message>", "x".repeat(n - 26));
    let cases: [(Make<'_>, usize, Excess, usize); 6] = [
        (&depth, 62, Excess::Depth, 2),
        (&attributes, 64, Excess::Attributes, 0),
        (&declarations, 32, Excess::Declarations, 0),
        (&name, 1_024, Excess::NameBytes, 0),
        (&reference, 64, Excess::ReferenceBytes, 0),
        (&bytes, 2_000, Excess::Bytes, 0),
    ];
    for (make, most, excess, outside) in cases {
        let limits = &limits;
        assert_eq!(one_within(&make(most), limits), Ok((make(most), None)));
        let repair = emptied(excess, most + 1 + outside, most + outside);
        let left = ("<message id='1'/>".to_owned(), repair);
        assert_eq!(one_within(&make(most + 1), limits), Ok(left), "{excess:?}");
    }
}

/// Where the start tag itself is beyond a limit, what addresses the stanza is kept.
#[test]
fn a_start_tag_beyond_a_limit_keeps_the_address() {
    let many: String = (0..70).map(|i| format!(" a{i}=''")).collect();
    let (left, repair) = one(&format!("<message{many} to='a&amp;b' p:q='' from='c' xmlns='jabber:client' id='1' type='chat'>x</message>"))
        .expect("a message");
    assert_eq!(
        left,
        "<message to='a&amp;b' from='c' xmlns='jabber:client' id='1' type='chat'/>"
    );
    assert_eq!(repair, emptied(Excess::Attributes, 65, 64));
    let many: String = (0..40).map(|i| format!(" p{i}:a=''")).collect();
    let (left, repair) = one(&format!(
        "<c:message xmlns:c='jabber:client' to='a'><x{many}/></c:message>"
    ))
    .expect("a message");
    assert_eq!(left, "<c:message xmlns:c='jabber:client' to='a'/>");
    assert_eq!(repair, emptied(Excess::Declarations, 41, 32));
    // Without its end within the limit, there is no start tag to keep.
    let long = format!("<message to='a' id='{}'/>", "x".repeat(300_000));
    assert_eq!(one(&long), Err(XmlErrorKind::TooBig));
}

/// RFC 6120 §8.2.3: every request is answered, by whom it was for; every answer comes.
#[test]
fn what_is_left_of_an_iq_still_works() {
    let deep = format!("{}{}", "<a>".repeat(70), "</a>".repeat(70));
    for (tag, left) in [
        (
            "iq type='get' id='1' from='a'",
            "<iq type='get' id='1' from='a'><removed xmlns=\"urn:xmpp-web:removed\"/></iq>",
        ),
        (
            "iq type='set' id='1'",
            "<iq type='set' id='1'><removed xmlns=\"urn:xmpp-web:removed\"/></iq>",
        ),
        (
            "iq id='1' type='result' from='a'",
            "<iq id='1' type=\"error\" from='a'><error xmlns=\"jabber:client\" type=\"modify\">\
             <policy-violation xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/></error></iq>",
        ),
        (
            "iq id='1' type='error'",
            "<iq id='1' type=\"error\"><error xmlns=\"jabber:client\" type=\"modify\">\
             <policy-violation xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/></error></iq>",
        ),
        ("presence from='a/b'", "<presence from='a/b'/>"),
        (
            "message type='groupchat' from='a/b'",
            "<message type='groupchat' from='a/b'/>",
        ),
    ] {
        let name = tag.split(' ').next().unwrap_or_default();
        let (found, repair) = one(&format!("<{tag}>{deep}</{name}>")).expect("a stanza");
        assert_eq!(found, left);
        assert_eq!(repair, emptied(Excess::Depth, 72, 64));
    }
}

/// What cannot be mended ends the stream as before: no stanza, no XML, and an element whose own name is wrong.
#[test]
fn the_rest_is_refused_as_before() {
    let deep = format!("{}{}", "<a>".repeat(70), "</a>".repeat(70));
    use XmlErrorKind::*;
    for (element, kind) in [
        (format!("<a xmlns='urn:xmpp:sm:3'>{deep}</a>"), TooDeep),
        (
            format!("<stream:features>{deep}</stream:features>"),
            TooDeep,
        ),
        (
            format!(
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{}</success>",
                "x".repeat(300_000)
            ),
            TooBig,
        ),
        (format!("<message xmlns='u'>{deep}</message>"), TooDeep),
        ("<p:message/>".into(), Namespace),
        ("<a:b:c/>".into(), Namespace),
        ("<xmlns:a/>".into(), Namespace),
        (
            "<message xmlns='http://www.w3.org/2000/xmlns/'/>".into(),
            Namespace,
        ),
        ("<stream xmlns='u'><a:b:c/></stream>".into(), Namespace),
        // The first fault can be mended, the second cannot.
        ("<message><p:x/><!-- --></message>".into(), Restricted),
        ("<message><p:x/><?a?></message>".into(), Restricted),
        ("<message><p:x/>&who;</message>".into(), Restricted),
        ("<message><p:x/></p:x></message>".into(), NotWellFormed),
        ("<message><p:x></q:x></message>".into(), NotWellFormed),
        (
            "<message><p:x a='1' a='2'/></message>".into(),
            NotWellFormed,
        ),
        (
            "<message><p:x p:a='1' p:a='2'/></message>".into(),
            NotWellFormed,
        ),
        ("<message><p:x/>\u{FFFE}</message>".into(), NotWellFormed),
        ("<message><p:x/>&#0;</message>".into(), NotWellFormed),
        ("<message><p:x/>]]></message>".into(), NotWellFormed),
        ("<message><p:x a='<'/></message>".into(), NotWellFormed),
        ("<message><p:x a=b/></message>".into(), NotWellFormed),
        ("<message><p:x a/></message>".into(), NotWellFormed),
        ("<message><p:x a='1'b='2'/></message>".into(), NotWellFormed),
        ("<message><p:x/ ></message>".into(), NotWellFormed),
        ("<message><p:x></p:x a=''></message>".into(), NotWellFormed),
        ("<message><p:x/>&;</message>".into(), NotWellFormed),
        ("<message><p:x/>&#;</message>".into(), NotWellFormed),
        ("<message><p:x/>&#x;</message>".into(), NotWellFormed),
        ("<message><p:x/>& </message>".into(), NotWellFormed),
        (
            "<message><p:x/><![CDATB[]]></message>".into(),
            NotWellFormed,
        ),
    ] {
        assert_eq!(one(&element), Err(kind), "{element}");
    }
    // A client gets none of this.
    let mut input = BytesMut::from(HEADER);
    input.extend_from_slice(b"<message><x p:a=''/></message>");
    let mut strict = Splitter::stream(XmlLimits::default());
    assert!(matches!(
        strict.next_piece(&mut input),
        Ok(Some(Piece::Open(_)))
    ));
    assert_eq!(
        strict.next_piece(&mut input).map_err(|error| error.kind),
        Err(Namespace)
    );
}

/// What a header breaks concerns every element.
#[test]
fn a_header_is_not_mended() {
    let mut splitter = Splitter::stream_of_server(XmlLimits::default());
    let mut input = BytesMut::from("<stream:stream xmlns='jabber:client'>");
    let error = splitter.next_piece(&mut input).unwrap_err();
    assert_eq!(error.kind, XmlErrorKind::Namespace);
}

/// However much comes behind a limit, little of it is held; and the time is linear.
#[test]
fn memory_is_bounded_while_content_is_dropped() {
    let limits = XmlLimits::default().with_element_bytes(10_000);
    let content = "<a b='&amp;'>text ]] é <![CDATA[ ]] > ]]></a>".repeat(50_000);
    let stream = format!("<message id='1'>{content}</message><presence/>");
    let found = cut(&stream, 1_000, &limits);
    assert_eq!(found.error, None);
    assert_eq!(found.elements.len(), 2);
    assert!(found.held <= 11_000, "{}", found.held);
    let (message, repair) = &found.elements[0];
    assert_eq!(message.raw(), "<message id='1'/>");
    assert_eq!(*repair, emptied(Excess::Bytes, stream.len() - 11, 10_000));
    // A value without end, and a name.
    for (front, end) in [
        ("<x a='", "'/>"),
        ("<", "/>"),
        ("<x ", "='1'/>"),
        ("<![CDATA[", "]]>"),
    ] {
        let long = "n".repeat(200_000);
        let stream = format!("<message id='1'>{front}{long}{end}</message><presence/>");
        let found = cut(&stream, 1_000, &limits);
        assert_eq!((found.elements.len(), found.error), (2, None), "{front}");
        assert!(found.held <= 11_000, "{front}: {}", found.held);
    }
    // No stanza: the end is not waited for.
    let found = cut(&format!("<x xmlns='u'>{content}"), 1_000, &limits);
    assert_eq!(
        found.error.map(|error| error.kind),
        Some(XmlErrorKind::TooBig)
    );
    assert!(found.held <= 11_000);
}

/// The same for whole documents: a WebSocket message, a BOSH body.
#[test]
fn documents_of_a_server_are_mended_too() {
    let limits = XmlLimits::default();
    let parse = |document: &str| {
        let element = Element::parse_from_server(document.to_owned().into(), &limits)?;
        Ok(String::from_utf8_lossy(element.raw()).into_owned())
    };
    let error = |kind, offset| Err(XmlError { kind, offset });
    let message = "<message xmlns='jabber:client'><x p:a=''/></message>";
    let mended = "<message xmlns:p=\"urn:xmpp-web:undeclared:p\" xmlns='jabber:client'><x p:a=''/></message>";
    assert_eq!(parse(&format!(" {message}\n")), Ok(mended.to_owned()));
    assert_eq!(
        parse(&format!("{message}<a/>")),
        error(XmlErrorKind::NotWellFormed, 52)
    );
    assert_eq!(
        parse(&format!("{message}<!-- -->")),
        error(XmlErrorKind::Restricted, 52)
    );
    assert_eq!(
        parse(&message[..40]),
        error(XmlErrorKind::NotWellFormed, 40)
    );
    let body = |inside: &str| {
        let document = format!("<body xmlns='{}'>{inside}</body>", ns::HTTPBIND);
        Wrapped::parse_from_server(document.into(), &[("stream", ns::STREAM)], &limits)
    };
    let read = body(&format!("{message}<presence xmlns='jabber:client'/>")).expect("a body");
    assert_eq!(read.elements[0].raw(), mended);
    assert_eq!(read.elements.len(), 2);
    assert!(read.wrapper.is("body", ns::HTTPBIND));
    assert_eq!(
        body(&format!("{message}text")).map_err(|error| error.kind),
        Err(XmlErrorKind::Text)
    );
    let short = "<body xmlns='b'><x p:a=''/>";
    let short = Wrapped::parse_from_server(short.into(), &[], &limits);
    assert_eq!(
        short.map_err(|error| error.kind),
        Err(XmlErrorKind::NotWellFormed)
    );
}
