//! The cases of `ws-conformance` in memory, each against both roles.
#![cfg(test)]

#[cfg(feature = "deflate")]
mod compressed;
mod echo;

use std::panic::{AssertUnwindSafe, catch_unwind};

use echo::Setup;
use proptest::prelude::*;
use ws_conformance::{Case, Subject, cases};

/// The cases whose numbers begin so.
fn section(prefix: &str, count: usize) {
    let of_it: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.id.starts_with(prefix))
        .collect();
    assert_eq!(of_it.len(), count);
    run(&of_it, Setup::plain);
}

/// Plays each against both roles, and says which of them fail.
fn run<'a>(cases: &'a [Case], setup: impl Fn(&'a Case, Subject) -> Setup<'a>) {
    let mut failed = Vec::new();
    for case in cases {
        for subject in [Subject::Server, Subject::Client] {
            let checked = catch_unwind(AssertUnwindSafe(|| echo::check(&setup(case, subject))));
            if checked.is_err() {
                failed.push(format!("{case:?}, {subject:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// RFC 6455 §5.2: messages of the sizes where the length's form changes.
#[test]
fn section_1_framing() {
    section("1.", 16);
}

/// W-R-150, W-R-152.
#[test]
fn section_2_pings_and_pongs() {
    section("2.", 11);
}

/// W-R-109.
#[test]
fn section_3_reserved_bits() {
    section("3.", 7);
}

/// W-R-110.
#[test]
fn section_4_reserved_opcodes() {
    section("4.", 10);
}

/// W-R-112, W-R-113, W-R-114.
#[test]
fn section_5_fragments() {
    section("5.", 20);
}

/// W-R-112, W-R-118, W-R-119.
#[test]
fn section_6_text() {
    section("6.", 145);
}

/// W-R-150, W-R-154, W-R-155, W-R-158, W-R-159.
#[test]
fn section_7_closing() {
    section("7.", 37);
}

/// W-R-491: sizes up to 16 MiB, and 65 536 fragments.
#[test]
fn section_9_large_messages() {
    section("9.1.", 6);
    section("9.2.", 6);
}

/// W-R-491: sizes up to 16 MiB, and 65 536 fragments.
#[test]
fn section_9_fragments() {
    section("9.3.", 9);
    section("9.4.", 9);
}

#[test]
fn section_9_pieces() {
    section("9.5.", 6);
    section("9.6.", 6);
}

#[test]
fn section_9_round_trips() {
    section("9.7.", 6);
    section("9.8.", 6);
}

/// RFC 6455 §5.4: no meaning in the boundaries.
#[test]
fn section_10_odd_fragments() {
    section("10.", 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// W-R-124: any case in any pieces.
    #[test]
    fn pieces_are_invisible(case in 0_usize..240, at in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let cases = cases();
        for subject in [Subject::Server, Subject::Client] {
            echo::check_cut(&Setup::plain(&cases[case], subject), |length| {
                let mut places: Vec<_> = at.iter().map(|at| at.index(length)).collect();
                places.sort_unstable();
                places
            });
        }
    }
}
