//! 6.1 to 6.4: text, whole and in fragments, and when bad text is noticed (RFC 6455 §5.6, §8.1).

use bytes::Bytes;

use crate::{Case, Frame, Script, hex};

const TEXT: &str = "Grüße, κόσμε! 𝄞";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("6.1.1", "empty text", || {
            Script::new().send(Frame::text("")).text("").close()
        }),
        Case::new("6.1.2", "empty text in three fragments", || {
            three("", "", "").text("").close()
        }),
        Case::new("6.1.3", "text between two empty fragments", || {
            three("", "middle", "").text("middle").close()
        }),
        Case::new("6.2.1", "text with characters of every length", || {
            Script::new().send(Frame::text(TEXT)).text(TEXT).close()
        }),
        Case::new("6.2.2", "the same in two, between characters", || {
            let (first, second) = TEXT.split_at("Grüße, κό".len());
            Script::new()
                .send(Frame::text(first).unfinished())
                .send(Frame::continuation(second))
                .text(TEXT)
                .close()
        }),
        Case::new("6.2.3", "the same in fragments of one byte", || {
            in_bytes(TEXT.as_bytes()).text(TEXT).close()
        }),
        Case::new("6.2.4", "κόσμε in fragments of one byte", || {
            in_bytes("κόσμε".as_bytes()).text("κόσμε").close()
        }),
        Case::new("6.3.1", "text with a surrogate", || {
            Script::new()
                .send(Frame::text(with_surrogate()))
                .fails(1007)
        }),
        Case::new("6.3.2", "the same in fragments of one byte", || {
            in_bytes(&with_surrogate()).fails(1007)
        }),
    ];
    cases.extend(fail_fast());
    cases
}

/// In each, text above U+10FFFF (`f4 90 80 80`) in the middle of a message that is not complete yet.
fn fail_fast() -> Vec<Case> {
    let good = || Bytes::from_static("κόσμε".as_bytes());
    let bad = || Bytes::from(hex("f4 90 80 80"));
    let rest = "edited";
    let one_frame = move || Frame::text([good(), bad(), rest.into()].concat());
    vec![
        Case::new("6.4.1", "bad second fragment of three", move || {
            Script::new()
                .send(Frame::text(good()).unfinished())
                .silence()
                .send(Frame::continuation(bad()).unfinished())
                .fails(1007)
                .send(Frame::continuation(rest))
        }),
        Case::new(
            "6.4.2",
            "bad byte alone in the second fragment",
            move || {
                let first = [good(), bad().slice(..1)].concat();
                Script::new()
                    .send(Frame::text(first).unfinished())
                    .silence()
                    .send(Frame::continuation(bad().slice(1..2)).unfinished())
                    .fails(1007)
                    .send(Frame::continuation(
                        [bad().slice(2..), rest.into()].concat(),
                    ))
            },
        ),
        Case::new("6.4.3", "bad second piece of a frame", move || {
            let length = good().len();
            let end = one_frame().payload.len();
            Script::new()
                .part(one_frame(), 0, length)
                .silence()
                .part(one_frame(), length, length + 4)
                .fails(1007)
                .part(one_frame(), length + 4, end)
        }),
        Case::new("6.4.4", "bad byte first in the second piece", move || {
            let length = good().len() + 1;
            let end = one_frame().payload.len();
            Script::new()
                .part(one_frame(), 0, length)
                .silence()
                .part(one_frame(), length, length + 1)
                .fails(1007)
                .part(one_frame(), length + 1, end)
        }),
    ]
}

fn with_surrogate() -> Vec<u8> {
    [TEXT.as_bytes(), &hex("ed a0 80"), b"edited"].concat()
}

fn three(first: &'static str, second: &'static str, third: &'static str) -> Script {
    Script::new()
        .send(Frame::text(first).unfinished())
        .send(Frame::continuation(second).unfinished())
        .send(Frame::continuation(third))
}

fn in_bytes(text: &[u8]) -> Script {
    Script::new().send_all(Frame::fragments(1, &Bytes::copy_from_slice(text), 1))
}
