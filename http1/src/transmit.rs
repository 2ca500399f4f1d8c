use bytes::Bytes;

/// Bytes to write, in one vectored write: `head`, then `payload`. Either may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transmit {
    /// What this machine wrote: a head, a frame header, small things coalesced.
    pub head: Bytes,
    /// What it passes on without a copy.
    pub payload: Bytes,
}
