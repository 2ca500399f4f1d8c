//! Puts a relay between any client and any server.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::stream_relay(data));
#[cfg(not(fuzzing))]
fn main() {}
