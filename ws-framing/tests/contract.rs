//! The contract of every machine, held against the connection and the session of both ends
//! (`xmpp_machine::contract`).

use ws_framing::{
    CloseCode, Connection, Instant, Reason,
    connection::{self, Message},
    xmpp::{Config, Event, Role, Session, client, server},
};
use xmpp_machine::contract::{Script, Seen, Step, check};
use xmpp_wire::{StreamError, StreamHeader};

use crate::support::{
    close, masked, seconds,
    stream::{ANSWER, CLOSE, FEATURES, MESSAGE, OPEN, SUCCESS, element},
    text, unmasked,
};

fn is_connection_end(event: &connection::Event) -> bool {
    matches!(event, connection::Event::Closed(_))
}

fn is_session_end(event: &Event) -> bool {
    matches!(event, Event::Closed(_))
}

/// The last words of a run, and whether its end names this reason.
fn assert_end(seen: &Seen, order: &str, reason: Option<Reason>) {
    let ends: Vec<_> = seen
        .actions
        .iter()
        .filter(|action| action.starts_with("Deliver(Closed"))
        .collect();
    assert_eq!(ends.len(), 1, "{seen:?}");
    assert!(ends[0].contains(&format!("reason: {reason:?}")), "{seen:?}");
    let last = seen.actions.iter().rev().find(|action| *action != "Abort");
    let is_abort = last.is_some_and(|action| action.starts_with("Deliver"));
    assert_eq!(if is_abort { "Abort" } else { "Close" }, order, "{seen:?}");
}

/// What a peer does, as the other end sees it.
#[derive(Clone, Copy)]
enum Peer {
    Client,
    Server,
}

impl Peer {
    fn frame(self, first: u8, payload: &[u8]) -> Vec<u8> {
        match self {
            Self::Client => masked(first, payload),
            Self::Server => unmasked(first, payload),
        }
    }

    /// The header of a frame that is masked where it must not be, or the other way round.
    fn wrongly_masked(self) -> [u8; 2] {
        match self {
            Self::Client => [0x81, 0x02],
            Self::Server => [0x81, 0x82],
        }
    }

    fn wrong_mask(self) -> Reason {
        match self {
            Self::Client => Reason::UnmaskedFrame,
            Self::Server => Reason::MaskedFrame,
        }
    }
}

/// W-R-080, W-R-122, W-R-163, W-R-366: the rules hold whatever a connection's peer does.
#[test]
fn a_connection_keeps_the_contract() {
    type Make = fn(Instant) -> Connection;
    let ends: [(Peer, Make); 2] = [
        (Peer::Client, |now| {
            Connection::server(connection::Config::default(), now)
        }),
        (Peer::Server, |now| {
            Connection::client(connection::Config::default(), [7; 32], now)
        }),
    ];
    for (peer, make) in ends {
        let hello = || {
            let parts = [
                peer.frame(0x81, b"hello"),
                peer.frame(0x89, b"ping"),
                peer.frame(0x01, "\u{e9}".as_bytes()),
                peer.frame(0x8a, b""),
                peer.frame(0x80, &[b'x'; 300]),
            ];
            Step::Input(parts.concat())
        };
        let close_frame = || Step::Input(peer.frame(0x88, &1000_u16.to_be_bytes()));
        let say = || {
            Step::Call(|machine: &mut Connection, now| {
                machine.send(Message::from("hello"), now).unwrap();
                machine.ping("?".into(), now).unwrap();
            })
        };
        let leave = || {
            Step::Call(|machine: &mut Connection, now| machine.close(CloseCode::NORMAL, "", now))
        };
        let wrong = |bytes: &[u8]| Step::Input(bytes.to_vec());
        for (steps, order, reason) in [
            (vec![hello(), close_frame(), Step::End], "Close", None),
            (
                vec![say(), leave(), hello(), close_frame(), Step::End],
                "Close",
                None,
            ),
            (
                vec![say(), leave(), Step::Wait(seconds(60))],
                "Close",
                Some(Reason::CloseTimeout),
            ),
            (
                vec![hello(), wrong(&peer.wrongly_masked())],
                "Close",
                Some(peer.wrong_mask()),
            ),
            (
                vec![wrong(&peer.frame(0x81, b"a\xff"))],
                "Close",
                Some(Reason::NotUtf8),
            ),
            (
                vec![hello(), wrong(&[0xc1])],
                "Close",
                Some(Reason::ReservedBits),
            ),
            (
                vec![hello(), Step::Wait(seconds(90))],
                "Abort",
                Some(Reason::PongTimeout),
            ),
            (
                vec![wrong(&peer.frame(0x81, b"cut")[..4]), Step::End],
                "Abort",
                Some(Reason::TransportEnded),
            ),
            (
                vec![say(), hello(), Step::Reset],
                "Abort",
                Some(Reason::TransportEnded),
            ),
        ] {
            let seen = check(&Script::new(make, is_connection_end, steps));
            assert_end(&seen, order, reason);
        }
    }
}

