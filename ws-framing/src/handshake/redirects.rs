//! Redirections of a handshake (RFC 6455 §4.1), which need not be followed.

use super::endpoint::Endpoint;

/// How many redirections a client follows, and where to: never from wss to ws.
///
/// ```
/// use ws_framing::handshake::client::{Endpoint, NotFollowed, Redirects};
///
/// let here = Endpoint::parse("wss://chat.example/ws")?;
/// let mut redirects = Redirects::up_to(3);
/// let there = redirects.follow(&here, "wss://other.example/ws")?;
/// assert_eq!(there.host(), "other.example");
/// assert_eq!(redirects.follow(&there, "ws://other.example/ws"), Err(NotFollowed::Insecure));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirects {
    left: usize,
}

/// Why a redirection is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFollowed {
    /// There were as many as are followed already; the default follows none.
    #[error("one redirection too many")]
    TooMany,
    /// From wss to ws.
    #[error("a redirection from wss to ws")]
    Insecure,
    /// Not a ws or wss URI, nor a path of this host.
    #[error("a redirection to what is no WebSocket")]
    NotWebSocket,
}

impl Redirects {
    /// Follows as many in a row; none by default, 3 is enough for what is deployed (RFC 6120 §4.9.3.19 suggests 2 to 5).
    pub fn up_to(most: usize) -> Self {
        Self { left: most }
    }

    /// Where a `Refused::Status` of 3xx from `here` leads; `http` and `https` in `location` stand for ws and wss.
    ///
    /// # Errors
    ///
    /// It is not followed; nothing has changed.
    pub fn follow(&mut self, here: &Endpoint, location: &str) -> Result<Endpoint, NotFollowed> {
        let left = self.left.checked_sub(1).ok_or(NotFollowed::TooMany)?;
        let there = if location.starts_with('/') && !location.starts_with("//") {
            here.at(location)
        } else {
            let (scheme, rest) = location.split_once(':').ok_or(NotFollowed::NotWebSocket)?;
            let scheme = match scheme.to_ascii_lowercase().as_str() {
                "http" | "ws" => "ws",
                "https" | "wss" => "wss",
                _ => return Err(NotFollowed::NotWebSocket),
            };
            Endpoint::parse(&format!("{scheme}:{rest}"))
        };
        let there = there.map_err(|_| NotFollowed::NotWebSocket)?;
        if here.is_secure() && !there.is_secure() {
            return Err(NotFollowed::Insecure);
        }
        self.left = left;
        Ok(there)
    }
}
