//! The client's session against the requirements: one test per rule, driven with a virtual clock and answers by hand.

mod acks;
mod backpressure;
mod contract;
mod creation;
mod ends;
mod examples;
mod export;
mod keys;
mod pause;
mod reasons;
mod recovery;
mod schedule;
mod support;
mod wrapper;
mod xmpp;
