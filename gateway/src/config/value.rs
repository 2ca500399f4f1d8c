//! Numbers with bounds: what is out of range is refused where it stands in the file.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// As a count or a number of bytes.
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// As a number; every use has `MAX` below 2^32.
    pub(crate) fn number(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    /// As a small number; every use has `MAX` below 256.
    pub(crate) fn small(self) -> u8 {
        u8::try_from(self.0).unwrap_or(u8::MAX)
    }

    /// The value as a duration in seconds.
    pub(crate) fn seconds(self) -> Duration {
        Duration::from_secs(self.0)
    }

    /// The value as a duration in milliseconds.
    pub(crate) fn milliseconds(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = i64::deserialize(deserializer)?;
        u64::try_from(value)
            .ok()
            .filter(|value| (MIN..=MAX).contains(value))
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "{value} is out of range: a whole number from {MIN} to {MAX} is allowed"
                ))
            })
    }
}

/// Bytes: at least 1 024, at most 1 GiB.
pub(crate) type Bytes = Whole<1_024, 1_073_741_824>;
/// A count of at least one.
pub(crate) type Count = Whole<1, 10_000_000>;
/// A time that must pass: 1 s to a day.
pub(crate) type Seconds = Whole<1, 86_400>;
/// A time where 0 means "off".
pub(crate) type OptionalSeconds = Whole<0, 86_400>;

/// Replaces `target` where the file says something.
pub(crate) fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}