/// Scripts that differ in nothing but which end the machine is.
fn check_session<R: Role + 'static>(
    make: fn(Instant) -> Session<R>,
    steps: Vec<Step<Session<R>>>,
    order: &str,
    reason: Option<Reason>,
) -> Seen {
    let seen = check(&Script::new(make, is_session_end, steps));
    assert_end(&seen, order, reason);
    seen
}

fn step_close<R: Role>() -> Step<Session<R>> {
    Step::Call(|machine, now| machine.close(now))
}

fn step_message<R: Role>() -> Step<Session<R>> {
    Step::Call(|machine, now| machine.send(element(MESSAGE), now).unwrap())
}

/// W-R-320, 340, 344, 352, 357: the rules hold whatever a server's client does.
#[test]
fn a_server_keeps_the_contract() {
    let make = |now| server::Session::new(Config::default(), [7; 32], now);
    let input = |messages: &[&str]| {
        let frames: Vec<_> = messages.iter().map(|message| text(message)).collect();
        Step::Input(frames.concat())
    };
    let answer = || {
        Step::Call(|machine: &mut server::Session, now| {
            machine.open(StreamHeader::default(), now).unwrap();
            machine.send(element(FEATURES), now).unwrap();
        })
    };
    // Up to a running stream.
    let running = |more: Vec<Step<server::Session>>| {
        let success = Step::Call(|machine: &mut server::Session, now| {
            machine.send(element(SUCCESS), now).unwrap();
        });
        let begin = vec![
            input(&[OPEN]),
            answer(),
            input(&["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"]),
            success,
            input(&[OPEN]),
            answer(),
            input(&[MESSAGE, MESSAGE]),
            step_message(),
        ];
        begin.into_iter().chain(more).collect::<Vec<_>>()
    };
    let fault = |message: &str, reason| {
        let steps = running(vec![
            input(&[message]),
            input(&[CLOSE]),
            Step::Input(close(1000)),
        ]);
        check_session(make, steps, "Close", Some(reason))
    };

    let steps = vec![input(&[CLOSE]), step_close(), Step::Input(close(1000))];
    check_session(make, running(steps), "Close", None);
    let steps = vec![
        step_close(),
        input(&[MESSAGE, CLOSE]),
        Step::Input(close(1000)),
    ];
    check_session(make, running(steps), "Close", None);
    let steps = vec![step_close(), Step::Wait(seconds(60))];
    check_session(make, running(steps), "Close", Some(Reason::CloseTimeout));
    let steps = vec![Step::Input(Peer::Client.wrongly_masked().to_vec())];
    check_session(make, running(steps), "Close", Some(Reason::UnmaskedFrame));
    let steps = vec![Step::Input(masked(0x81, b"<a>\xff"))];
    check_session(make, running(steps), "Close", Some(Reason::NotUtf8));
    let steps = vec![Step::Wait(seconds(90))];
    check_session(make, running(steps), "Close", Some(Reason::PongTimeout));
    let steps = vec![Step::Input(text(MESSAGE)[..9].to_vec()), Step::End];
    check_session(make, running(steps), "Abort", Some(Reason::TransportEnded));
    let steps = vec![Step::Reset];
    check_session(make, running(steps), "Abort", Some(Reason::TransportEnded));
    let fail = Step::Call(|machine: &mut server::Session, now| {
        machine.fail(StreamError::new("conflict"), CloseCode::NORMAL, now);
    });
    let steps = vec![fail, Step::Wait(seconds(60))];
    check_session(make, running(steps), "Close", Some(Reason::CloseTimeout));

    fault("<a", Reason::NotWellFormed);
    fault("x", Reason::NotMarkup);
    fault("<a><!-- --></a>", Reason::RestrictedXml);
    fault("<message/>", Reason::NoNamespace);
    fault("<message xmlns='jabber:server'/>", Reason::ServerNamespace);
    fault(
        "<c:message xmlns:c='jabber:client'/>",
        Reason::PrefixedStanza,
    );
    fault(OPEN, Reason::SecondOpen);
    let seen = fault("<close xmlns='u:x'/>", Reason::FramingNamespace);
    assert!(String::from_utf8_lossy(&seen.output).contains("<invalid-namespace"));

    check_session(
        make,
        vec![Step::Wait(seconds(60))],
        "Close",
        Some(Reason::OpenTimeout),
    );
    check_session(
        make,
        vec![input(&[MESSAGE]), Step::Wait(seconds(60))],
        "Close",
        Some(Reason::StanzaBeforeOpen),
    );
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    check_session(
        make,
        vec![input(&[OPEN, auth, auth]), Step::Wait(seconds(60))],
        "Close",
        Some(Reason::ElementBeforeFeatures),
    );
    // Pongs come, authentication does not.
    let pings = (0..8).flat_map(|_| {
        let pong = Step::Input(masked(0x8a, b""));
        [Step::Wait(seconds(10)), pong]
    });
    let steps = [input(&[OPEN]), answer()].into_iter().chain(pings);
    check_session(make, steps.collect(), "Close", Some(Reason::AuthTimeout));
}

