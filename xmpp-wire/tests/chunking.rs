//! Any chunking gives the same pieces, or the same error, in linear time.

use bytes::BytesMut;
use proptest::prelude::*;
use xmpp_wire::{Element, Piece, Splitter, XmlError, XmlErrorKind, XmlLimits};

const HEADER: &str = "<?xml version='1.0'?> <stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// What a stream is cut into when it comes in pieces that end at `cuts`.
fn pieces(
    stream: &[u8],
    cuts: impl Iterator<Item = usize>,
    limits: &XmlLimits,
) -> (Vec<Piece>, Option<XmlError>) {
    let mut splitter = Splitter::stream(limits.clone());
    let mut input = BytesMut::new();
    let mut found = Vec::new();
    let mut from = 0;
    for to in cuts.chain(std::iter::once(stream.len())) {
        input.extend_from_slice(&stream[from..to]);
        from = to;
        loop {
            match splitter.next_piece(&mut input) {
                Ok(Some(piece)) => found.push(piece),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("<message to='a' from=\"b\">".to_owned()),
        Just("</message>".to_owned()),
        Just("<p:x xmlns:p='u' p:a='1'/>".to_owned()),
        Just("<iq/>".to_owned()),
        Just("<![CDATA[ ]] > ]]]>".to_owned()),
        Just("]]>".to_owned()),
        Just("&amp;&#x41;".to_owned()),
        Just("&bogus;".to_owned()),
        Just("日本語 😀 é".to_owned()),
        Just("text ]] > text".to_owned()),
        Just(" \r\n\t".to_owned()),
        Just("<!-- no -->".to_owned()),
        Just("</stream:stream>".to_owned()),
        Just("\u{FFFE}".to_owned()),
        Just("<a b='>' c=\"'\"></a >".to_owned()),
        "[<>&;'\"=/a-c:! ]{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn chunking_is_invisible(
        fragments in prop::collection::vec(fragment(), 0..12),
        cuts in prop::collection::vec(0_usize..400, 0..8),
        broken in prop::option::of((0_usize..400, any::<u8>())),
        limit in prop_oneof![Just(100_usize), Just(10_000)],
    ) {
        let mut stream = format!("{HEADER}{}", fragments.concat()).into_bytes();
        if let Some((at, byte)) = broken {
            let at = at % stream.len();
            stream[at] = byte;
        }
        let limits = XmlLimits::default().with_element_bytes(limit);
        let whole = pieces(&stream, std::iter::empty(), &limits);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&pieces(&stream, cuts.into_iter(), &limits), &whole);
        prop_assert_eq!(&pieces(&stream, 1..stream.len(), &limits), &whole);
        for piece in &whole.0 {
            if let Piece::Element(element) = piece {
                let alone = element.standalone();
                let again = Element::parse(alone.raw().clone(), &XmlLimits::default());
                prop_assert_eq!(again.map(|again| (again.name().local.to_owned(), again.raw().clone())),
                    Ok((element.name().local.to_owned(), alone.raw().clone())));
            }
        }
    }
}

#[test]
fn a_large_element_in_single_bytes_takes_linear_time() {
    let body = "x&amp;<y a='1'/>é]]".repeat(12_000);
    let stream = format!("{HEADER}<message><body>{body}</body></message>");
    let (found, error) = pieces(stream.as_bytes(), 1..stream.len(), &XmlLimits::default());
    assert_eq!((found.len(), error), (2, None));
}

#[test]
fn an_element_as_large_as_the_limit_passes_and_one_byte_more_does_not() {
    let limits = XmlLimits::default().with_element_bytes(1_000);
    for (text, refused) in [(983, false), (984, true)] {
        let stream = format!("<s>  <message>{}</message>", "x".repeat(text - 2));
        let (found, error) = pieces(stream.as_bytes(), std::iter::empty(), &limits);
        let want = refused.then_some(XmlError {
            kind: XmlErrorKind::TooBig,
            offset: 1_005,
        });
        assert_eq!((found.len(), error), (if refused { 1 } else { 2 }, want));
    }
}

#[test]
fn depth_is_bounded() {
    let limits = XmlLimits::default();
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(Element::parse(nested(64).into(), &limits).is_ok());
    let error = Element::parse(nested(65).into(), &limits).unwrap_err();
    assert_eq!((error.kind, error.offset), (XmlErrorKind::TooDeep, 64 * 3));
    let stream = format!("<s>{}", nested(60_000));
    let (found, error) = pieces(stream.as_bytes(), 1..stream.len(), &limits);
    assert_eq!(
        (found.len(), error.map(|e| e.kind)),
        (1, Some(XmlErrorKind::TooDeep))
    );
}

#[test]
fn attributes_and_declarations_are_bounded() {
    let tag = |count: usize, name: &str| {
        let attributes: String = (0..count).map(|i| format!(" {name}{i}='v'")).collect();
        Element::parse(format!("<a{attributes}/>").into(), &XmlLimits::default())
            .map_err(|error| error.kind)
    };
    assert!(tag(64, "b").is_ok());
    assert_eq!(tag(65, "b"), Err(XmlErrorKind::TooManyAttributes));
    assert!(tag(32, "xmlns:b").is_ok());
    assert_eq!(tag(33, "xmlns:b"), Err(XmlErrorKind::TooManyAttributes));
}
