//! RFC 7692 §5, §7.1: the negotiation of permessage-deflate, both roles.

use bytes::BytesMut;
use ws_framing::{
    CloseCode, Connection,
    connection::{Config, Message},
    deflate::{self, Agreed, Malformed, NotOffered, Takeover, accept, confirm, offer},
    handshake::{client, server},
};
use xmpp_http1::{RequestHead, Version};

use crate::support::Rig;

fn keeping() -> deflate::Config {
    let mut config = deflate::Config::default();
    config.our_takeover = Takeover::Keep;
    config.their_takeover = Takeover::Keep;
    config
}

/// What a server answers to that offer.
fn answer(offered: &str, config: &deflate::Config) -> Option<String> {
    let accepted = accept([offered.as_bytes()], config).unwrap();
    accepted.map(|accepted| accepted.response)
}

fn judge(response: &str, config: &deflate::Config) -> Result<Option<Agreed>, NotOffered> {
    confirm([response.as_bytes()], config)
}

fn request(extensions: &[&str]) -> RequestHead {
    let head = RequestHead::new("GET", "/ws", Version::Http11)
        .with_field("Host", "chat.example")
        .with_field("Upgrade", "websocket")
        .with_field("Connection", "Upgrade")
        .with_field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .with_field("Sec-WebSocket-Version", "13")
        .with_field("Sec-WebSocket-Protocol", "xmpp");
    extensions.iter().fold(head, |head, value| {
        head.with_field("Sec-WebSocket-Extensions", value)
    })
}

/// The extensions of a server's 101.
fn extensions(head: &RequestHead, config: &server::Config) -> Vec<String> {
    let accepted = server::accept(head, 0, config).expect("a 101");
    let fields = accepted.response.fields.iter();
    fields
        .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-extensions"))
        .map(|(_, value)| value.clone().into_owned())
        .collect()
}

/// W-R-200: neither end says a word of it by default.
#[test]
fn nothing_is_offered_or_agreed_by_default() {
    let head = request(&["permessage-deflate"]);
    assert_eq!(
        extensions(&head, &server::Config::default()),
        [] as [&str; 0]
    );
    let endpoint = client::Endpoint::parse("wss://chat.example/").unwrap();
    let handshake = client::Handshake::new(&endpoint, client::Config::default(), [7; 32]);
    let request = String::from_utf8(handshake.request().to_vec()).unwrap();
    assert!(!request.to_ascii_lowercase().contains("extensions"));
}

/// W-R-201: an offer that cannot be done is declined, and the next one is looked at.
#[test]
fn offers_are_taken_in_order() {
    let good = Some("permessage-deflate".to_owned());
    for (offered, expected) in [
        ("permessage-deflate; x=1, permessage-deflate", good.clone()),
        ("foo, permessage-deflate", good.clone()),
        ("permessage-deflate; x", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; client_no_context_takeover=true", None),
        (
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            None,
        ),
        (
            "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
            None,
        ),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=7", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=010", None),
        ("permessage-deflate; client_max_window_bits=+9", None),
        ("x-webkit-deflate-frame", None),
        ("Permessage-Deflate", None),
        (
            "permessage-deflate; server_max_window_bits=\"10\"",
            Some("permessage-deflate; server_max_window_bits=10".to_owned()),
        ),
    ] {
        assert_eq!(answer(offered, &keeping()), expected, "{offered}");
    }
    // Over two lines, and beside what is malformed.
    let lines = [&b"foo; a, permessage-deflate; y"[..], b"permessage-deflate"];
    assert!(accept(lines, &keeping()).unwrap().is_some());
    let lines = [&b"permessage-deflate"[..], b"permessage-deflate; ;"];
    assert_eq!(accept(lines, &keeping()), Err(Malformed));
}

/// W-R-020, W-R-021: what is not known is ignored, what cannot be read is refused; the answer is one line.
#[test]
fn the_answer_is_one_line() {
    let mut config = server::Config::default();
    config.compression = Some(deflate::Config::default());
    let head = request(&["foo; a=1", "permessage-deflate, bar"]);
    let agreed = extensions(&head, &config);
    assert_eq!(agreed.len(), 1);
    assert!(agreed[0].starts_with("permessage-deflate"));
    assert_eq!(
        extensions(&request(&["foo; a=1"]), &config),
        [] as [&str; 0]
    );
    let refused = server::accept(&request(&["permessage-deflate; ;"]), 0, &config);
    assert_eq!(refused.expect_err("malformed").response.status, 400);
}

