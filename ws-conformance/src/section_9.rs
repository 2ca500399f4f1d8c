//! 9: large messages, many fragments, many pieces, many round trips.

use bytes::Bytes;

use crate::{Answer, Case, Chop, Frame, Script};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Sixteen bytes of text with characters of several lengths, so that fragments and pieces cut them.
const PATTERN: &str = "aé€𝄞 line\n";

const OPCODES: [(u8, &str); 2] = [(1, "text"), (2, "binary")];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, (opcode, kind)) in (1..).zip(OPCODES) {
        let sizes = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
        for (number, size) in (1..).zip(sizes) {
            cases.push(Case::new(
                format!("9.{group}.{number}"),
                format!("{kind} message of {size} bytes"),
                move || {
                    let payload = payload(size);
                    Script::new()
                        .send(Frame::new(opcode, payload.clone()))
                        .expect(answer(opcode, payload))
                        .close()
                },
            ));
        }
    }
    for (group, (opcode, kind)) in (3..).zip(OPCODES) {
        let sizes = [
            64,
            256,
            KIB,
            4 * KIB,
            16 * KIB,
            64 * KIB,
            256 * KIB,
            MIB,
            4 * MIB,
        ];
        for (number, size) in (1..).zip(sizes) {
            cases.push(Case::new(
                format!("9.{group}.{number}"),
                format!("{kind} message of 4 MiB in fragments of {size}"),
                move || {
                    let payload = payload(4 * MIB);
                    Script::new()
                        .send_all(Frame::fragments(opcode, &payload, size))
                        .expect(answer(opcode, payload))
                        .close()
                },
            ));
        }
    }
    for (group, (opcode, kind)) in (5..).zip(OPCODES) {
        for (number, size) in (1..).zip([64, 128, 256, 512, 1024, 2048]) {
            cases.push(Case::new(
                format!("9.{group}.{number}"),
                format!("{kind} message of 1 MiB in pieces of {size}"),
                move || {
                    let payload = payload(MIB);
                    Script::new()
                        .send(Frame::new(opcode, payload.clone()))
                        .expect(answer(opcode, payload))
                        .close()
                        .chop(Chop::Octets(size))
                },
            ));
        }
    }
    for (group, (opcode, kind)) in (7..).zip(OPCODES) {
        for (number, size) in (1..).zip([0, 16, 64, 256, KIB, 4 * KIB]) {
            cases.push(Case::new(
                format!("9.{group}.{number}"),
                format!("1000 {kind} messages of {size} bytes, one after the other"),
                move || {
                    let payload = payload(size);
                    (0..1000)
                        .fold(Script::new(), |script, _| {
                            script
                                .send(Frame::new(opcode, payload.clone()))
                                .expect(answer(opcode, payload.clone()))
                        })
                        .close()
                },
            ));
        }
    }
    cases
}

fn payload(size: usize) -> Bytes {
    PATTERN.repeat(size / PATTERN.len()).into()
}

fn answer(opcode: u8, payload: Bytes) -> Answer {
    if opcode == 1 {
        Answer::Text(payload)
    } else {
        Answer::Binary(payload)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_pattern_divides_every_size() {
        assert_eq!(super::PATTERN.len(), 16);
        assert_eq!(super::payload(64).len(), 64);
    }
}
