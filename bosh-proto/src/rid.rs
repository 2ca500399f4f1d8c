//! Request ids: positive integers up to 2^53 - 1 (XEP-0124 §14.1).

/// A request id. Arithmetic saturates at the ceiling, which no session reaches that starts where the XEP wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rid(u64);

impl Rid {
    pub(crate) const MAX: u64 = (1 << 53) - 1;
    /// A rid behind every other one.
    pub(crate) const LAST: Self = Self(u64::MAX);

    /// Reads the attribute: digits alone, 1 to 2^53 - 1 (B-R-048).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value = text.parse().ok()?;
        (1..=Self::MAX).contains(&value).then_some(Self(value))
    }

    /// One that is known to be within bounds.
    pub(crate) fn new(value: u64) -> Self {
        Self(value)
    }

    pub(crate) fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    pub(crate) fn minus(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B-R-048.
    #[test]
    fn only_positive_integers_up_to_the_ceiling_are_rids() {
        assert_eq!(Rid::parse("1"), Some(Rid(1)));
        assert_eq!(Rid::parse("0007"), Some(Rid(7)));
        assert_eq!(Rid::parse("9007199254740991"), Some(Rid(Rid::MAX)));
        for bad in [
            "",
            "0",
            "-1",
            "+1",
            "1.5",
            "x",
            "1e3",
            "9007199254740992",
            "18446744073709551616",
        ] {
            assert_eq!(Rid::parse(bad), None, "{bad}");
        }
    }
}
