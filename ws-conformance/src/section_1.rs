//! 1: messages of the sizes where the length's form changes (RFC 6455 §5.2, §5.6).

use bytes::Bytes;

use crate::{Answer, Case, Chop, Frame, Script};

const SIZES: [(usize, Option<usize>); 8] = [
    (0, None),
    (125, None),
    (126, None),
    (127, None),
    (128, None),
    (65_535, None),
    (65_536, None),
    (65_536, Some(997)),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, opcode) in [(1, 1), (2, 2)] {
        for (number, (size, chop)) in (1..).zip(SIZES) {
            let kind = if opcode == 1 { "text" } else { "binary" };
            let cut = chop.map_or(String::new(), |size| format!(" in pieces of {size}"));
            cases.push(Case::new(
                format!("1.{group}.{number}"),
                format!("{kind} message of {size} bytes{cut}"),
                move || {
                    let payload = payload(opcode, size);
                    let answer = if opcode == 1 {
                        Answer::Text(payload.clone())
                    } else {
                        Answer::Binary(payload.clone())
                    };
                    Script::new()
                        .send(Frame::new(opcode, payload))
                        .expect(answer)
                        .close()
                        .chop(chop.map_or(Chop::Whole, Chop::Octets))
                },
            ));
        }
    }
    cases
}

/// Text that shows where a byte went missing; binary with every byte.
fn payload(opcode: u8, size: usize) -> Bytes {
    (0..size)
        .map(|at| match opcode {
            1 => b'!' + (at % 89) as u8,
            _ => (at % 251) as u8 ^ 0xff,
        })
        .collect()
}
