//! What the creation response grants, with a default for everything but the `sid` (B-R-063, B-R-064).

use std::time::Duration;

use super::{Config, Opened};
use crate::body::Body;

/// The most requests that this client has outstanding, whatever is granted: each may bring a whole response.
const WINDOW: u8 = 16;

/// How long a request that is answered at once may take (B-R-081).
const PROMPT: Duration = Duration::from_secs(30);

/// What was negotiated, for the session's whole life; before that, what was asked.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Terms {
    /// Empty before the creation response.
    pub(super) sid: String,
    pub(super) wait: Duration,
    pub(super) hold: u8,
    pub(super) requests: u8,
    pub(super) polling: Duration,
    pub(super) inactivity: Option<Duration>,
    pub(super) maxpause: Option<Duration>,
    pub(super) version: Option<(u32, u32)>,
    pub(super) server_ack: bool,
}

/// Without the secret (B-R-170).
impl std::fmt::Debug for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terms")
            .field("wait", &self.wait)
            .field("hold", &self.hold)
            .field("requests", &self.requests)
            .field("polling", &self.polling)
            .field("inactivity", &self.inactivity)
            .field("maxpause", &self.maxpause)
            .finish_non_exhaustive()
    }
}

impl Terms {
    pub(super) fn asked(config: &Config) -> Self {
        Self {
            sid: String::new(),
            wait: Duration::from_secs(config.wait.as_secs().min(u64::from(u16::MAX))),
            hold: config.hold,
            requests: 1,
            polling: Duration::ZERO,
            inactivity: None,
            maxpause: None,
            version: None,
            server_ack: false,
        }
    }

    /// Reads a creation response; `None` without a `sid`.
    pub(super) fn granted(body: &Body, config: &Config) -> Option<Self> {
        let asked = Self::asked(config);
        let sid = body.attribute("sid").filter(|sid| !sid.is_empty())?;
        let seconds = |name| body.attribute(name).and_then(|text| number(&text));
        let small = |name| seconds(name).map(|value| u8::try_from(value).unwrap_or(u8::MAX));
        let duration = |name| seconds(name).map(|value| Duration::from_secs(value.into()));
        let hold = small("hold").unwrap_or(asked.hold);
        Some(Self {
            sid: sid.into_owned(),
            wait: duration("wait").unwrap_or(asked.wait),
            hold,
            requests: small("requests").unwrap_or(hold.saturating_add(1)).max(1),
            polling: duration("polling").unwrap_or_default(),
            inactivity: duration("inactivity").filter(|limit| !limit.is_zero()),
            maxpause: duration("maxpause").filter(|limit| !limit.is_zero()),
            version: body.attribute("ver").and_then(|text| version(&text)),
            server_ack: body.attribute("ack").is_some(),
        })
    }

    pub(super) fn opened(&self, from: Option<String>) -> Opened {
        Opened {
            from,
            wait: self.wait,
            hold: self.hold,
            requests: self.requests,
            polling: self.polling,
            inactivity: self.inactivity,
            maxpause: self.maxpause,
            version: self.version,
            acknowledges: self.server_ack,
        }
    }

    /// How many requests may be outstanding (B-R-079).
    pub(super) fn window(&self) -> usize {
        self.requests.min(WINDOW).into()
    }

    /// Whether requests are answered at once, or one at a time (XEP-0124 §12, B-R-132).
    pub(super) fn is_polling(&self) -> bool {
        self.wait.is_zero() || self.hold == 0 || self.requests == 1
    }

    /// How long a request may take (B-R-081).
    pub(super) fn response_timeout(&self) -> Duration {
        if self.wait.is_zero() {
            PROMPT
        } else {
            self.wait + Duration::from_secs(5).max(self.wait / 10)
        }
    }

    /// How long the session can live without an answer (B-R-097); the one that may be paused for `pause`.
    pub(super) fn patience(&self, pause: Option<Duration>, config: &Config) -> Duration {
        self.wait + pause.or(self.inactivity).unwrap_or(config.patience)
    }

    /// How long after an answer the next request may wait at most: a second less than `inactivity`, or half of a very short one (B-R-111).
    pub(super) fn idle_limit(&self) -> Option<Duration> {
        self.inactivity
            .map(|limit| limit.saturating_sub(Duration::from_secs(1)).max(limit / 2))
    }

    /// The same for a client that does not want to read: two thirds of `inactivity`, so that several tries fit into the rest.
    pub(super) fn held_limit(&self) -> Option<Duration> {
        self.inactivity.map(|limit| limit / 3 * 2)
    }
}

/// An unsigned integer, 65 535 at most; everything else counts as missing (B-R-064).
fn number(text: &str) -> Option<u16> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u16::MAX))
}

/// Two integers around a dot (B-R-035). A `ver` that is no such thing is there all the same: it counts as 1.6 (B-R-036).
fn version(text: &str) -> Option<(u32, u32)> {
    let integer = |part: &str| {
        let is_digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        is_digits.then(|| part.parse().ok())?
    };
    let pair = text
        .trim()
        .split_once('.')
        .and_then(|(major, minor)| Some((integer(major)?, integer(minor)?)));
    Some(pair.unwrap_or((1, 6)))
}
