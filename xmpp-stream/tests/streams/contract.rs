//! The contract of every machine, held against the streams of both ends and the relay (`xmpp_machine::contract`).

use std::{fmt::Debug, time::Duration};

use xmpp_machine::{
    Machine,
    contract::{Script, Seen, Step, check},
};
use xmpp_stream::{
    Event, Reason, Relay,
    client::{self, Tls},
    relay, server,
    session::{self, Order},
};
use xmpp_wire::{StreamError, StreamHeader};

use crate::support::{BIND, HEADER, MECHANISMS, SASL, config, element, opening};

const CLIENT: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>";
const MESSAGE: &str = "<message xmlns='jabber:client' to='b@a.example'><body>hi</body></message>";
const END: &str = "</stream:stream>";

fn input<M>(parts: &[&str]) -> Step<M> {
    Step::Input(parts.concat().into_bytes())
}

fn minutes<M>(minutes: u64) -> Step<M> {
    Step::Wait(Duration::from_secs(60 * minutes))
}

fn is_stream_end(event: &Event) -> bool {
    matches!(event, Event::Closed(_))
}

/// A stream's script: how it ends (`Close`, `Abort`, `Handover`), and the rule that its end names.
fn check_stream<M: Machine<Event = Event, Handover: Debug>>(
    make: impl Fn(std::time::Instant) -> M + 'static,
    steps: Vec<Step<M>>,
    order: &str,
    reason: Option<Reason>,
) -> Seen {
    let seen = check(&Script::new(make, is_stream_end, steps));
    let is_order = |action: &&String| !action.starts_with("Deliver");
    let first = seen.actions.iter().find(is_order).expect("an end");
    assert!(first.starts_with(order), "{seen:?}");
    let end = seen.actions.iter().find(|line| line.contains("Closed("));
    let says = |end: &String| end.contains(&format!("reason: {reason:?}"));
    assert!(end.is_none_or(says), "{seen:?}");
    seen
}

/// RFC 6120 §4.2, §4.4, §4.9: the rules hold whatever a client's server does.
#[test]
fn a_client_keeps_the_contract() {
    fn make(tls: Tls) -> impl Fn(std::time::Instant) -> client::Stream {
        move |now| {
            let config = client::Config::default().with_tls(tls);
            client::Stream::new(config, opening(), now)
        }
    }
    let say = || {
        Step::Call(|stream: &mut client::Stream, now| stream.send(element(MESSAGE), now).unwrap())
    };
    let close = || Step::Call(|stream: &mut client::Stream, now| stream.close(now));
    let open = || input(&[HEADER, BIND, MESSAGE]);
    for (steps, order, reason) in [
        (
            vec![open(), say(), close(), input(&[MESSAGE, END])],
            "Close",
            None,
        ),
        (
            vec![open(), input(&[MESSAGE, END]), say(), close()],
            "Close",
            None,
        ),
        (
            vec![open(), close(), minutes(2)],
            "Close",
            Some(Reason::EndTagTimeout),
        ),
        (vec![minutes(2)], "Close", Some(Reason::FeaturesTimeout)),
        (
            vec![open(), say(), Step::End],
            "Close",
            Some(Reason::ConnectionLost),
        ),
        (
            vec![open(), input(&["<a></b"])],
            "Close",
            Some(Reason::NotWellFormed),
        ),
        (
            vec![input(&["<a:b xmlns:a='u:x'>"])],
            "Close",
            Some(Reason::HeaderNamespace),
        ),
        (
            vec![
                open(),
                Step::Call(|stream: &mut client::Stream, now| stream.abort(now)),
            ],
            "Abort",
            None,
        ),
    ] {
        check_stream(make(Tls::None), steps, order, reason);
    }
    let features =
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
    let proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    for (steps, order, reason) in [
        (vec![input(&[HEADER, features, proceed])], "Handover", None),
        (
            vec![input(&[HEADER, MESSAGE])],
            "Close",
            Some(Reason::StartTlsRefused),
        ),
        (
            vec![input(&[HEADER, features]), Step::End],
            "Close",
            Some(Reason::StartTlsLost),
        ),
        (
            vec![input(&[HEADER]), minutes(2)],
            "Close",
            Some(Reason::StartTlsTimeout),
        ),
    ] {
        check_stream(make(Tls::StartTls), steps, order, reason);
    }
}

