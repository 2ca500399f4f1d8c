//! The harnesses on random bytes, a little of what fuzzing does for long.

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// ARCHITECTURE.md's contract of every machine, for a WebSocket's both ends: any calls in any order.
    #[test]
    fn a_connection_keeps_the_contract(data in prop::collection::vec(any::<u8>(), 0..200)) {
        xmpp_web_fuzz::ws_connection(&data);
    }

    /// The same with frames that are mostly good.
    #[test]
    fn a_connection_that_hears_frames_keeps_the_contract(
        setup in any::<u8>(),
        parts in prop::collection::vec(
            prop_oneof![
                any::<u8>().prop_map(|call| vec![call & 0xf0 | (call & 0x0f).max(2)]),
                (prop::sample::select(vec![0x81_u8, 0x01, 0x00, 0x80, 0x82, 0x89, 0x8a, 0x88, 0xc1]), prop::collection::vec(any::<u8>(), 0..9))
                    .prop_map(move |(first, payload)| frame(first, &payload)),
            ],
            0..40,
        ),
    ) {
        let mut data = vec![setup];
        for part in parts {
            data.extend(part);
        }
        xmpp_web_fuzz::ws_connection(&data);
    }

    /// The contract for a BOSH connection manager: any calls in any order.
    #[test]
    fn a_connection_manager_keeps_the_contract(
        setup in any::<u8>(),
        creation in any::<[u8; 3]>(),
        data in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        xmpp_web_fuzz::bosh_session(&[&[setup, 0], &creation[..], &[10, 0], &data].concat());
    }

    /// W-R-445: whatever a server makes of its users' stanzas, none of them ends a recipient's stream.
    #[test]
    fn elements_of_a_server_of_any_kind(data in prop::collection::vec(any::<u8>(), 0..400)) {
        xmpp_web_fuzz::server_elements(&data);
    }

    #[test]
    fn attributes_of_any_kind(
        mode in 0..2_u8,
        values in prop::collection::vec(("(rid|wait|hold|ver|to|ack|content|newkey|from)", "([0-9]{0,20}|[ -~]{0,12}|\\PC{0,6})"), 0..8),
    ) {
        let lines: Vec<String> = values.iter().map(|(name, value)| match mode {
            0 => format!("{name}='{value}'"),
            _ => format!("{name}={value}"),
        }).collect();
        let data = lines.join(if mode == 0 { " " } else { "\n" });
        xmpp_web_fuzz::body_attrs(&[&[mode], data.as_bytes()].concat());
    }

    #[test]
    fn frames_of_any_kind(data in prop::collection::vec(any::<u8>(), 0..120)) {
        xmpp_web_fuzz::ws_frame(&data);
    }

    #[test]
    fn compressed_messages_of_any_kind(data in prop::collection::vec(any::<u8>(), 0..300)) {
        xmpp_web_fuzz::deflate(&data);
    }

    #[test]
    fn handshakes_of_any_kind(data in prop::collection::vec(any::<u8>(), 0..200)) {
        xmpp_web_fuzz::handshake(&data);
    }
}

/// The call that feeds a client's frame, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    // A piece is a multiple of three bytes: a pong fills it up.
    while bytes.len() % 3 != 0 {
        bytes.push(0);
    }
    let call = u8::try_from(bytes.len() / 3).expect("a short frame") << 4;
    [&[call], &bytes[..]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The same for a BOSH client, whose creation is answered first.
    #[test]
    fn a_bosh_client_keeps_the_contract(flags in any::<u8>(), created in 0..4_u8, data in prop::collection::vec(any::<u8>(), 0..200)) {
        let data = [vec![flags & !2, 0, created, 0], data].concat();
        xmpp_web_fuzz::bosh_client(&data);
    }
}
