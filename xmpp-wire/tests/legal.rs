//! What looks odd and is legal XML (XML 1.0, Namespaces in XML, RFC 6120 §11): accepted, and read for what it says.

use bytes::Bytes;
use xmpp_wire::{Element, StartTag, Wrapped, XmlError, XmlErrorKind, XmlLimits, ns};

fn parse(document: &str) -> Result<Element, XmlError> {
    Element::parse(
        Bytes::copy_from_slice(document.as_bytes()),
        &XmlLimits::default(),
    )
}

fn good(document: &str) -> Element {
    parse(document).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn refused(document: &str) -> (XmlErrorKind, u64) {
    let error = parse(document).expect_err(document);
    (error.kind, error.offset)
}

/// RFC 6120 §11.1 forbids neither.
#[test]
fn cdata_sections_and_character_references_are_text() {
    let element = good("<a>1 &lt; 2<![CDATA[ & <b> ]] ]]>&#x1F600;&#65;<c>no</c><![CDATA[]]></a>");
    assert_eq!(element.text(), "1 < 2 & <b> ]] \u{1F600}A");
    assert_eq!(good("<a><![CDATA[]]]]><![CDATA[>]]></a>").text(), "]]>");
    assert_eq!(good("<a>]]&gt; ]] > ]</a>").text(), "]]> ]] > ]");
}

/// XML 1.0 §2.11, §3.3.3
#[test]
fn line_ends_and_white_space_are_normalised_when_they_are_read() {
    let element = good("<a v='1\r\n2\t3&#10;4&#9;5'>x\r\ny\rz&#13;<![CDATA[\r\n\r]]></a>");
    assert_eq!(element.attribute("v").as_deref(), Some("1 2 3\n4\t5"));
    assert_eq!(element.text(), "x\ny\nz\r\n\n");
}

#[test]
fn white_space_may_stand_in_tags_and_around_the_root() {
    let document = " \r\n<a\n b\t= \r'>/\"' c=\"'\"\t/>\n\t ";
    let element = good(document);
    assert_eq!(element.raw(), document.trim());
    assert_eq!(element.attribute("b").as_deref(), Some(">/\""));
    assert_eq!(element.attribute("c").as_deref(), Some("'"));
    assert_eq!(good("<a></a \n>").raw().len(), 9);
}

/// XML 1.0 §2.3: names are more than ASCII.
#[test]
fn names_may_be_in_any_script() {
    let element = good("<日本 été='1' a\u{B7}='2' _-.9='3'/>");
    assert_eq!(element.name().local, "日本");
    assert_eq!(element.attribute("été").as_deref(), Some("1"));
    assert_eq!(element.attribute("a\u{B7}").as_deref(), Some("2"));
}

/// XML 1.0 §2.2: U+007F to U+009F, U+FFFD and what lies beyond the first plane are characters.
#[test]
fn rare_characters_pass_and_noncharacters_of_later_planes_too() {
    let text = "\u{7F}\u{85}\u{FFFD}\u{FDD0}\u{1FFFE}\u{10FFFF}\u{E000}\u{FEFF}";
    assert_eq!(good(&format!("<a>{text}</a>")).text(), text);
}

/// Namespaces in XML §3, §6
#[test]
fn declarations_nest_and_shadow() {
    let element = good(
        "<p:a xmlns:p='u1' xmlns='d'><b p:x='1' x='2'><p:c xmlns:p='u2' xmlns=''/></b><p:d/></p:a>",
    );
    assert!(element.is("a", "u1"));
    let b = element.child("b", "d").unwrap();
    assert_eq!(b.attribute_ns("x", "u1").as_deref(), Some("1"));
    assert_eq!(b.attribute("x").as_deref(), Some("2"));
    assert_eq!(b.children().next().unwrap().name().namespace, "u2");
    assert!(element.child("d", "u1").is_some());
}

/// Namespaces in XML §3: `xml` may be declared as what it is.
#[test]
fn the_prefix_xml_needs_no_declaration_and_allows_its_own() {
    assert_eq!(
        good("<a xml:lang='de'/>")
            .attribute_ns("lang", ns::XML)
            .as_deref(),
        Some("de")
    );
    let declared = good("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='de'/>");
    assert_eq!(
        declared.attribute_ns("lang", ns::XML).as_deref(),
        Some("de")
    );
    assert!(good("<xml:a/>").is("a", ns::XML));
}

/// A namespace is its decoded value.
#[test]
fn namespaces_may_be_written_with_references() {
    assert!(good("<a xmlns='jabber&#58;client'/>").is("a", ns::CLIENT));
    assert!(
        good("<p:a xmlns:p='jabber&#x3A;client'><p:b/></p:a>")
            .child("b", ns::CLIENT)
            .is_some()
    );
    let twice = "<a xmlns:p='u:x' xmlns:q='u&#58;x' p:b='' q:b=''/>";
    assert_eq!(refused(twice), (XmlErrorKind::Namespace, 42));
}

/// RFC 6120 §11.5, W-R-303
#[test]
fn an_xml_declaration_may_open_a_document() {
    for declaration in [
        "<?xml version='1.0'?>",
        "<?xml version = \"1.0\" encoding='utf-8' ?>\n",
        "<?xml version='1.0' encoding='UTF-8'?>",
    ] {
        assert_eq!(good(&format!("{declaration}<a/>")).raw(), "<a/>");
    }
    use XmlErrorKind::{Encoding, NotWellFormed, Restricted};
    for (document, kind) in [
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", Encoding),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a/>", Encoding),
        ("<?xml version='1.0' standalone='yes'?><a/>", Restricted),
        (
            "<?xml version='1.0' encoding='utf-8' standalone='no'?><a/>",
            Restricted,
        ),
        ("<?xml version='1.1'?><a/>", NotWellFormed),
        ("<?xml encoding='utf-8'?><a/>", NotWellFormed),
        ("<?xml?><a/>", Restricted),
        ("<?xml version='1.0'", NotWellFormed),
        ("<?xml-stylesheet href='x'?><a/>", Restricted),
        (" <?xml version='1.0'?><a/>", Restricted),
        ("<a/><?xml version='1.0'?>", Restricted),
    ] {
        assert_eq!(parse(document).unwrap_err().kind, kind, "{document}");
    }
}

