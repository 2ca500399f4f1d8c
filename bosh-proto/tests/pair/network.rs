//! What may become of an exchange on its way.

use bosh_proto::client;
use bytes::Bytes;

/// A small generator: the same seed, the same network.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// Below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// What becomes of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes well.
    Good,
    /// The request never arrives; the client notices, or does not.
    LostBefore { noticed: bool },
    /// The request is processed, its answer lost; the client notices, or does not.
    LostAfter { noticed: bool },
    /// The connection is cut while the request is held, so many milliseconds after it arrived; both ends notice.
    Cut(u64),
    /// A proxy cannot reach the server, or loses its answer, and says 502 or 504.
    Proxy { status: u16, arrives: bool },
    /// A proxy sends the request twice on its own account, and hands out the answer to one of the copies.
    Twice { answers: Copy },
}

/// Which copy's answer a proxy hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    First,
    Second,
}

/// How bad the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Calm,
    /// Faults that a session must survive: noticed, and no more than three in a row for one request.
    Gusty,
    /// Anything.
    Stormy,
    /// Nothing arrives anywhere, and nobody notices.
    Dead,
}

impl Weather {
    /// Rolls the fate of an exchange; `faults` counts those of the same request so far.
    pub(crate) fn fate(self, dice: &mut Dice, faults: &mut u32) -> Fate {
        let (percent, most) = match self {
            Self::Calm => return Fate::Good,
            Self::Gusty => (40, 3),
            Self::Stormy => (60, u32::MAX),
            Self::Dead => return Fate::LostBefore { noticed: false },
        };
        if *faults >= most || !dice.chance(percent) {
            return Fate::Good;
        }
        *faults += 1;
        let noticed = self == Self::Gusty || dice.chance(70);
        match dice.roll(6) {
            0 => Fate::LostBefore { noticed },
            1 => Fate::LostAfter { noticed },
            2 => Fate::Cut(dice.roll(3_000)),
            3 => Fate::Proxy {
                status: if dice.chance(50) { 502 } else { 504 },
                arrives: dice.chance(50),
            },
            4 => Fate::Twice {
                answers: Copy::Second,
            },
            _ => Fate::Twice {
                answers: Copy::First,
            },
        }
    }
}

/// An answer of the server as the client sees it.
pub(crate) fn as_seen(response: &bosh_proto::Response) -> client::Response {
    client::Response {
        status: response.status,
        body: response.body.clone(),
    }
}

/// A proxy's own answer.
pub(crate) fn page(status: u16) -> client::Response {
    client::Response {
        status,
        body: Bytes::from_static(b"<html><body>Bad Gateway</body></html>"),
    }
}
