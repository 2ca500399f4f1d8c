//! The contract of every state machine in this workspace: a machine is a value that is told things
//! (`handle_*`) and asked things (`poll_*`). It does no I/O, reads no clock and draws no
//! randomness.
//!
//! [`Machine`] is the contract of machines on a byte stream. One loop drives them all:
//!
//! ```
//! use std::{convert::Infallible, io::{self, Read, Write}, time::Instant};
//! use bytes::BytesMut;
//! use xmpp_machine::{Action, Machine};
//!
//! /// Runs until the machine delivers something; `None` when it is over.
//! fn next<M: Machine<Handover = Infallible>>(
//!     machine: &mut M, socket: &mut (impl Read + Write), input: &mut BytesMut, now: impl Fn() -> Instant,
//! ) -> io::Result<Option<M::Event>> {
//!     let (mut scratch, mut closing) = ([0; 16_384], false);
//!     loop {
//!         while let Some(action) = machine.poll_action() {
//!             match action {
//!                 Action::Deliver(event) => return Ok(Some(event)),
//!                 Action::Close => closing = true,
//!                 Action::Abort => return Ok(None),
//!             }
//!         }
//!         match machine.poll_transmit() {
//!             Some(transmit) => {
//!                 socket.write_all(&transmit.head)?;
//!                 socket.write_all(&transmit.payload)?;
//!             }
//!             None if closing => return Ok(None),
//!             None if machine.poll_timeout().is_some_and(|at| at <= now()) => machine.handle_timeout(now()),
//!             None => match socket.read(&mut scratch)? {
//!                 0 => machine.handle_eof(now()),
//!                 count => {
//!                     input.extend_from_slice(&scratch[..count]);
//!                     machine.handle_input(input, now());
//!                 }
//!             },
//!         }
//!     }
//! }
//! # struct Echo(Vec<u8>);
//! # impl Machine for Echo {
//! #     type Event = (); type Handover = Infallible;
//! #     fn handle_input(&mut self, input: &mut BytesMut, _: Instant) { self.0.extend_from_slice(&input.split()); }
//! #     fn handle_eof(&mut self, _: Instant) {}
//! #     fn handle_timeout(&mut self, _: Instant) {}
//! #     fn wants_input(&self) -> bool { true }
//! #     fn poll_action(&mut self) -> Option<Action<()>> { (!self.0.is_empty()).then(|| { self.0.clear(); Action::Deliver(()) }) }
//! #     fn poll_transmit(&mut self) -> Option<xmpp_machine::Transmit> { None }
//! #     fn poll_timeout(&self) -> Option<Instant> { None }
//! # }
//! # let mut socket = io::Cursor::new(b"hi".to_vec());
//! # assert!(next(&mut Echo(Vec::new()), &mut socket, &mut BytesMut::new(), Instant::now)?.is_some());
//! # io::Result::Ok(())
//! ```
//!
//! The rest is what machines share: time that never goes backwards ([`Clock`]), rates
//! ([`Bucket`]), who counts as one client ([`AddressShare`]), and hosts with
//! ports ([`Authority`]). With the feature `contract`, the module `contract` checks a machine.
//!
//! Decisions about this crate, in `docs/decisions/`: 0029, 0052, 0053, 0054, 0057, 0058.
#![forbid(unsafe_code)]

mod authority;
mod bucket;
mod clock;
#[cfg(feature = "contract")]
pub mod contract;
mod machine;
mod proved;
mod reason;
mod send_error;
mod share;
mod transmit;

/// The clock's type: std's, and `web_time`'s on wasm32-unknown-unknown.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use std::time::Instant;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;

pub use authority::{Authority, Host, NotAnAuthority};
pub use bucket::{Bucket, Rate};
pub use clock::{Clock, Moment};
pub use machine::{Action, Machine};
pub use proved::Proved;
pub use send_error::SendError;
pub use share::AddressShare;
pub use transmit::Transmit;