/// RFC 6120 §4.3, §4.4, §4.9: the rules hold whatever a server's client does.
#[test]
fn a_server_keeps_the_contract() {
    let make = |now| server::Stream::new(server::Config::default(), now);
    let answer = || {
        Step::Call(|stream: &mut server::Stream, now| {
            stream.open(StreamHeader::default(), now).unwrap();
            stream.send(element(MESSAGE), now).unwrap();
        })
    };
    let close = || Step::Call(|stream: &mut server::Stream, now| stream.close(now));
    let fail = || {
        Step::Call(|stream: &mut server::Stream, now| {
            stream.fail(StreamError::new("system-shutdown"), now);
        })
    };
    let open = || input(&[CLIENT]);
    for (steps, order, reason) in [
        (
            vec![open(), answer(), input(&[MESSAGE, END]), close()],
            "Close",
            None,
        ),
        (
            vec![open(), answer(), close(), input(&[MESSAGE, END])],
            "Close",
            None,
        ),
        (vec![open(), answer(), fail()], "Close", None),
        (vec![open(), fail()], "Close", None),
        (vec![minutes(2)], "Close", Some(Reason::HeaderTimeout)),
        (
            vec![open(), answer(), input(&["<!-"])],
            "Close",
            Some(Reason::RestrictedXml),
        ),
        (
            vec![open(), answer(), input(&["t"])],
            "Close",
            Some(Reason::TextBetweenElements),
        ),
        (
            vec![input(&[&CLIENT.replace("1.0", "0.9")])],
            "Close",
            Some(Reason::UnsupportedVersion),
        ),
        (
            vec![open(), answer(), Step::Reset],
            "Close",
            Some(Reason::ConnectionLost),
        ),
    ] {
        check_stream(make, steps, order, reason);
    }
}

fn is_relay_end(event: &relay::Event) -> bool {
    matches!(event, relay::Event::Session(Order::End(_)))
}

/// W-R-416, 417, 441, 445, B-X-030: the rules hold whatever the client and the server of a relay do.
#[test]
fn a_relay_keeps_the_contract() {
    let make = |now| Relay::new(config(Tls::None), opening(), now);
    let say = || {
        Step::Call(|relay: &mut Relay, now| {
            relay.handle_session::<()>(session::Event::Element(element(MESSAGE)), now);
        })
    };
    let leave = || {
        Step::Call(|relay: &mut Relay, now| {
            relay.handle_session::<()>(session::Event::Closing, now);
        })
    };
    let lost = || {
        Step::Call(|relay: &mut Relay, now| {
            let closed = session::Closed {
                clean: false,
                undelivered: vec![element(MESSAGE)],
                how: (),
            };
            relay.handle_session(session::Event::Closed(closed), now);
        })
    };
    let sign_in = || {
        Step::Call(|relay: &mut Relay, now| {
            let auth = element(&format!("<auth {SASL} mechanism='PLAIN'>x</auth>"));
            relay.handle_session::<()>(session::Event::Element(auth), now);
        })
    };
    let restart = || {
        Step::Call(|relay: &mut Relay, now| {
            relay.handle_session::<()>(session::Event::Restarted(opening()), now);
        })
    };
    let starttls = || {
        Step::Call(|relay: &mut Relay, now| {
            let starttls = element("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            relay.handle_session::<()>(session::Event::Element(starttls), now);
        })
    };
    let unreachable = || Step::Call(|relay: &mut Relay, now| relay.handle_unreachable(now));
    let open = || input(&[HEADER, MECHANISMS]);
    let success = format!("<success {SASL}/>");
    let signed_in = |more: Vec<Step<Relay>>| {
        let mut steps = vec![open(), sign_in(), input(&[&success]), restart()];
        steps.push(input(&[HEADER, BIND]));
        steps.extend(more);
        steps
    };
    for (steps, order) in [
        (
            signed_in(vec![say(), leave(), input(&[MESSAGE, END])]),
            "Close",
        ),
        (
            signed_in(vec![input(&[MESSAGE, END]), say(), leave(), minutes(2)]),
            "Close",
        ),
        (signed_in(vec![lost(), input(&[END])]), "Close"),
        (signed_in(vec![Step::End]), "Close"),
        (signed_in(vec![input(&["<a></b"])]), "Close"),
        (vec![open(), starttls(), minutes(2)], "Close"),
        (vec![open(), restart(), minutes(2)], "Close"),
        (vec![minutes(2)], "Close"),
        (vec![unreachable()], "Abort"),
    ] {
        let seen = check(&Script::new(make, is_relay_end, steps));
        let first = seen
            .actions
            .iter()
            .find(|line| !line.starts_with("Deliver"));
        assert_eq!(first.map(String::as_str), Some(order), "{seen:?}");
    }
}

/// The rule that was broken is named by what is broken first.
#[test]
fn a_relay_names_the_rule() {
    let mut scene = crate::support::Scene::ready();
    assert_eq!(scene.relay.reason(), None);
    scene.web("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert_eq!(scene.relay.reason(), Some(Reason::StartTlsFromClient));
    scene.server("<a></b");
    assert_eq!(scene.relay.reason(), Some(Reason::StartTlsFromClient));
    let mut scene = crate::support::Scene::ready();
    scene.server("<a></b");
    assert_eq!(scene.relay.reason(), Some(Reason::NotWellFormed));
}
