//! Conversations: whole messages in any number of fragments, control frames anywhere, and sometimes one frame that breaks a rule.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};
use ws_conformance::{Frame, Subject};

/// A frame, and whether it is masked as it has to be.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    frame: Frame,
    masking: Masking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Masking {
    Right,
    Wrong,
}

impl Sent {
    pub(crate) fn right(frame: Frame) -> Self {
        Self {
            frame,
            masking: Masking::Right,
        }
    }
}

pub(crate) fn wire(subject: Subject, sent: &[Sent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for one in sent {
        let towards = match (one.masking, subject) {
            (Masking::Right, _) => subject,
            (Masking::Wrong, Subject::Server) => Subject::Client,
            (Masking::Wrong, Subject::Client) => Subject::Server,
        };
        one.frame.write(towards, &mut bytes);
    }
    bytes
}

pub(crate) fn conversation() -> impl Strategy<Value = Vec<Sent>> {
    (
        vec(
            prop_oneof![4 => message(), 1 => control().prop_map(|frame| vec![frame])],
            0..6,
        ),
        prop::option::weighted(0.5, (wrong(), any::<Index>())),
        vec((control(), any::<Index>()), 0..4),
    )
        .prop_map(|(messages, wrong, controls)| {
            let mut sent: Vec<_> = messages.concat().into_iter().map(Sent::right).collect();
            for (frame, at) in controls {
                sent.insert(at.index(sent.len() + 1), Sent::right(frame));
            }
            if let Some((wrong, at)) = wrong {
                sent.insert(at.index(sent.len() + 1), wrong);
            }
            sent
        })
}

/// One message in one to five frames, mostly of text that is UTF-8. Where it is not, the last fragment is not empty (see the table).
fn message() -> impl Strategy<Value = Vec<Frame>> {
    let payload = prop_oneof![
        8 => "\\PC{0,40}".prop_map(|text| (1, text.into_bytes())),
        4 => vec(any::<u8>(), 0..200).prop_map(|bytes| (2, bytes)),
        1 => (60_000_usize..70_000).prop_map(|length| (2, vec![7; length])),
        1 => vec(any::<u8>(), 1..12).prop_map(|bytes| (1, bytes)),
    ];
    (payload, vec(any::<Index>(), 0..5)).prop_map(|((opcode, payload), cuts)| {
        let payload = Bytes::from(payload);
        let complete = opcode == 2 || std::str::from_utf8(&payload).is_ok();
        let end = payload.len() + usize::from(complete);
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(end)).collect();
        places.extend([0, payload.len()]);
        places.sort_unstable();
        let last = places.len() - 2;
        places
            .windows(2)
            .enumerate()
            .map(|(at, pair)| {
                let frame = Frame::new(
                    if at == 0 { opcode } else { 0 },
                    payload.slice(pair[0]..pair[1]),
                );
                if at == last {
                    frame
                } else {
                    frame.unfinished()
                }
            })
            .collect()
    })
}

fn control() -> impl Strategy<Value = Frame> {
    let payload = vec(any::<u8>(), 0..=125);
    prop_oneof![
        6 => payload.clone().prop_map(Frame::ping),
        3 => payload.prop_map(Frame::pong),
        1 => (prop_oneof![Just(1000_u16), 1000..1013_u16, 2990..5010_u16], "\\PC{0,30}")
            .prop_map(|(code, reason)| Frame::close(code, reason.as_bytes())),
        1 => Just(Frame::new(8, "")),
    ]
}

/// A frame that may not come, wherever it stands or where it stands by chance.
fn wrong() -> impl Strategy<Value = Sent> {
    let small = || vec(any::<u8>(), 0..20);
    prop_oneof![
        (1_u8..8, 0_u8..11, small())
            .prop_map(|(bits, opcode, payload)| Frame::new(opcode, payload).reserved(bits)),
        (prop_oneof![3_u8..8, 11_u8..16], small())
            .prop_map(|(opcode, payload)| Frame::new(opcode, payload)),
        (8_u8..11, small()).prop_map(|(opcode, payload)| Frame::new(opcode, payload).unfinished()),
        (8_u8..11, 126_usize..300).prop_map(|(opcode, length)| Frame::new(opcode, vec![3; length])),
        vec(any::<u8>(), 1..20).prop_map(Frame::continuation),
        small().prop_map(|payload| Frame::continuation(payload).unfinished()),
        "\\PC{0,10}".prop_map(Frame::text),
        small().prop_map(|payload| Frame::binary(payload).unfinished()),
        vec(any::<u8>(), 1..3).prop_map(|payload| Frame::new(8, payload)),
        (1000_u16..1004, small()).prop_map(|(code, reason)| Frame::close(code, &reason)),
        (0_u16..1000).prop_map(|code| Frame::close(code, b"")),
    ]
    .prop_map(Sent::right)
    .boxed()
    .prop_union(
        small()
            .prop_map(|payload| Sent {
                frame: Frame::binary(payload),
                masking: Masking::Wrong,
            })
            .boxed(),
    )
}
