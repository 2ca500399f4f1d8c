//! Bad input at every door of the running gateway. Each test knocks at one door many times, and asserts the farewell byte
//! for byte where the door has one, while ten sessions of other people talk: none of their messages may be lost, repeated,
//! reordered or late. Afterwards nothing of the knocking is left.
#![cfg(target_os = "linux")]

mod bosh;
mod frames;
mod handshake;
mod heads;
mod house;
mod knock;
mod messages;
mod places;
mod pressure;
#[path = "../serve/support/mod.rs"]
#[expect(dead_code, reason = "the tests of the command use the rest")]
mod support;
mod traffic;
mod unauthenticated;
mod upstream;
