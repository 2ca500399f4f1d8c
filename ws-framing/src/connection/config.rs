use std::time::Duration;

/// How a connection behaves: the bounds on what a peer may make it hold or do, and its deadlines.
///
/// ```
/// use ws_framing::connection::Config;
///
/// let mut config = Config::default();
/// config.message_bytes = 65_536;
/// assert_eq!(config.fragments, 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Bytes of a whole message, inflated; more fails with 1009. Default 262 144 (Prosody's
    /// default; RFC 6120 §13.12 sets the floor of 10 000).
    pub message_bytes: usize,
    /// Bytes of one data frame; more fails with 1009. Default as `message_bytes`: one frame may
    /// carry the whole message. A compressed frame may be an eighth and 64 bytes larger, which is
    /// what DEFLATE makes of noise at worst.
    pub frame_bytes: usize,
    /// Frames of one message, empty ones included; more fails with 1008. Default 1024: it stops
    /// floods of tiny fragments.
    pub fragments: usize,
    /// Payload bytes of one frame of ours, larger messages leave in fragments; `None` sends every
    /// message whole. Default `None`: there are servers that refuse fragments (W-R-116).
    pub fragment_bytes: Option<usize>,
    /// Whether binary messages are taken. Default `Refused` (RFC 7395 §3.2).
    pub binary: Binary,
    /// How long each step of the closing may take: the peer's Close frame, the end of the
    /// transport, the last bytes' leaving. Default 5 s.
    pub close_timeout: Duration,
    /// Silence after which a ping is sent; `None` never pings. Default 30 s, below the idle limit
    /// of common proxies (60 s).
    pub ping_interval: Option<Duration>,
    /// How long any bytes may take to come after a ping. Default 20 s.
    pub pong_timeout: Duration,
    /// The bound on pings and pongs from the peer (past it 1008); `None` is no bound. Default 100 a
    /// second.
    pub control_rate: Option<ControlRate>,
    /// Bytes of queued messages above which `send` refuses; one message always fits an empty
    /// outbox. Default 524 288: a few large messages.
    pub outbox_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            message_bytes: 262_144,
            frame_bytes: 262_144,
            fragments: 1024,
            fragment_bytes: None,
            binary: Binary::Refused,
            close_timeout: Duration::from_secs(5),
            ping_interval: Some(Duration::from_secs(30)),
            pong_timeout: Duration::from_secs(20),
            control_rate: Some(ControlRate::default()),
            outbox_bytes: 524_288,
        }
    }
}

/// What is done with binary messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binary {
    /// They fail with 1003, on the header.
    #[default]
    Refused,
    /// They are delivered.
    Accepted,
}

/// Whether messages may leave compressed, where permessage-deflate was agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Those that are large enough do.
    #[default]
    Allowed,
    /// None does: what is sent may hold secrets beside text that others choose (RFC 7692 §8). The
    /// peer's are inflated all the same.
    Withheld,
}

/// How many pings and pongs a peer may send.
///
/// ```
/// use ws_framing::connection::ControlRate;
///
/// assert_eq!(ControlRate::default(), ControlRate { per_second: 100, burst: 200 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlRate {
    /// Frames a second in the long run. Default 100.
    pub per_second: u32,
    /// Frames at once. Default 200.
    pub burst: u32,
}

impl Default for ControlRate {
    fn default() -> Self {
        Self {
            per_second: 100,
            burst: 200,
        }
    }
}
