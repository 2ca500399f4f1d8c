//! Sections 12 and 13: what was agreed goes through both ends' own reading of the handshake.

use ws_conformance::{Case, Subject, agree, answer, deflate_cases, offer};
use ws_framing::deflate::{self, Takeover};

use crate::{
    echo::{Setup, connection},
    run,
};

/// Bytes of the messages of one case.
const CASE_BYTES: usize = 65_536;

/// Everything is compressed, and looks back as far as it may.
fn most() -> deflate::Config {
    let mut config = deflate::Config::default();
    config.our_takeover = Takeover::Keep;
    config.their_takeover = Takeover::Keep;
    config.threshold_bytes = 0;
    config
}

fn setup<'a>(case: &'a Case, subject: Subject, config: &deflate::Config) -> Setup<'a> {
    let (agreed, response) = match subject {
        Subject::Server => {
            let offered = offer(case.deflate);
            let accepted = deflate::accept([offered.as_bytes()], config)
                .expect("a well-formed offer")
                .expect("an offer that can be met");
            (accepted.agreed, accepted.response)
        }
        Subject::Client => {
            let offered = deflate::offer(config);
            let response = answer(case.deflate, &offered).expect("an offer that can be met");
            let agreed = deflate::confirm([response.as_bytes()], config)
                .expect("an answer to the offer")
                .expect("the extension");
            (agreed, response)
        }
    };
    Setup {
        case,
        subject,
        agreed: Some(agree(case.deflate, subject, &response).expect("what was asked for")),
        connection: Box::new(move |now| connection(subject, now).with_deflate(agreed)),
    }
}

fn section(prefix: &str, count: usize, config: &deflate::Config) {
    let of_it: Vec<Case> = deflate_cases(CASE_BYTES)
        .into_iter()
        .filter(|case| case.id.starts_with(prefix))
        .collect();
    assert_eq!(of_it.len(), count);
    run(&of_it, |case, subject| setup(case, subject, config));
}

/// W-R-206: messages of five kinds and eighteen sizes, some not compressed.
#[test]
fn section_12_kinds_of_content() {
    section("12.", 90, &most());
}

/// RFC 7692 §7.1: both sides keep to what was agreed of takeover and windows.
#[test]
fn section_13_parameters() {
    section("13.", 126, &most());
}

/// W-R-492: what is expected of this build: nothing is declined, by either role, and each window is the one that was asked for.
#[test]
fn no_request_comes_out_unimplemented() {
    let mut seen = 0;
    for case in deflate_cases(0) {
        for subject in [Subject::Server, Subject::Client] {
            let agreed = setup(&case, subject, &most()).agreed.expect("agreed");
            let request = case.deflate[0];
            assert_eq!(
                agreed.subject.window_bits,
                request.window_bits.unwrap_or(15)
            );
            assert_eq!(
                agreed.subject.no_context_takeover,
                request.no_context_takeover
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 432);
}

/// What a configuration has without more words: each message by itself, small ones as they are.
#[test]
fn sections_12_and_13_by_default() {
    section("12.2.", 18, &deflate::Config::default());
    section("13.3.", 18, &deflate::Config::default());
}
