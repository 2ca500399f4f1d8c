//! Calls of a connection in any order.
#![cfg_attr(fuzzing, no_main)]
#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| xmpp_web_fuzz::ws_connection(data));
#[cfg(not(fuzzing))]
fn main() {}