/// XML 1.0 §2.1: a document is one element.
#[test]
fn nothing_is_no_document() {
    assert_eq!(refused(""), (XmlErrorKind::NotWellFormed, 0));
    assert_eq!(refused(" \n"), (XmlErrorKind::NotWellFormed, 2));
    assert_eq!(refused("\u{FEFF}<a/>"), (XmlErrorKind::NotWellFormed, 0));
    assert_eq!(refused("</a>"), (XmlErrorKind::NotWellFormed, 0));
    assert_eq!(refused("<![CDATA[x]]>"), (XmlErrorKind::NotWellFormed, 0));
}

/// B-R-022: white space between payloads is ignored, all other text is refused where it begins.
#[test]
fn only_white_space_may_stand_between_the_children_of_a_wrapper() {
    let wrapped = |inside: &str| {
        let document = format!("<body xmlns='u'>{inside}</body>\n");
        Wrapped::parse(document.into(), &[], &XmlLimits::default())
            .map(|wrapped| wrapped.elements.len())
            .map_err(|error| (error.kind, error.offset - 16))
    };
    assert_eq!(wrapped("\r\n <a/>\t<b/> "), Ok(2));
    for text in ["x", "&amp;", "&#32;", "<![CDATA[ ]]>"] {
        assert_eq!(
            wrapped(&format!("<a/> {text}")),
            Err((XmlErrorKind::Text, 5)),
            "{text}"
        );
    }
}

#[test]
fn an_empty_wrapper_has_its_tag_and_no_elements() {
    for document in [
        "<body xmlns='u' rid='1'/>",
        "<body xmlns='u' rid='1'></body>",
    ] {
        let wrapped = Wrapped::parse(document.into(), &[], &XmlLimits::default()).unwrap();
        let tag: &StartTag = &wrapped.wrapper;
        assert!(tag.is("body", "u"));
        assert_eq!(tag.attribute("rid").as_deref(), Some("1"));
        assert_eq!(wrapped.elements, []);
    }
}

/// The limit counts an element alone, not what stands around it.
#[test]
fn the_limit_on_bytes_is_exact() {
    let limits = XmlLimits::default().with_element_bytes(9);
    let at_limit = Element::parse("  <a>12</a>  ".into(), &limits).unwrap();
    assert_eq!(at_limit.raw(), "<a>12</a>");
    let error = Element::parse("  <a>123</a>".into(), &limits).unwrap_err();
    assert_eq!((error.kind, error.offset), (XmlErrorKind::TooBig, 11));
    let wrapped = |document: &'static str| {
        Wrapped::parse(document.into(), &[], &limits)
            .map(|wrapped| wrapped.elements.len())
            .map_err(|error| (error.kind, error.offset))
    };
    assert_eq!(wrapped("<b><a>12</a><a>34</a></b>"), Ok(2));
    assert_eq!(
        wrapped("<b><a>123</a></b>"),
        Err((XmlErrorKind::TooBig, 12))
    );
    assert_eq!(wrapped("<b c='12'/>"), Err((XmlErrorKind::TooBig, 9)));
}

/// A queue must not keep a large buffer for a small element.
#[test]
fn a_detached_element_is_equal_and_has_bytes_of_its_own() {
    let element = "<a xmlns='u' x='1'/>".into();
    let element = Element::parse(element, &XmlLimits::default()).unwrap();
    let detached = element.detached();
    assert_eq!(detached, element);
    assert!(detached.is("a", "u"));
    assert_ne!(detached.raw().as_ptr(), element.raw().as_ptr());
}

/// A wrapper's name is kept apart from the stream's bytes, whatever its length.
#[test]
fn a_wrapper_ends_by_its_own_name_whatever_its_length() {
    for length in [1, 2, 21, 22, 23, 24, 300] {
        let name = "n".repeat(length);
        let document = format!("<{name}><a xmlns='u'/></{name}>");
        let body = Wrapped::parse(document.into(), &[], &XmlLimits::default()).expect("good");
        assert_eq!(body.elements.len(), 1);
        for other in [format!("{name}n"), name[1..].to_owned(), "o".repeat(length)] {
            let document = format!("<{name}><a xmlns='u'/></{other}>");
            assert!(Wrapped::parse(document.into(), &[], &XmlLimits::default()).is_err());
        }
    }
}
