//! The connection manager against its requirements (`docs/conformance/bosh.toml`): one test per rule, driven with a virtual clock.

mod ack;
mod addressing;
mod creation;
mod early_stanzas;
mod hold_wait;
mod inactivity_pause;
mod linger;
mod overactivity;
mod properties;
mod rates;
mod reasons;
mod replay;
mod security;
mod support;
mod terminate_errors;
mod timers;
mod window;
mod xmpp;
