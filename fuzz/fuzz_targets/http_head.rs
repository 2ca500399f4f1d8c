//! Reads heads, as a server and as a client.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::http_head(data));
#[cfg(not(fuzzing))]
fn main() {}
