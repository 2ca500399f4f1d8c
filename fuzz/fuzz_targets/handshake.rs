//! Opening handshakes, both sides.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::handshake(data));
#[cfg(not(fuzzing))]
fn main() {}
