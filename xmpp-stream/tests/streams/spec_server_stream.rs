//! The receiving end (RFC 6120 §4.3), and both ends against each other, cut anywhere.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use crate::support::{config, epoch, opening};
use bytes::BytesMut;
use proptest::prelude::*;
use xmpp_stream::{
    Action, Event, Relay, client,
    server::{Config, OpenError, Stream},
};
use xmpp_wire::{Element, StreamHeader, ns};

const CLIENT: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>";

fn answer(id: &str) -> StreamHeader {
    StreamHeader {
        from: Some("a.example".into()),
        id: Some(id.into()),
        lang: Some("en".into()),
        ..StreamHeader::default()
    }
}

fn sent(mut poll: impl FnMut() -> Option<bytes::Bytes>) -> String {
    let mut sent = Vec::new();
    while let Some(bytes) = poll() {
        sent.extend_from_slice(&bytes);
    }
    String::from_utf8(sent).expect("UTF-8")
}

fn lines<H: Debug>(mut poll: impl FnMut() -> Option<Action<Event, H>>) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(action) = poll() {
        lines.push(line(&action));
    }
    lines
}

fn line<H: Debug>(action: &Action<Event, H>) -> String {
    match action {
        Action::Deliver(Event::Element(element)) => {
            String::from_utf8_lossy(element.standalone().raw()).into_owned()
        }
        Action::Deliver(Event::Closed(closed)) => format!(
            "closed {:?} {}",
            closed.cause,
            closed.error.as_ref().map_or("", |error| &error.condition)
        ),
        Action::Deliver(_) | Action::Handover(_) | Action::Close | Action::Abort => {
            format!("{action:?}")
        }
    }
}

/// RFC 6120 §4.3.3: a server's header answers one of the client's, once each. In any other phase the header comes back, and nothing is written.
#[test]
fn a_header_that_answers_none_is_refused() {
    let now = epoch();
    let mut stream = Stream::new(Config::default(), now);
    let refused = |stream: &mut Stream| {
        let back = stream.open(answer("0"), now).expect_err("not due");
        assert_eq!(sent(|| stream.poll_transmit()), "");
        back
    };
    let unasked = OpenError::NotAsked(answer("0"));
    assert_eq!(refused(&mut stream), unasked);
    stream.handle_input(&mut BytesMut::from(CLIENT), now);
    assert_eq!(refused(&mut stream), unasked, "it has not been told");
    assert!(stream.poll_action().is_some());
    stream.open(answer("1"), now).expect("asked");
    assert!(sent(|| stream.poll_transmit()).contains("id='1'"));
    assert_eq!(refused(&mut stream), unasked, "it has its answer");
    stream.expect_restart(now);
    assert_eq!(refused(&mut stream), unasked, "the client's comes first");
    stream.handle_input(&mut BytesMut::from(CLIENT), now);
    assert!(stream.poll_action().is_some());
    stream.open(answer("2"), now).expect("asked again");
    sent(|| stream.poll_transmit());
    stream.close(now);
    sent(|| stream.poll_transmit());
    assert_eq!(refused(&mut stream), OpenError::Closed(answer("0")));
}

/// RFC 6120 §4.7: our header answers, and nothing is looked at before it.
#[test]
fn the_header_is_answered_before_anything_is_read() {
    let now = epoch();
    let mut stream = Stream::new(Config::default(), now);
    let input = format!("{CLIENT}<iq/>");
    stream.handle_input(&mut BytesMut::from(&input[..]), now);
    assert!(
        matches!(stream.poll_action(), Some(Action::Deliver(Event::Opened(header))) if header.to.as_deref() == Some("a.example"))
    );
    assert!(stream.poll_action().is_none());
    stream.open(answer("7"), now).expect("asked");
    assert_eq!(
        sent(|| stream.poll_transmit()),
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='7' from='a.example' xml:lang='en'>"
    );
    assert_eq!(
        lines(|| stream.poll_action()),
        ["<iq xmlns=\"jabber:client\"/>"]
    );
}

/// RFC 6120 §4.9.1.2: an error needs a stream to stand in.
#[test]
fn an_early_error_comes_behind_a_header() {
    let now = epoch();
    let mut config = Config::default();
    config.refusal = answer("x");
    let mut stream = Stream::new(config, now);
    let old = CLIENT.replace(" version='1.0'", "");
    stream.handle_input(&mut BytesMut::from(&old[..]), now);
    assert_eq!(
        lines(|| stream.poll_action()),
        ["closed Fault unsupported-version", "Close"]
    );
    let sent = sent(|| stream.poll_transmit());
    assert!(sent.starts_with("<?xml version='1.0'?><stream:stream "));
    assert!(sent.ends_with("<unsupported-version xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/></stream:error></stream:stream>"));
}

