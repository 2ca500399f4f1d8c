//! The two real machines against each other: a client's session and a connection manager, over a network of exchanges in virtual time.

mod ends;
mod guarantees;
mod network;
mod scenarios;
mod world;
