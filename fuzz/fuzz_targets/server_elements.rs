//! Elements as servers serialise them, through a relay.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::server_elements(data));
#[cfg(not(fuzzing))]
fn main() {}
