//! Drives a BOSH client with any answers and calls.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::bosh_client(data));
#[cfg(not(fuzzing))]
fn main() {}
