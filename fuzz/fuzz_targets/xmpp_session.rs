//! Uses a WebSocket session in any order.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::xmpp_session(data));
#[cfg(not(fuzzing))]
fn main() {}
