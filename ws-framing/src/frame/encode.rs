//! Frames out, masked by clients with a fresh key each (RFC 6455 §5.3, §10.3).

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use super::{
    Role,
    header::{self, First},
    mask,
};

/// A payload above this is copied and masked in one pass, into a buffer that is larger than the frame by up to a block.
const ONE_PASS: usize = 2_048;

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
        let key = self.key();
        append(first, payload, key, out);
    }

    /// Appends a frame's header and leaves the payload to be written behind it uncopied, which masking does not allow:
    /// a client appends the whole frame and leaves nothing.
    pub(crate) fn head(&mut self, first: First, payload: Bytes, out: &mut Vec<u8>) -> Bytes {
        match self.key() {
            None => {
                let header = header::write(first, payload.len(), None);
                extend(out, header.as_bytes(), 0);
                payload
            }
            Some(key) if out.is_empty() && payload.len() > ONE_PASS => {
                let header = header::write(first, payload.len(), Some(key));
                *out = mask::frame(header.as_bytes(), key, &payload);
                Bytes::new()
            }
            Some(key) => {
                append(first, &payload, Some(key), out);
                Bytes::new()
            }
        }
    }

    /// A fresh key, for clients.
    fn key(&mut self) -> Option<[u8; 4]> {
        self.keys.as_mut().map(|keys| keys.next_u32().to_le_bytes())
    }
}

/// Appends a frame.
fn append(first: First, payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let header = header::write(first, payload.len(), key);
    extend(out, header.as_bytes(), payload.len());
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(key), Some(written)) = (key, out.get_mut(start..)) {
        mask::apply(key, 0, written);
    }
}

/// Appends a header, with room for what comes behind it. The first allocation is exact: most buffers hold one frame, and one without spare
/// room becomes `Bytes` for nothing.
fn extend(out: &mut Vec<u8>, header: &[u8], behind: usize) {
    if out.capacity() == 0 {
        *out = Vec::with_capacity(header.len() + behind);
    } else {
        out.reserve(header.len() + behind);
    }
    out.extend_from_slice(header);
}
