//! Machines under random sequences of calls: what `ARCHITECTURE.md` promises of every machine holds whatever comes in which order.

use proptest::prelude::*;

/// Operations, weighted towards those that get somewhere: `likely` in front of each few random ones.
fn operations(likely: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let operation = prop_oneof![2 => prop::sample::select(likely), 1 => any::<u8>()];
    (any::<u8>(), prop::collection::vec(operation, 0..40)).prop_map(|(first, mut operations)| {
        operations.insert(0, first);
        operations
    })
}

/// `<open/>`, features, success, elements; answers to them; time.
const SESSION: &[u8] = &[
    0, 1, 6, 10, 12, 13, 3, 192, 121, 112, 120, 200, 208, 224, 240, 248,
];
/// Header, features, success, stanzas, STARTTLS; `<auth/>`, restart; time.
const RELAY: &[u8] = &[
    0, 3, 4, 5, 7, 9, 14, 17, 112, 115, 116, 182, 210, 219, 224, 241,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_session_keeps_its_promises(operations in operations(SESSION)) {
        xmpp_web_fuzz::xmpp_session(&operations);
    }

    #[test]
    fn a_relay_keeps_its_promises(operations in operations(RELAY)) {
        xmpp_web_fuzz::stream_relay(&operations);
    }
}
