use bytes::Bytes;

/// Bytes to write, in one vectored write: `head`, then `payload`. Either may be empty.
///
/// ```
/// use std::io::{IoSlice, Write};
///
/// let transmit = xmpp_http1::Transmit { head: "a".into(), payload: "bc".into() };
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
