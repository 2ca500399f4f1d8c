//! Documents that no reader may accept, one file each in `tests/bad`, at every entry point and in every two chunks.
//!
//! An offset counts from the file's first byte; where it lies is the byte that decides, or the construct that is wrong
//! (the tag's name, the attribute, the reference).

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, Piece, Splitter, Wrapped, XmlError, XmlErrorKind, XmlLimits};

const WRAPPER: &str = "<w>";
const END: &str = "</w>";

/// What an entry point must say of a file.
type Verdict = Result<usize, (XmlErrorKind, u64)>;

fn relative(error: XmlError, front: usize) -> (XmlErrorKind, u64) {
    (error.kind, error.offset - front as u64)
}

fn document(file: &'static [u8]) -> Verdict {
    Element::parse(Bytes::from_static(file), &XmlLimits::default())
        .map(|_| 1)
        .map_err(|error| relative(error, 0))
}

fn enclosed(file: &[u8]) -> Vec<u8> {
    [WRAPPER.as_bytes(), file, END.as_bytes()].concat()
}

fn wrapped(file: &[u8]) -> Verdict {
    Wrapped::parse(enclosed(file).into(), &[], &XmlLimits::default())
        .map(|wrapped| wrapped.elements.len())
        .map_err(|error| relative(error, WRAPPER.len()))
}

/// The elements that came before the end or the error, and the error.
fn stream<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (usize, Option<(XmlErrorKind, u64)>) {
    let mut splitter = Splitter::stream(XmlLimits::default());
    let mut input = BytesMut::new();
    let mut elements = 0;
    for chunk in chunks {
        input.extend_from_slice(chunk);
        loop {
            match splitter.next_piece(&mut input) {
                Ok(Some(Piece::Element(_))) => elements += 1,
                Ok(Some(Piece::Open(_) | Piece::Close)) => {}
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(splitter.next_piece(&mut input), Err(error));
                    return (elements, Some(relative(error, WRAPPER.len())));
                }
            }
        }
    }
    (elements, None)
}

fn check(file: &'static [u8], alone: Verdict, inside: Verdict, streamed: Verdict) {
    assert_eq!(document(file), alone, "as a document");
    assert_eq!(wrapped(file), inside, "in a wrapper");
    let bytes = enclosed(file);
    let whole = stream(std::iter::once(&bytes[..]));
    match streamed {
        Ok(count) => assert_eq!(whole, (count, None), "in a stream"),
        Err(error) => assert_eq!(whole.1, Some(error), "in a stream"),
    }
    assert_eq!(stream(bytes.chunks(1)), whole, "byte by byte");
    for cut in 1..bytes.len() {
        let (front, back) = bytes.split_at(cut);
        assert_eq!(stream([front, back].into_iter()), whole, "cut at {cut}");
    }
}

/// One test per file: what a document gets, and what it gets inside a wrapper or a stream where that differs
/// (a stream is never at its end: what is cut short waits for more).
macro_rules! bad {
    ($($name:ident $file:literal: $kind:ident $at:literal $(, inside $inside:expr)? $(, stream $stream:expr)?;)+) => {
        $(
            #[test]
            fn $name() {
                use XmlErrorKind::*;
                let alone: Verdict = Err(($kind, $at));
                let inside: Option<Verdict> = None;
                $(let inside: Option<Verdict> = inside.or(Some($inside));)?
                let inside = inside.unwrap_or(alone);
                let stream: Option<Verdict> = None;
                $(let stream: Option<Verdict> = stream.or(Some($stream));)?
                check(include_bytes!(concat!("bad/", $file, ".xml")), alone, inside, stream.unwrap_or(inside));
            }
        )+

        #[test]
        fn every_file_has_its_test() {
            let tested = [$(concat!($file, ".xml")),+];
            let mut files: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            assert_eq!(files, tested);
        }
    };
}

