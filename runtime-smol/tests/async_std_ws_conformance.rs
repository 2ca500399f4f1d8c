//! The echoing examples on async-std against the conversations of `ws-conformance`.

#[path = "../../driver/tests/shared/example.rs"]
mod example;
#[path = "../../driver/tests/shared/ws_conformance/mod.rs"]
mod ws_conformance_cases;

use ws_conformance_cases as cases;

/// W-R-490, W-R-491: every case, the server's end.
#[test]
fn the_echo_server_passes_every_case() {
    cases::a_server_passes_every_case("ws_echo_server_async_std");
}

/// W-R-490, W-R-491: every case, the client's end.
#[test]
fn the_echo_client_passes_every_case() {
    cases::a_client_passes_every_case("ws_echo_client_async_std");
}

/// W-R-164: the Close frame is there to read though the peer writes on.
#[test]
fn a_farewell_reaches_a_peer_that_writes_on() {
    cases::a_farewell_reaches_a_peer_that_writes_on("ws_echo_server_async_std");
}

/// Sixty messages that came in one read, a thousand times smaller than they are, come back one and
/// all.
#[test]
fn many_inflated_messages_come_back() {
    cases::many_inflated_messages_come_back("ws_echo_server_async_std");
}
