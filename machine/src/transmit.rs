use bytes::Bytes;

/// Bytes to write, in one vectored write: `head`, then `payload`. Either may be empty.
///
/// ```
/// use std::io::{IoSlice, Write};
///
/// let transmit = xmpp_machine::Transmit { head: "a".into(), payload: "bc".into() };
/// let mut socket = Vec::new();
/// let pieces = [IoSlice::new(&transmit.head), IoSlice::new(&transmit.payload)];
/// assert_eq!(socket.write_vectored(&pieces)?, 3);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transmit {
    /// What this machine wrote: a head, a frame header, small things coalesced.
    pub head: Bytes,
    /// What it passes on without a copy.
    pub payload: Bytes,
}

impl Transmit {
    /// Bytes in both.
    pub fn len(&self) -> usize {
        self.head.len() + self.payload.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for Transmit {
    fn from(head: Bytes) -> Self {
        Self {
            head,
            payload: Bytes::new(),
        }
    }
}
