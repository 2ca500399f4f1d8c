//! 4: reserved opcodes, 3 to 7 for data and 11 to 15 for control (RFC 6455 §5.2).

use crate::{Case, Chop, Frame, Script};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, first) in [(1, 3), (2, 11)] {
        let behind_a_message = |opcode: u8, payload: &'static str| {
            move || {
                Script::new()
                    .send(Frame::text("Hello"))
                    .send(Frame::new(opcode, payload))
                    .send(Frame::ping("too late"))
                    .text("Hello")
                    .fails(1002)
            }
        };
        cases.push(Case::new(
            format!("4.{group}.1"),
            format!("opcode {first}, empty"),
            move || Script::new().send(Frame::new(first, "")).fails(1002),
        ));
        cases.push(Case::new(
            format!("4.{group}.2"),
            format!("opcode {} with a payload", first + 1),
            move || {
                Script::new()
                    .send(Frame::new(first + 1, "reserved"))
                    .fails(1002)
            },
        ));
        cases.push(Case::new(
            format!("4.{group}.3"),
            format!("text, opcode {}, ping", first + 2),
            behind_a_message(first + 2, ""),
        ));
        cases.push(Case::new(
            format!("4.{group}.4"),
            format!("text, opcode {} with a payload, ping", first + 3),
            behind_a_message(first + 3, "reserved"),
        ));
        let script = behind_a_message(first + 4, "reserved");
        cases.push(Case::new(
            format!("4.{group}.5"),
            format!("text, opcode {} with a payload, ping, by bytes", first + 4),
            move || script().chop(Chop::Octets(1)),
        ));
    }
    cases
}
