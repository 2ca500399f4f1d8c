//! Frames of a peer.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::ws_frame(data));
#[cfg(not(fuzzing))]
fn main() {}
