//! The connection manager against the ledger: one test per rule, driven with a virtual clock.

mod creation;
mod support;
