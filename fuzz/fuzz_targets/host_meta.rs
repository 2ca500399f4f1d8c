//! Reads documents about endpoints.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::host_meta(data));
#[cfg(not(fuzzing))]
fn main() {}
