//! Frames out, masked by clients with a fresh key each (RFC 6455 §5.3, §10.3).

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use super::{
    Role,
    header::{self, First},
    mask,
};

/// The writing side of a connection.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// Boxed: servers have none, and there are many servers' ends.
    keys: Option<Box<ChaCha12Rng>>,
}

impl Encoder {
    pub(crate) fn server() -> Self {
        Self { keys: None }
    }

    pub(crate) fn client(seed: [u8; 32]) -> Self {
        Self {
            keys: Some(Box::new(ChaCha12Rng::from_seed(seed))),
        }
    }

    pub(crate) fn role(&self) -> Role {
        if self.keys.is_some() {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// Appends a frame.
    pub(crate) fn frame(&mut self, first: First, payload: &[u8], out: &mut Vec<u8>) {
        let key = self.keys.as_mut().map(|keys| keys.next_u32().to_le_bytes());
        header::write(first, payload.len(), key, out);
        let start = out.len();
        out.extend_from_slice(payload);
        if let (Some(key), Some(written)) = (key, out.get_mut(start..)) {
            mask::apply(key, 0, written);
        }
    }

    /// Appends a frame's header and leaves the payload to be written behind it uncopied, which masking does not allow:
    /// a client appends the whole frame and leaves nothing.
    pub(crate) fn head(&mut self, first: First, payload: Bytes, out: &mut Vec<u8>) -> Bytes {
        match self.role() {
            Role::Server => {
                header::write(first, payload.len(), None, out);
                payload
            }
            Role::Client => {
                self.frame(first, &payload, out);
                Bytes::new()
            }
        }
    }
}
