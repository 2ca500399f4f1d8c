//! A head that came before on the connection is judged as on a fresh one.

use std::{sync::Arc, time::Instant};

use bytes::BytesMut;
use proptest::prelude::*;
use xmpp_http1::{
    Response,
    server::{Action, Config, Connection, Event},
};

#[expect(clippy::disallowed_methods, reason = "an epoch for the test")]
fn epoch() -> Instant {
    Instant::now()
}

/// What the connection makes of these bytes, its answers included.
fn tell(connection: &mut Connection, bytes: &[u8], now: Instant) -> String {
    let mut input = BytesMut::from(bytes);
    let mut told = String::new();
    for _ in 0..4 {
        if connection.wants_input() {
            connection.handle_input(&mut input, now);
        }
        while let Some(action) = connection.poll_action() {
            match action {
                Action::Deliver(Event::Request(request)) => {
                    let head = &request.head;
                    let length = head.field("content-length").map(<[u8]>::to_vec);
                    told += &format!("{head:?} {length:?} {:?}\n", request.body);
                    connection.respond(request.id, Response::new(200), now);
                }
                other @ (Action::Deliver(_)
                | Action::Handover(_)
                | Action::Close
                | Action::Abort) => told += &format!("{other:?}\n"),
            }
        }
        while let Some(transmit) = connection.poll_transmit() {
            told += &format!("{transmit:?}\n");
        }
    }
    // Ids count on; what else is told must not tell the two connections apart.
    told.replace("RequestId(1)", "RequestId(0)") + &format!("{input:?}")
}

fn post(length: &str, rest: &str) -> String {
    format!(
        "POST /http-bind HTTP/1.1\r\nHost: chat.example\r\nContent-Length: {length}\r\nAccept: */*\r\n\r\n{rest}"
    )
}

#[test]
fn a_known_head_with_another_length_brings_its_own_body() {
    let now = epoch();
    let mut connection = Connection::new(Arc::new(Config::default()), now);
    tell(&mut connection, post("03", "abc").as_bytes(), now);
    for (length, body) in [("03", "def"), ("05", "ghijk"), ("00", ""), ("3", "lmn")] {
        let told = tell(&mut connection, post(length, body).as_bytes(), now);
        assert!(told.contains(&format!("b{body:?}")), "{told}");
        assert!(told.contains("200 OK"), "{told}");
    }
}

#[test]
fn the_bound_on_bodies_holds_for_a_known_head() {
    let now = epoch();
    let mut config = Config::default();
    config.limits.body_bytes = 50;
    let mut connection = Connection::new(Arc::new(config), now);
    let body = "x".repeat(50);
    assert!(tell(&mut connection, post("50", &body).as_bytes(), now).contains("200 OK"));
    let told = tell(&mut connection, post("51", "").as_bytes(), now);
    assert!(told.contains("413"), "{told}");
}

proptest! {
    /// Any byte changed, taken out, put in or cut off.
    #[test]
    fn a_second_head_is_judged_as_a_first(
        at in 0usize..110,
        put in proptest::sample::select(vec!["", "7", "\r\n", " ", "a", "\0", ":"]),
        taken in 0usize..3,
        cut in 0usize..20,
    ) {
        let now = epoch();
        let first = post("3", "abc");
        let mut second = first.clone().into_bytes();
        let at = at.min(second.len());
        let end = (at + taken).min(second.len());
        second.splice(at..end, put.bytes());
        if cut < 8 {
            second.truncate(second.len() - cut);
        }
        let mut fresh = Connection::new(Arc::new(Config::default()), now);
        let expected = tell(&mut fresh, &second, now);
        let mut used = Connection::new(Arc::new(Config::default()), now);
        tell(&mut used, first.as_bytes(), now);
        prop_assert_eq!(tell(&mut used, &second, now), expected);
    }
}
