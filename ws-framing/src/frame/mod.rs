//! Frames (RFC 6455 §5): headers, masking, whole messages in, encoded frames out.

mod close_code;
mod decode;
mod encode;
mod header;
mod mask;
mod utf8;

pub use close_code::CloseCode;
pub use xmpp_wire::{NotUtf8, Utf8Bytes};

pub(crate) use close_code::{CloseFrame, NO_CLOSE};
pub(crate) use decode::{DecodeLimits, Decoded, Decoder};
pub(crate) use encode::Encoder;
pub(crate) use header::{CONTROL_BYTES, First, Opcode};

/// Which end of the connection this is. Clients mask, servers do not (RFC 6455 §5.1); the server ends TCP first (§7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}