/// RFC 6120 §4.3.3: what the client pipelines behind its last SASL element belongs to the new stream.
#[test]
fn a_restart_takes_effect_before_the_next_byte() {
    let now = epoch();
    let mut stream = Stream::new(Config::default(), now);
    let input = format!("{CLIENT}<auth xmlns='u'/>{CLIENT}<iq/></stream:stream>");
    stream.handle_input(&mut BytesMut::from(&input[..]), now);
    let mut seen = Vec::new();
    while let Some(action) = stream.poll_action() {
        match &action {
            Action::Deliver(Event::Opened(_)) => {
                stream.open(answer("1"), now).expect("asked");
            }
            Action::Deliver(Event::Element(element)) if element.is("auth", "u") => {
                stream.expect_restart(now);
            }
            Action::Deliver(Event::Ended) => stream.close(now),
            Action::Deliver(_) | Action::Handover(_) | Action::Close | Action::Abort => {}
        }
        seen.push(
            line(&action)
                .split(['(', '{'])
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        );
    }
    assert_eq!(
        seen,
        [
            "Deliver",
            "<auth xmlns='u'/>",
            "Deliver",
            "<iq xmlns=\"jabber:client\"/>",
            "Deliver",
            "closed Peer",
            "Close"
        ]
    );
    assert!(sent(|| stream.poll_transmit()).ends_with("</stream:stream>"));
}

/// A client that says nothing.
#[test]
fn a_silent_client_is_told_and_dropped() {
    let now = epoch();
    let mut stream = Stream::new(Config::default(), now);
    let at = stream.poll_timeout().expect("a deadline");
    assert_eq!(at, now + Duration::from_secs(30));
    stream.handle_timeout(at);
    assert_eq!(
        lines(|| stream.poll_action()),
        ["closed Timeout connection-timeout", "Close"]
    );
    stream.handle_timeout(at + Duration::from_secs(5));
    assert_eq!(lines(|| stream.poll_action()), ["Abort"]);
    assert_eq!(stream.poll_timeout(), None);
}

/// Hands bytes over in pieces of these sizes.
fn cut(bytes: &[u8], sizes: &[usize], mut take: impl FnMut(&mut BytesMut)) {
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied().cycle();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        take(&mut BytesMut::from(now));
        rest = later;
    }
}

