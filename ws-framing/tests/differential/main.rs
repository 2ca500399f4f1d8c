//! The same frames to `ws_framing`, tungstenite 0.30 and tokio-websockets 0.12: the same messages, pongs and close codes; and what one of them
//! writes, the others read.
//!
//! Where they differ, a test below holds the difference, and this is why ours stays:
//!
//! | what comes | ws_framing | tungstenite | tokio-websockets | RFC |
//! | --- | --- | --- | --- | --- |
//! | a length that is not in its shortest form | 1002 | taken | 1002 | 6455 §5.2: "the minimal number of bytes MUST be used" |
//! | a length with its top bit set | 1002 | too long | 1009 | 6455 §5.2: "the most significant bit MUST be 0" |
//! | text that is not UTF-8 in a frame that is not complete | 1007 at once | waits | 1007 at once | 6455 §8.1; the sooner the better |
//! | a header that is wrong, before its payload | 1002 at once | waits | 1002 at once | 6455 §7.1.7 |
//! | close code 1014 | taken | 1002 | taken | the registry of 6455 §11.7 |
//! | text that ends inside a character, its last fragment empty | 1007 | 1007 | taken, not being UTF-8 | 6455 §5.6, §8.1 |
//! | a failure | Close with the code | no Close frame | Close with the code | 6455 §7.1.7: SHOULD send one |
#![cfg(test)]

mod frames;
mod ours;
mod tokio_websockets_peer;
mod tungstenite_peer;
mod written;

use bytes::Bytes;
use proptest::prelude::*;
use ws_conformance::{Frame, Reader, Subject};

use frames::{Sent, conversation, wire};

/// What a peer made of the frames that it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Opcode and payload.
    pub(crate) messages: Vec<(u8, Bytes)>,
    pub(crate) pongs: Vec<Bytes>,
    /// The code of the Close frame that it wrote, or would have its application write: 1005 where it has none.
    pub(crate) close: Option<u16>,
}

impl Outcome {
    /// Reads what was written.
    pub(crate) fn note_output(&mut self, subject: Subject, output: &[u8]) {
        let mut reader = Reader::new(subject);
        reader.handle_input(output);
        while let Some(frame) = reader.next_frame().expect("frames that may be sent") {
            match frame.first {
                0x8a => self.pongs.push(frame.payload),
                0x88 => {
                    let code = frame.payload.first_chunk().copied();
                    assert_eq!(self.close, None, "a second Close");
                    self.close = Some(code.map_or(1005, u16::from_be_bytes));
                }
                other => panic!("a frame that begins {other:x}"),
            }
        }
        assert!(!reader.is_inside_frame());
    }
}

const SUBJECTS: [Subject; 2] = [Subject::Server, Subject::Client];

fn all(subject: Subject, bytes: &[u8]) -> [Outcome; 3] {
    [
        ours::read(subject, bytes),
        tungstenite_peer::read(subject, bytes),
        tokio_websockets_peer::read(subject, bytes),
    ]
}

fn closes(subject: Subject, bytes: &[u8]) -> [Option<u16>; 3] {
    all(subject, bytes).map(|outcome| outcome.close)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Messages, fragments, control frames between them, and now and then something that is wrong.
    #[test]
    fn the_same_frames_mean_the_same(sent in conversation()) {
        for subject in SUBJECTS {
            let bytes = wire(subject, &sent);
            let [ours, tungstenite, tokio_websockets] = all(subject, &bytes);
            prop_assert_eq!(&ours, &tokio_websockets, "tokio-websockets as {:?}", subject);
            prop_assert_eq!(&ours, &tungstenite, "tungstenite as {:?}", subject);
        }
    }
}

#[test]
fn close_codes_are_judged_alike() {
    for code in (0..=5100).chain([u16::MAX]) {
        let bytes = wire(Subject::Server, &[Sent::right(Frame::close(code, b""))]);
        let [ours, tungstenite, tokio_websockets] = closes(Subject::Server, &bytes);
        assert_eq!(ours, tokio_websockets, "{code}");
        if code != 1014 {
            assert_eq!(ours, tungstenite, "{code}");
        }
    }
}

#[test]
fn a_length_in_a_longer_form_is_refused_by_two_of_three() {
    let bytes = b"\x81\x7e\x00\x02hi";
    assert_eq!(
        closes(Subject::Client, bytes),
        [Some(1002), None, Some(1002)]
    );
}

#[test]
fn a_length_with_its_top_bit_is_a_protocol_error_here() {
    let bytes = b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x01";
    assert_eq!(
        closes(Subject::Client, bytes),
        [Some(1002), Some(1009), Some(1009)]
    );
}

#[test]
fn bad_text_in_an_unfinished_frame_is_seen_at_once() {
    let bytes = b"\x81\x05a\xff";
    assert_eq!(
        closes(Subject::Client, bytes),
        [Some(1007), None, Some(1007)]
    );
}

/// W-R-118: the whole message counts, whatever its last fragment has.
#[test]
fn an_empty_fragment_does_not_complete_a_character() {
    let bytes = b"\x01\x01\xc2\x80\x00";
    assert_eq!(
        closes(Subject::Client, bytes),
        [Some(1007), Some(1007), None]
    );
}

#[test]
fn a_bad_header_is_seen_before_its_payload() {
    let bytes = b"\xb1\x7d";
    assert_eq!(
        closes(Subject::Client, bytes),
        [Some(1002), None, Some(1002)]
    );
}
