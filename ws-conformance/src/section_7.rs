//! 7: closing (RFC 6455 §5.5.1, §7).

use bytes::Bytes;

use crate::{Case, Frame, Script};

/// Codes that may come, and are echoed (§7.4, and the registry that it opens).
const VALID: [u16; 13] = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
];
/// Codes that may not be on the wire.
const INVALID: [u16; 9] = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
/// Codes that the RFC says nothing about; refused.
const UNDEFINED: [u16; 2] = [5000, 65_535];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = order();
    cases.extend(payloads());
    for (number, code) in (1..).zip(VALID) {
        cases.push(Case::new(
            format!("7.7.{number}"),
            format!("close {code}"),
            move || {
                Script::new()
                    .send(Frame::close(code, b""))
                    .closed(Some(code))
            },
        ));
    }
    for (group, codes) in [(9, &INVALID[..]), (13, &UNDEFINED)] {
        for (number, &code) in (1..).zip(codes) {
            cases.push(Case::new(
                format!("7.{group}.{number}"),
                format!("close {code}"),
                move || Script::new().send(Frame::close(code, b"")).fails(1002),
            ));
        }
    }
    cases
}

/// What comes behind a Close is not looked at.
fn order() -> Vec<Case> {
    let close = || Frame::close(1000, b"");
    vec![
        Case::new("7.1.1", "text, close", move || {
            Script::new()
                .send(Frame::text("Hello"))
                .send(close())
                .text("Hello")
                .closed(Some(1000))
        }),
        Case::new("7.1.2", "close, close without a code", move || {
            Script::new()
                .send(close())
                .send(Frame::new(8, ""))
                .closed(Some(1000))
        }),
        Case::new("7.1.3", "close, ping", move || {
            Script::new()
                .send(close())
                .send(Frame::ping("too late"))
                .closed(Some(1000))
        }),
        Case::new("7.1.4", "close, text", move || {
            Script::new()
                .send(close())
                .send(Frame::text("too late"))
                .closed(Some(1000))
        }),
        Case::new("7.1.5", "fragment, close, last fragment", move || {
            Script::new()
                .send(Frame::text("first").unfinished())
                .send(close())
                .send(Frame::continuation("too late"))
                .closed(Some(1000))
        }),
        Case::new("7.1.6", "text of 256 KiB, text, close, ping", move || {
            let text = Bytes::from("0123456789".repeat(26_215));
            Script::new()
                .send(Frame::text(text.clone()))
                .send(Frame::text("Hello"))
                .send(close())
                .send(Frame::ping("too late"))
                .text(text)
                .text("Hello")
                .closed(Some(1000))
        }),
    ]
}

fn payloads() -> Vec<Case> {
    vec![
        Case::new("7.3.1", "close without a payload", || {
            Script::new().send(Frame::new(8, "")).closed(None)
        }),
        Case::new("7.3.2", "close with one byte", || {
            Script::new().send(Frame::new(8, "a")).fails(1002)
        }),
        Case::new("7.3.3", "close with a code", || {
            Script::new()
                .send(Frame::close(1000, b""))
                .closed(Some(1000))
        }),
        Case::new("7.3.4", "close with a code and a reason", || {
            Script::new()
                .send(Frame::close(1000, b"done"))
                .closed(Some(1000))
        }),
        Case::new("7.3.5", "close with the longest reason", || {
            Script::new()
                .send(Frame::close(1000, &[b'*'; 123]))
                .closed(Some(1000))
        }),
        Case::new("7.3.6", "close with too long a reason", || {
            Script::new()
                .send(Frame::close(1000, &[b'*'; 124]))
                .fails(1002)
        }),
        Case::new("7.5.1", "close with a reason that is not UTF-8", || {
            Script::new()
                .send(Frame::close(1000, b"\xce\xba\xed\xa0\x80edited"))
                .fails(1007)
        }),
    ]
}