/// W-R-202, W-R-061: what a response must not say.
#[test]
fn a_response_that_is_no_answer_fails() {
    for parameters in [
        "; server_max_window_bits=7",
        "; server_max_window_bits=16",
        "; server_max_window_bits=08",
        "; server_max_window_bits",
        "; server_max_window_bits=9; server_max_window_bits=9",
        "; client_no_context_takeover=1",
        "; server_no_context_takeover=1",
        "; client_max_window_bits",
        "; client_max_window_bits=16",
        "; x",
        ", permessage-deflate",
        ", foo",
        "; ;",
    ] {
        let response = format!("permessage-deflate{parameters}");
        assert_eq!(judge(&response, &keeping()), Err(NotOffered), "{response}");
    }
    assert_eq!(judge("foo", &keeping()), Err(NotOffered));
    assert_eq!(judge("", &keeping()), Ok(None));
    assert!(judge("permessage-deflate", &keeping()).is_ok_and(|agreed| agreed.is_some()));
    // Through the handshake, with and without an offer of ours.
    for (compression, extensions, good) in [
        (Some(keeping()), "permessage-deflate", true),
        (Some(keeping()), "permessage-deflate; x", false),
        (None, "permessage-deflate", false),
    ] {
        let mut config = client::Config::default();
        config.compression = compression;
        let upgraded = respond(config, extensions);
        assert_eq!(upgraded.is_ok(), good, "{extensions}");
        if let Err(refused) = upgraded {
            assert_eq!(refused, client::Refused::Field("Sec-WebSocket-Extensions"));
        }
    }
}

/// A 101 with these extensions.
fn respond(config: client::Config, extensions: &str) -> Result<client::Upgraded, client::Refused> {
    let endpoint = client::Endpoint::parse("wss://chat.example/").unwrap();
    let mut handshake = client::Handshake::new(&endpoint, config, [7; 32]);
    let request = String::from_utf8(handshake.request().to_vec()).unwrap();
    let key = request.split_once("Sec-WebSocket-Key: ").unwrap().1;
    let key = key.split_once("\r\n").unwrap().0;
    let head = RequestHead::new("GET", "/", Version::Http11)
        .with_field("Host", "h")
        .with_field("Upgrade", "websocket")
        .with_field("Connection", "Upgrade")
        .with_field("Sec-WebSocket-Version", "13")
        .with_field("Sec-WebSocket-Protocol", "xmpp")
        .with_field("Sec-WebSocket-Key", key);
    let accepted = server::accept(&head, 0, &server::Config::default()).unwrap();
    let mut response = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
    for (name, value) in &accepted.response.fields {
        response.push_str(&format!("{name}: {value}\r\n"));
    }
    if !extensions.is_empty() {
        response.push_str(&format!("Sec-WebSocket-Extensions: {extensions}\r\n"));
    }
    response.push_str("\r\n");
    let upgraded = handshake.handle_input(&mut BytesMut::from(response.as_str()))?;
    Ok(upgraded.expect("the whole head"))
}

/// W-R-203: what each end offers or wants, and what comes of it.
#[test]
fn the_matrix_of_context_takeover() {
    let takeover = |keep| {
        if keep {
            Takeover::Keep
        } else {
            Takeover::Reset
        }
    };
    for bits in 0..16_u8 {
        let [client_ours, client_theirs, server_ours, server_theirs] =
            [1, 2, 4, 8].map(|bit| takeover(bits & bit != 0));
        let mut client = keeping();
        (client.our_takeover, client.their_takeover) = (client_ours, client_theirs);
        let mut server = keeping();
        (server.our_takeover, server.their_takeover) = (server_ours, server_theirs);
        let offered = offer(&client);
        let says = |text: &str, word: &str| text.contains(word);
        let (of_server, of_client) = ("server_no_context_takeover", "client_no_context_takeover");
        assert_eq!(says(&offered, of_server), client_theirs == Takeover::Reset);
        let accepted = accept([offered.as_bytes()], &server).unwrap().unwrap();
        let both = |one, other| {
            if one == Takeover::Keep && other == Takeover::Keep {
                Takeover::Keep
            } else {
                Takeover::Reset
            }
        };
        let expected = (
            both(client_theirs, server_ours),
            both(client_ours, server_theirs),
        );
        assert_eq!(
            says(&accepted.response, of_server),
            expected.0 == Takeover::Reset
        );
        assert_eq!(
            says(&accepted.response, of_client),
            expected.1 == Takeover::Reset
        );
        let agreed = judge(&accepted.response, &client).unwrap().unwrap();
        for agreed in [agreed, accepted.agreed] {
            assert_eq!(
                (agreed.server_takeover(), agreed.client_takeover()),
                expected,
                "{offered}: {}",
                accepted.response
            );
        }
    }
    // A server that does not do what was asked of it has not accepted.
    let mut asking = keeping();
    asking.their_takeover = Takeover::Reset;
    assert_eq!(judge("permessage-deflate", &asking), Err(NotOffered));
    // One that says more than was asked is obeyed.
    let said = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let agreed = judge(said, &keeping()).unwrap().unwrap();
    assert_eq!(
        (agreed.server_takeover(), agreed.client_takeover()),
        (Takeover::Reset, Takeover::Reset)
    );
}

