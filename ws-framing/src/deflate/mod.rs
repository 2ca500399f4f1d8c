//! permessage-deflate (RFC 7692): its negotiation as pure functions, and the two codecs of a connection. Cargo feature `deflate`.
//!
//! Off everywhere until a configuration asks for it, because it costs memory and, where secrets and text that an attacker chooses share
//! a window, tells something of the secrets by the length of what is sent (RFC 7692 §8). `Connection::set_compression` withholds it until
//! the layer above has seen the last secret.
//!
//! What a connection holds, each part from its first compressed message on:
//!
//! | part | without context takeover | with it |
//! | --- | --- | --- |
//! | reading, between messages | nothing | the last 2^bits bytes, at most 32 KiB |
//! | reading, while a compressed message comes | 47 KiB | 47 KiB besides |
//! | writing | nothing: the compressor is the thread's | 371 KiB with 15 bits, 245 KiB with 9 |
//!
//! Negotiation, for a server and for a client:
//!
//! ```
//! use ws_framing::deflate::{Config, Takeover, accept, confirm, offer};
//!
//! let config = Config::default();
//! let offered = offer(&config);
//! let accepted = accept([offered.as_bytes()], &config)?.expect("a good offer");
//! assert_eq!(accepted.response, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
//! let agreed = confirm([accepted.response.as_bytes()], &config)?.expect("the extension was agreed");
//! assert_eq!(agreed, accepted.agreed);
//! assert_eq!(agreed.server_takeover(), Takeover::Reset);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compress;
mod inflate;
mod negotiation;

pub(crate) use negotiation::accept_first;
pub use negotiation::{Accepted, Malformed, NotOffered, accept, confirm, offer};

pub(crate) use compress::Deflater;
pub(crate) use inflate::Inflater;

/// What is agreed to, and how we compress.
///
/// ```
/// use ws_framing::deflate::{Config, Takeover};
///
/// let mut config = Config::default();
/// config.our_takeover = Takeover::Keep;
/// assert_eq!((config.our_window_bits, config.threshold_bytes), (15, 256));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Whether what we send may refer to earlier messages of ours. Default `Reset`: the compressor then holds nothing between messages.
    pub our_takeover: Takeover,
    /// Whether we let the peer's messages refer to earlier ones. Default `Reset`: the window is then not held between messages.
    pub their_takeover: Takeover,
    /// The largest window that we compress with, 9 to 15 (512 bytes to 32 KiB); other numbers count as the nearest. Default 15.
    pub our_window_bits: u8,
    /// The window that we ask the peer to stay within, 8 to 15. Default 15, which asks for nothing.
    pub their_window_bits: u8,
    /// Messages below this many bytes leave uncompressed. Default 256: shorter ones hardly get smaller.
    pub threshold_bytes: usize,
    /// From 1 (fast) to 9 (small). Default 6, zlib's.
    pub level: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            our_takeover: Takeover::Reset,
            their_takeover: Takeover::Reset,
            our_window_bits: MOST_BITS,
            their_window_bits: MOST_BITS,
            threshold_bytes: 256,
            level: 6,
        }
    }
}

/// Whether the window outlives a message (RFC 7692 §7.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takeover {
    /// Each message is compressed by itself.
    #[default]
    Reset,
    /// The next message may refer to this one.
    Keep,
}

/// What both ends agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// What the server sends.
    server: Direction,
    /// What the client sends.
    client: Direction,
    threshold_bytes: usize,
    level: u8,
}

/// How one end compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Direction {
    takeover: Takeover,
    window_bits: u8,
}

/// RFC 7692 §7.1.2: 2^15 bytes where nothing is said.
const MOST_BITS: u8 = 15;
/// The smallest window that zlib compresses with, or inflates with; 8 can only be agreed (W-R-214).
const LEAST_BITS: u8 = 9;

impl Agreed {
    /// Whether the server's messages may refer to earlier ones.
    pub fn server_takeover(&self) -> Takeover {
        self.server.takeover
    }

    /// Whether the client's messages may refer to earlier ones.
    pub fn client_takeover(&self) -> Takeover {
        self.client.takeover
    }

    /// The server's window, as a power of two.
    pub fn server_window_bits(&self) -> u8 {
        self.server.window_bits
    }

    /// The client's window, as a power of two.
    pub fn client_window_bits(&self) -> u8 {
        self.client.window_bits
    }

    /// The codecs of the server's end.
    pub(crate) fn for_server(self) -> (Inflater, Deflater) {
        self.codecs(self.client, self.server)
    }

    /// The codecs of the client's end.
    pub(crate) fn for_client(self) -> (Inflater, Deflater) {
        self.codecs(self.server, self.client)
    }

    fn codecs(self, theirs: Direction, ours: Direction) -> (Inflater, Deflater) {
        (
            Inflater::new(theirs),
            Deflater::new(ours, self.threshold_bytes, self.level),
        )
    }
}
