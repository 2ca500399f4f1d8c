//! Creates BOSH sessions with any attributes.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::body_attrs(data));
#[cfg(not(fuzzing))]
fn main() {}