/// A client and a server, STARTTLS, a restart, elements both ways, an end; everything cut by `sizes`.
fn conversation(sizes: &[usize], now: Instant) -> (Vec<String>, String) {
    let mut client = client::Stream::new(client::Config::default(), opening(), now);
    let mut server = Stream::new(Config::default(), now);
    let (mut log, mut wire) = (Vec::new(), String::new());
    let (mut headers, mut finished) = (0, 0);
    for _ in 0..100 {
        let up = sent(|| client.poll_transmit());
        wire.push_str(&up);
        cut(up.as_bytes(), sizes, |piece| {
            server.handle_input(piece, now)
        });
        while let Some(action) = server.poll_action() {
            log.push(format!("server {}", line(&action)));
            match action {
                Action::Deliver(Event::Opened(_)) => {
                    headers += 1;
                    server
                        .open(answer(&headers.to_string()), now)
                        .expect("asked");
                    let features = Element::build("stream:features", ns::STREAM).finish();
                    server.send(features, now).expect("open");
                }
                Action::Deliver(Event::Element(element)) if element.is("starttls", ns::TLS) => {
                    let proceed = Element::build("proceed", ns::TLS).finish();
                    server.send(proceed, now).expect("open");
                    server.expect_restart(now);
                }
                Action::Deliver(Event::Element(element)) if element.is("auth", ns::SASL) => {
                    let success = Element::build("success", ns::SASL).finish();
                    server.send(success, now).expect("open");
                    server.expect_restart(now);
                }
                Action::Deliver(Event::Element(element)) => {
                    server.send(element, now).expect("open")
                }
                Action::Deliver(Event::Ended) => server.close(now),
                Action::Close => finished += 1,
                Action::Deliver(Event::Writable | Event::Closed(_) | Event::Repaired { .. })
                | Action::Handover(_)
                | Action::Abort => {}
            }
        }
        let down = sent(|| server.poll_transmit());
        wire.push_str(&down);
        cut(down.as_bytes(), sizes, |piece| {
            client.handle_input(piece, now)
        });
        while let Some(action) = client.poll_action() {
            log.push(format!("client {}", line(&action)));
            match action {
                Action::Handover(_) => client.handle_tls(now),
                Action::Deliver(Event::Element(element)) if element.is("success", ns::SASL) => {
                    client.restart(opening(), now);
                }
                Action::Deliver(Event::Element(element)) if element.is("features", ns::STREAM) => {
                    if headers == 2 {
                        let auth = Element::build("auth", ns::SASL).finish();
                        client.send(auth, now).expect("open");
                    } else {
                        let message = format!(
                            "<message xmlns='jabber:client'><body>\u{e9}\u{1F600}{}</body></message>",
                            "x".repeat(5000)
                        );
                        client
                            .send(crate::support::element(&message), now)
                            .expect("open");
                    }
                }
                Action::Deliver(Event::Element(_)) => client.close(now),
                Action::Close => finished += 1,
                Action::Deliver(_) | Action::Abort => {}
            }
        }
        if finished == 2 {
            break;
        }
    }
    assert_eq!(finished, 2, "{log:?}");
    (log, wire)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Contract rules 6 and 7: cut anywhere, the same actions and the same bytes.
    #[test]
    fn chunks_are_invisible(sizes in prop::collection::vec(1usize..700, 1..8)) {
        let now = epoch();
        prop_assert_eq!(conversation(&sizes, now), conversation(&[usize::MAX], now));
    }

    /// Contract rules 2, 3 and 5: whatever comes, `Closed` comes at most once, deadlines lead to an end, nothing panics.
    #[test]
    fn any_input_ends_once(
        parts in prop::collection::vec(prop::sample::select(vec![
            CLIENT, "<?xml version='1.0'?>", "<stream:features/>", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<message/>",
            "</stream:stream>", "<a><b>", "</b></a>", " ", "\u{0}", "<!--", "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "<enabled xmlns='urn:xmpp:sm:3' resume='true'/>",
        ]), 0..12),
        eof in any::<bool>(),
    ) {
        let now = epoch();
        let input = parts.concat();
        let mut client = client::Stream::new(client::Config::default().with_tls(client::Tls::None), opening(), now);
        let mut server = Stream::new(Config::default(), now);
        let mut relay = Relay::new(config(client::Tls::StartTls), opening(), now);
        let (mut closed, mut closes) = ([0; 2], 0);
        let mut at = now;
        for turn in 0..40 {
            if turn == 0 {
                client.handle_input(&mut BytesMut::from(&input[..]), at);
                server.handle_input(&mut BytesMut::from(&input[..]), at);
                relay.handle_input(&mut BytesMut::from(&input[..]), at);
            } else if turn == 1 && eof {
                client.handle_eof(at);
                server.handle_eof(at);
                relay.handle_eof(at);
            }
            while let Some(action) = client.poll_action() {
                closed[0] += usize::from(matches!(action, Action::Deliver(Event::Closed(_))));
            }
            while let Some(action) = server.poll_action() {
                if matches!(action, Action::Deliver(Event::Opened(_))) {
                    drop(server.open(answer("1"), at));
                }
                closed[1] += usize::from(matches!(action, Action::Deliver(Event::Closed(_))));
            }
            while let Some(action) = relay.poll_action() {
                closes += usize::from(matches!(action, Action::Deliver(xmpp_stream::relay::Event::Session(
                    xmpp_stream::session::Order::End(_)
                ))));
            }
            if turn == 30 {
                client.abort(at);
                server.close(at);
                relay.shutdown(at);
            }
            // Keepalives go on for ever, so the clock stops at the deadlines of the others.
            let next = [client.poll_timeout(), server.poll_timeout(), relay.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next else { continue };
            prop_assert!(next >= at);
            at = next;
            client.handle_timeout(at);
            server.handle_timeout(at);
            relay.handle_timeout(at);
            for poll in [client.poll_timeout(), server.poll_timeout(), relay.poll_timeout()].into_iter().flatten() {
                prop_assert!(poll > at);
            }
        }
        prop_assert_eq!(closed, [1, 1]);
        prop_assert!(closes <= 1);
    }
}
