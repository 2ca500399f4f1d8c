//! Ends long-lived tasks where a test asks for it. In debug builds alone: a release has neither this file nor a look at its variable.
//!
//! `XMPP_WEB_FAIL=KIND=HOW@FILE`: whenever FILE is there, it is removed and one task of that kind ends, by a panic (`HOW` is `panic`) or by itself
//! (`return`).

use std::{env, fs, time::Duration};

/// Between two looks for the file.
const LOOK: Duration = Duration::from_millis(10);

/// Returns, or panics, when the task of that name is to end.
pub(super) async fn reached(name: &str) {
    let asked = env::var("XMPP_WEB_FAIL").unwrap_or_default();
    let asked = asked
        .split_once('=')
        .and_then(|(kind, rest)| Some((kind, rest.split_once('@')?)));
    let Some((_, (how, file))) = asked.filter(|(kind, _)| name.split(' ').next() == Some(kind))
    else {
        return std::future::pending().await;
    };
    while fs::remove_file(file).is_err() {
        tokio::time::sleep(LOOK).await;
    }
    assert_ne!(how, "panic", "a test wants it so");
}