/// W-R-204: a server's window is what was offered or smaller.
#[test]
fn the_servers_window() {
    for (ours, offered, expected) in [
        (15, "; server_max_window_bits=10", Some(10)),
        (9, "; server_max_window_bits=10", Some(9)),
        (15, "; server_max_window_bits=15", Some(15)),
        (12, "", Some(12)),
        (15, "", None),
    ] {
        let mut config = keeping();
        config.our_window_bits = ours;
        let answered = answer(&format!("permessage-deflate{offered}"), &config).unwrap();
        let bits = answered
            .split_once("server_max_window_bits=")
            .map(|(_, bits)| bits.parse::<u8>().unwrap());
        assert_eq!(bits, expected, "{ours} {offered}");
    }
    let mut asking = keeping();
    asking.their_window_bits = 10;
    assert!(offer(&asking).contains("server_max_window_bits=10"));
    for (bits, good) in [(8, true), (9, true), (10, true), (11, false), (15, false)] {
        let response = format!("permessage-deflate; server_max_window_bits={bits}");
        let judged = judge(&response, &asking);
        assert_eq!(judged.is_ok(), good, "{bits}");
        // Named unasked, and the client copes.
        let agreed = judge(&response, &keeping()).unwrap().unwrap();
        assert_eq!(agreed.server_window_bits(), bits);
    }
    assert_eq!(judge("permessage-deflate", &asking), Err(NotOffered));
}

/// RFC 7692 §7.1.2.2: the client's window is limited where the client can, as its offer says.
#[test]
fn the_clients_window() {
    for (theirs, offered, expected) in [
        (10, "", None),
        (10, "; client_max_window_bits", Some(10)),
        (10, "; client_max_window_bits=9", Some(9)),
        (10, "; client_max_window_bits=15", Some(10)),
        (15, "; client_max_window_bits", None),
        (15, "; client_max_window_bits=8", Some(8)),
    ] {
        let mut config = keeping();
        config.their_window_bits = theirs;
        let accepted = accept([format!("permessage-deflate{offered}").as_bytes()], &config);
        let accepted = accepted.unwrap().unwrap();
        assert_eq!(
            accepted.agreed.client_window_bits(),
            expected.unwrap_or(15),
            "{theirs} {offered}"
        );
        assert_eq!(
            accepted.response.contains("client_max_window_bits"),
            expected.is_some()
        );
    }
}

/// W-R-214: a window that the compressor cannot keep within is not agreed to by a server, and not compressed in by a client.
#[test]
fn a_window_of_256_bytes() {
    let mut config = server::Config::default();
    config.compression = Some(keeping());
    let head = request(&["permessage-deflate; server_max_window_bits=8"]);
    assert_eq!(extensions(&head, &config), [] as [&str; 0]);
    let next = request(&["permessage-deflate; server_max_window_bits=8, permessage-deflate"]);
    assert_eq!(extensions(&next, &config), ["permessage-deflate"]);

    let agreed = judge(
        "permessage-deflate; client_max_window_bits=8; server_max_window_bits=8",
        &keeping(),
    );
    let agreed = agreed.unwrap().unwrap();
    let mut rig =
        Rig::new(|now| Connection::client(Config::default(), [7; 32], now).with_deflate(agreed));
    let message = Message::from("x".repeat(1000));
    rig.machine.send(message, rig.now).unwrap();
    assert_eq!(rig.output()[0], 0x81, "plain");
    rig.feed(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    assert_eq!(rig.events().0, [&b"Hello"[..]], "theirs is inflated");
}

/// W-R-216: the answer that bounds the memory of both.
#[test]
fn the_golden_response() {
    assert_eq!(
        answer(
            "permessage-deflate; client_max_window_bits",
            &deflate::Config::default()
        )
        .as_deref(),
        Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    );
    assert_eq!(
        offer(&deflate::Config::default()),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
    );
}

/// W-R-218: a client that needs compression closes a WebSocket without it with 1010.
#[test]
fn compression_may_be_required() {
    let mut config = client::Config::default();
    config.compression = Some(keeping());
    let upgraded = respond(config.clone(), "").unwrap();
    assert_eq!((upgraded.compression, upgraded.farewell), (None, None));
    config.need = client::Need::Required;
    let upgraded = respond(config.clone(), "").unwrap();
    assert_eq!(upgraded.farewell, Some(CloseCode::MISSING_EXTENSION));
    assert_eq!(CloseCode::MISSING_EXTENSION.get(), 1010);
    let upgraded = respond(config, "permessage-deflate").unwrap();
    assert_eq!(upgraded.farewell, None);
}
