//! What an echo peer must do with the conversations of a conformance suite, as bytes and expectations: no sockets, and nothing
//! of the implementation that is under test.
//!
//! The numbers are those of the sections that Autobahn's suite has (1 framing, 2 pings, 3 reserved bits, 4 opcodes, 5 fragments, 6 UTF-8,
//! 7 closing, 9 large messages, 10 fragments of odd sizes, 12 and 13 permessage-deflate), so that reports can be laid side by side. The cases are written from the
//! RFCs. Where the RFCs leave a choice, the case states the one that this workspace made: text
//! that is not UTF-8 fails at its first bad byte, a failure is a Close frame with the code of RFC 6455 §7.4.1, an echo is one frame.
//!
//! A caller plays a case like this, with its own way to move bytes:
//!
//! ```
//! use ws_conformance::{Play, Subject, cases};
//!
//! fn check(subject: Subject, mut converse: impl FnMut(&[u8]) -> Vec<u8>) {
//!     for case in cases() {
//!         let mut play = Play::new(&case, subject);
//!         while let Some(pieces) = play.advance().expect("the answers so far") {
//!             for piece in pieces {
//!                 let answer = converse(&piece);
//!                 play.handle_answer(&answer).expect("an answer that the case allows");
//!             }
//!         }
//!     }
//! }
//! ```
#![forbid(unsafe_code)]

mod case;
mod cuts;
mod deflate;
mod frame;
mod play;
mod section_1;
mod section_10;
mod section_12;
mod section_2;
mod section_3;
mod section_4;
mod section_5;
mod section_6;
mod section_6_vectors;
mod section_7;
mod section_9;

pub use case::{Answer, Case, Chop, Ending, Exchange, Outgoing, Script};
pub use cuts::Cuts;
pub use deflate::{Agreed, Direction, Request, agree, answer, compress, offer};
pub use frame::{Frame, Reader, Subject};
pub use play::{Mismatch, Play};

/// Every case without compression, in the order of their numbers.
pub fn cases() -> Vec<Case> {
    [
        section_1::cases(),
        section_2::cases(),
        section_3::cases(),
        section_4::cases(),
        section_5::cases(),
        section_6::cases(),
        section_6_vectors::cases(),
        section_7::cases(),
        section_9::cases(),
        section_10::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The cases with compression, in the order of their numbers: 1000 messages each, or as many as have about `bytes` in all.
pub fn deflate_cases(bytes: usize) -> Vec<Case> {
    section_12::cases(bytes)
}

/// Bytes from their hexadecimal digits, which may be spaced.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    };
    digits
        .chunks_exact(2)
        .map(|pair| value(pair[0]) << 4 | value(pair[1]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of cases in each section, and no number twice.
    #[test]
    fn every_section_has_all_its_cases() {
        let mut all = cases();
        assert_eq!(all.len(), 301);
        let compressed = deflate_cases(100_000);
        assert_eq!(compressed.len(), 216);
        all.extend(compressed);
        for (section, count) in [
            ("1.", 16),
            ("2.", 11),
            ("3.", 7),
            ("4.", 10),
            ("5.", 20),
            ("6.", 145),
            ("7.", 37),
            ("9.", 54),
            ("10.", 1),
            ("12.", 90),
            ("13.", 126),
        ] {
            let of_it = all.iter().filter(|case| case.id.starts_with(section));
            assert_eq!(of_it.count(), count, "section {section}");
        }
        let ids: std::collections::BTreeSet<_> = all.iter().map(|case| &case.id).collect();
        assert_eq!(ids.len(), 517);
    }
}