bad! {
    mismatched_end "01-mismatched-end": NotWellFormed 6;
    unclosed "02-unclosed": NotWellFormed 10, inside Err((NotWellFormed, 10));
    two_roots "03-two-roots": NotWellFormed 4, inside Ok(2);
    text_after_the_root "04-text-after-the-root": NotWellFormed 4, inside Err((Text, 4));
    name_begins_with_a_digit "05-name-begins-with-a-digit": NotWellFormed 1;
    bad_character_in_a_name "06-bad-character-in-a-name": NotWellFormed 2;
    multiplication_sign_in_a_name "07-multiplication-sign-in-a-name": NotWellFormed 2;
    duplicate_attribute "08-duplicate-attribute": NotWellFormed 15;
    no_space_between_attributes "09-no-space-between-attributes": NotWellFormed 8;
    unquoted_value "10-unquoted-value": NotWellFormed 5;
    attribute_without_value "11-attribute-without-value": NotWellFormed 4;
    less_than_in_a_value "12-less-than-in-a-value": NotWellFormed 7;
    bare_ampersand_in_text "13-bare-ampersand-in-text": NotWellFormed 5;
    bare_ampersand_in_a_value "14-bare-ampersand-in-a-value": NotWellFormed 8;
    unknown_entity_in_text "15-unknown-entity-in-text": Restricted 3;
    unknown_entity_in_a_value "16-unknown-entity-in-a-value": Restricted 6;
    cdata_end_in_text "17-cdata-end-in-text": NotWellFormed 6;
    control_character_in_text "18-control-character-in-text": NotWellFormed 4;
    control_character_in_a_value "19-control-character-in-a-value": NotWellFormed 7;
    noncharacter_in_text "20-noncharacter-in-text": NotWellFormed 4;
    reference_to_nul "21-reference-to-nul": NotWellFormed 3;
    reference_to_a_control_character "22-reference-to-a-control-character": NotWellFormed 3;
    reference_to_a_surrogate "23-reference-to-a-surrogate": NotWellFormed 3;
    broken_utf8_in_text "24-broken-utf8-in-text": Utf8 4;
    broken_utf8_in_a_value "25-broken-utf8-in-a-value": Utf8 7;
    overlong_utf8 "26-overlong-utf8": Utf8 3;
    undeclared_prefix_of_an_element "27-undeclared-prefix-of-an-element": Namespace 4;
    undeclared_prefix_of_an_attribute "28-undeclared-prefix-of-an-attribute": Namespace 3;
    duplicate_expanded_name "29-duplicate-expanded-name": Namespace 35;
    prefix_undeclared_again "30-prefix-undeclared-again": Namespace 3;
    two_colons "31-two-colons": Namespace 19;
    comment "32-comment": Restricted 3;
    processing_instruction "33-processing-instruction": Restricted 3;
    doctype "34-doctype": Restricted 0;
    entity_declaration "35-entity-declaration": Restricted 0;
    xmlns_declared_as_prefix "36-xmlns-declared-as-prefix": Namespace 3;
    xml_bound_elsewhere "37-xml-bound-elsewhere": Namespace 3;
    prefix_bound_to_xml "38-prefix-bound-to-xml": Namespace 3;
    default_bound_to_xml "39-default-bound-to-xml": Namespace 3;
    prefix_bound_to_xmlns "40-prefix-bound-to-xmlns": Namespace 3;
    default_bound_to_xmlns "41-default-bound-to-xmlns": Namespace 3;
    element_with_prefix_xmlns "42-element-with-prefix-xmlns": Namespace 1;
    empty_prefix "43-empty-prefix": Namespace 1;
    empty_local_part "44-empty-local-part": Namespace 18;
    local_part_begins_with_a_digit "45-local-part-begins-with-a-digit": Namespace 18;
    declaration_inside "46-declaration-inside": Restricted 3;
    reference_beyond_unicode "47-reference-beyond-unicode": NotWellFormed 3;
    encoded_surrogate "48-encoded-surrogate": Utf8 3;
    noncharacter_in_a_value "49-noncharacter-in-a-value": NotWellFormed 6;
    cdata_without_end "50-cdata-without-end": NotWellFormed 19, inside Err((NotWellFormed, 23)), stream Ok(0);
    conditional_section "51-conditional-section": NotWellFormed 3;
    control_character_in_cdata "52-control-character-in-cdata": NotWellFormed 13;
    end_tag_with_attribute "53-end-tag-with-attribute": NotWellFormed 7;
    space_before_the_name "54-space-before-the-name": NotWellFormed 1;
    space_within_the_end_of_a_tag "55-space-within-the-end-of-a-tag": NotWellFormed 4;
    prefix_out_of_scope "56-prefix-out-of-scope": Namespace 20;
    unknown_entity_of_case "57-unknown-entity-of-case": Restricted 3;
    reference_with_capital_x "58-reference-with-capital-x": NotWellFormed 3;
    duplicate_declaration "59-duplicate-declaration": NotWellFormed 15;
    default_declared_twice "60-default-declared-twice": NotWellFormed 13;
}
