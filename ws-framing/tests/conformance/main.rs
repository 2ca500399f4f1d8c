//! The cases of `ws-conformance` in memory, each against both roles.
#![cfg(test)]

mod echo;

use std::panic::{AssertUnwindSafe, catch_unwind};

use ws_conformance::{Case, Subject, cases};

/// Plays the cases whose numbers begin so, against both roles, and says which of them fail.
fn section(prefix: &str, count: usize) {
    let of_it: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.id.starts_with(prefix))
        .collect();
    assert_eq!(of_it.len(), count);
    let mut failed = Vec::new();
    for case in &of_it {
        for subject in [Subject::Server, Subject::Client] {
            if catch_unwind(AssertUnwindSafe(|| echo::check(case, subject))).is_err() {
                failed.push(format!("{case:?}, {subject:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// W-R-100, W-R-490: messages of the sizes where the length's form changes.
#[test]
fn section_1_framing() {
    section("1.", 16);
}

/// W-R-150, W-R-151, W-R-152, W-R-490.
#[test]
fn section_2_pings_and_pongs() {
    section("2.", 11);
}

/// W-R-109, W-R-490.
#[test]
fn section_3_reserved_bits() {
    section("3.", 7);
}

/// W-R-110, W-R-490.
#[test]
fn section_4_reserved_opcodes() {
    section("4.", 10);
}

/// W-R-112, W-R-113, W-R-114, W-R-490.
#[test]
fn section_5_fragments() {
    section("5.", 20);
}

/// W-R-112, W-R-118, W-R-119, W-R-124, W-R-490.
#[test]
fn section_6_text() {
    section("6.", 145);
}

/// W-R-154, W-R-155, W-R-158, W-R-159, W-R-490.
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

/// W-R-117, W-R-490.
#[test]
fn section_10_odd_fragments() {
    section("10.", 1);
}
