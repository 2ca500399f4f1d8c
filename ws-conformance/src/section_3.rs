//! 3: reserved bits without an extension that gives them a meaning (RFC 6455 §5.2).

use crate::{Case, Chop, Frame, Script};

pub(crate) fn cases() -> Vec<Case> {
    let behind_a_message = |bits: u8| {
        Script::new()
            .send(Frame::text("Hello"))
            .send(Frame::text("Hello").reserved(bits))
            .send(Frame::ping("too late"))
            .text("Hello")
            .fails(1002)
    };
    vec![
        Case::new("3.1", "text with RSV 1", || {
            Script::new()
                .send(Frame::text("Hello").reserved(1))
                .fails(1002)
        }),
        Case::new("3.2", "text, text with RSV 2, ping", move || {
            behind_a_message(2)
        }),
        Case::new("3.3", "text, text with RSV 3, ping, by frames", move || {
            behind_a_message(3).chop(Chop::Frames)
        }),
        Case::new("3.4", "text, text with RSV 4, ping, by bytes", move || {
            behind_a_message(4).chop(Chop::Octets(1))
        }),
        Case::new("3.5", "binary with RSV 5", || {
            Script::new()
                .send(Frame::binary(vec![0, 255, 1]).reserved(5))
                .fails(1002)
        }),
        Case::new("3.6", "ping with RSV 6", || {
            Script::new()
                .send(Frame::ping("Hello").reserved(6))
                .fails(1002)
        }),
        Case::new("3.7", "close with RSV 7", || {
            Script::new()
                .send(Frame::close(1000, b"").reserved(7))
                .fails(1002)
        }),
    ]
}
