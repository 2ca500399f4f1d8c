//! Drives a BOSH connection manager with any calls.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::bosh_session(data));
#[cfg(not(fuzzing))]
fn main() {}
