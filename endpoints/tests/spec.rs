//! Documents and scenarios, by requirement.
#![cfg(test)]

mod contract;
mod discovery;
mod documents;
mod failover;
mod order;
mod redirects;
mod world;
