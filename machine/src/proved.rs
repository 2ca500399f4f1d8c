use std::{
    ops::{Bound, RangeBounds},
    slice::SliceIndex,
};

/// Ranges that were proved to be inside when they were found.
///
/// A wrong one fails in a build with debug assertions (tests, fuzzing) and gives nothing in one
/// without, where it must not end other people's sessions.
///
/// ```
/// use xmpp_machine::Proved as _;
///
/// assert_eq!(b"abc".proved(1..), b"bc");
/// assert_eq!("abc".proved(..2), "ab");
/// ```
pub trait Proved<Range> {
    /// The part in that range.
    fn proved(&self, range: Range) -> &Self;
}

impl<Range: SliceIndex<[u8], Output = [u8]> + RangeBounds<usize>> Proved<Range> for [u8] {
    #[inline]
    #[track_caller]
    fn proved(&self, range: Range) -> &Self {
        debug_assert!(
            is_inside(&range, self.len()),
            "a range outside of {} bytes",
            self.len()
        );
        self.get(range).unwrap_or_default()
    }
}

impl<Range: SliceIndex<Self, Output = Self> + RangeBounds<usize>> Proved<Range> for str {
    #[inline]
    #[track_caller]
    fn proved(&self, range: Range) -> &Self {
        debug_assert!(
            is_inside(&range, self.len()),
            "a range outside of {} bytes",
            self.len()
        );
        let part = self.get(range);
        debug_assert!(part.is_some(), "a range that cuts a character");
        part.unwrap_or_default()
    }
}

fn is_inside(range: &impl RangeBounds<usize>, len: usize) -> bool {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end + 1,
        Bound::Excluded(end) => *end,
        Bound::Unbounded => len,
    };
    start <= end && end <= len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_inside_gives_its_part() {
        assert_eq!(b"abc".proved(3..), b"");
        assert_eq!(b"abc".proved(1..=1), b"b");
        assert_eq!("a\u{e9}".proved(1..), "\u{e9}");
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_wrong_range_is_noticed() {
        use std::panic::catch_unwind;

        assert!(catch_unwind(|| b"abc".proved(4..)).is_err());
        assert!(catch_unwind(|| b"abc".proved(..4)).is_err());
        assert!(catch_unwind(|| "\u{e9}".proved(1..)).is_err());
    }
}
