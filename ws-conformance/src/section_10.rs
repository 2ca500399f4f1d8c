//! 10: a message in fragments of a size that divides nothing.

use bytes::Bytes;

use crate::{Case, Frame, Script};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "10.1.1",
        "text of 65536 bytes in fragments of 1300",
        || {
            let text = Bytes::from("0123456789abcdef".repeat(4096));
            Script::new()
                .send_all(Frame::fragments(1, &text, 1300))
                .text(text)
                .close()
        },
    )]
}