/// W-R-320, 352, 357: the rules hold whatever a client's server does.
#[test]
fn a_client_keeps_the_contract() {
    let make = |now| {
        let mut session = client::Session::new(Config::default(), [8; 32], now);
        let header = StreamHeader {
            to: Some("a.example".to_owned()),
            ..StreamHeader::default()
        };
        session.open(header, now).unwrap();
        session
    };
    let input = |messages: &[&str]| {
        let frames = messages.iter();
        let frames: Vec<_> = frames
            .map(|message| unmasked(0x81, message.as_bytes()))
            .collect();
        Step::Input(frames.concat())
    };
    let end = || Step::Input(unmasked(0x88, &1000_u16.to_be_bytes()));
    let running = |more: Vec<Step<client::Session>>| {
        let begin = vec![
            input(&[ANSWER, FEATURES, SUCCESS, ANSWER, FEATURES]),
            step_message(),
            input(&[MESSAGE, " ", MESSAGE]),
        ];
        begin.into_iter().chain(more).collect::<Vec<_>>()
    };

    let steps = vec![input(&[CLOSE]), step_close(), end(), Step::End];
    check_session(make, running(steps), "Close", None);
    let steps = vec![step_close(), input(&[MESSAGE, CLOSE]), end(), Step::End];
    check_session(make, running(steps), "Close", None);
    let steps = vec![step_close(), Step::Wait(seconds(60))];
    check_session(make, running(steps), "Close", Some(Reason::CloseTimeout));
    let steps = vec![Step::Input(Peer::Server.wrongly_masked().to_vec())];
    check_session(make, running(steps), "Close", Some(Reason::MaskedFrame));
    let steps = vec![Step::Input(unmasked(0x81, b"<a>\xff"))];
    check_session(make, running(steps), "Close", Some(Reason::NotUtf8));
    let steps = vec![input(&["<a"]), input(&[CLOSE]), end(), Step::End];
    check_session(make, running(steps), "Close", Some(Reason::NotWellFormed));
    let steps = vec![Step::Wait(seconds(90))];
    check_session(make, running(steps), "Abort", Some(Reason::PongTimeout));
    let steps = vec![
        Step::Input(unmasked(0x81, b"<a/>")[..4].to_vec()),
        Step::End,
    ];
    check_session(make, running(steps), "Abort", Some(Reason::TransportEnded));
    check_session(
        make,
        running(vec![Step::Reset]),
        "Abort",
        Some(Reason::TransportEnded),
    );
    let steps = vec![input(&[ANSWER]), Step::Wait(seconds(29))];
    let late = Step::Wait(seconds(60));
    check_session(
        make,
        steps.into_iter().chain([late]).collect(),
        "Close",
        Some(Reason::FeaturesTimeout),
    );
    let steps = vec![
        input(&[
            "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://b.example/'/>",
        ]),
        end(),
        Step::End,
    ];
    check_session(make, steps, "Close", None);
}
