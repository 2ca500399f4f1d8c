//! What one writes, the others read: messages, fragments, pings and a Close, both roles.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};
use ws_conformance::Subject;
use ws_framing::{CloseCode, connection::Message};

use crate::{Outcome, SUBJECTS, all, ours, tokio_websockets_peer, tungstenite_peer};

/// What an application sends.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) writes: Vec<Write>,
    pub(crate) close: Option<(u16, String)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Write {
    Text(String),
    Binary(Vec<u8>),
    /// A binary message in parts, where the writer can; in one where not.
    Fragments(Vec<Vec<u8>>),
    Ping(Vec<u8>),
}

impl Script {
    /// What its reader must make of it.
    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::default();
        for write in &self.writes {
            match write {
                Write::Text(text) => outcome.messages.push((1, text.clone().into())),
                Write::Binary(bytes) => outcome.messages.push((2, bytes.clone().into())),
                Write::Fragments(parts) => outcome.messages.push((2, parts.concat().into())),
                Write::Ping(payload) => outcome.pongs.push(payload.clone().into()),
            }
        }
        outcome.close = self.close.as_ref().map(|(code, _)| *code);
        outcome
    }
}

fn script() -> impl Strategy<Value = Script> {
    let bytes = || {
        prop_oneof![
            6 => vec(any::<u8>(), 0..300),
            1 => (65_000_usize..66_000).prop_map(|length| vec![0xa5; length]),
        ]
    };
    let write = prop_oneof![
        4 => "\\PC{0,60}".prop_map(Write::Text),
        3 => bytes().prop_map(Write::Binary),
        2 => vec(bytes(), 1..5).prop_map(Write::Fragments),
        2 => vec(any::<u8>(), 0..=125).prop_map(Write::Ping),
    ];
    let code = prop_oneof![1000_u16..1004, 1007_u16..1014, 3000_u16..5000];
    let close = prop::option::of((code, "[ -~]{0,123}"));
    (vec(write, 0..8), close).prop_map(|(writes, close)| Script { writes, close })
}

/// Writes this as `end`. Pings leave before messages that wait, so each is written before the next is sent.
fn write_ours(end: Subject, script: &Script) -> Vec<u8> {
    let now = ours::now();
    let mut connection = ours::connection(end, now);
    let mut output = BytesMut::new();
    for write in &script.writes {
        match write {
            Write::Text(text) => connection.send(Message::from(text.clone()), now),
            Write::Binary(bytes) => connection.send(Message::Binary(bytes.clone().into()), now),
            Write::Fragments(parts) => connection.send(Message::Binary(parts.concat().into()), now),
            Write::Ping(payload) => {
                let sent = connection.ping(Bytes::from(payload.clone()), now);
                sent.expect("a ping that may be sent");
                Ok(())
            }
        }
        .expect("a message that may be sent");
        output.extend_from_slice(&ours::output(&mut connection));
    }
    if let Some((code, reason)) = &script.close {
        connection.close(CloseCode::new(*code).expect("a code"), reason, now);
        output.extend_from_slice(&ours::output(&mut connection));
    }
    output.to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// All three read what ours writes.
    #[test]
    fn others_read_what_ours_writes(script in script()) {
        for subject in SUBJECTS {
            let end = other_end(subject);
            for outcome in all(subject, &write_ours(end, &script)) {
                prop_assert_eq!(outcome, script.outcome());
            }
        }
    }

    /// Ours reads what the others write, in whatever frames.
    #[test]
    fn ours_reads_what_others_write(script in script(), frame_bytes in 1_usize..400) {
        for subject in SUBJECTS {
            let end = other_end(subject);
            let written = [
                tungstenite_peer::write(end, &script),
                tokio_websockets_peer::write(end, &script, frame_bytes),
            ];
            for bytes in written {
                prop_assert_eq!(ours::read(subject, &bytes), script.outcome());
            }
        }
    }
}

fn other_end(subject: Subject) -> Subject {
    match subject {
        Subject::Server => Subject::Client,
        Subject::Client => Subject::Server,
    }
}
