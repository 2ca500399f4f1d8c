//! Each layer alone: all machines on bytes by one loop, and the session over whole messages without
//! a frame.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use bytes::BytesMut;
use ws_framing::{
    CloseCode, Connection, Instant, Reason,
    connection::{self, Action, Cause, Message, SendError},
    xmpp::{Closed, Config, Event, Messages, Outgoing, Role, Session, client, server},
};
use xmpp_machine::Machine;
use xmpp_wire::{StreamError, StreamHeader, ns};

use crate::support::{
    seconds,
    stream::{CLOSE, FEATURES, MESSAGE, OPEN, SUCCESS, element, stream_error},
};

#[expect(
    clippy::disallowed_methods,
    reason = "an epoch has to come from somewhere"
)]
fn now() -> Instant {
    Instant::now()
}

fn header() -> StreamHeader {
    StreamHeader {
        to: Some("a.example".to_owned()),
        ..StreamHeader::default()
    }
}

/// A machine on a pipe, and what its application does with an event.
struct End<M: Machine> {
    machine: M,
    input: BytesMut,
    react: fn(&mut M, M::Event, Instant),
    is_over: bool,
}

impl<M: Machine<Handover = Infallible>> End<M> {
    /// Does all that one end can do now; what it writes comes to the other end.
    fn advance(&mut self, other_input: &mut BytesMut, other_is_over: bool, now: Instant) {
        if self.machine.wants_input() && !self.input.is_empty() {
            self.machine.handle_input(&mut self.input, now);
        } else if other_is_over {
            self.machine.handle_eof(now);
        }
        loop {
            while let Some(action) = self.machine.poll_action() {
                match action {
                    Action::Deliver(event) => (self.react)(&mut self.machine, event, now),
                    Action::Close | Action::Abort => self.is_over = true,
                }
            }
            let Some(transmit) = self.machine.poll_transmit() else {
                return;
            };
            other_input.extend_from_slice(&transmit.head);
            other_input.extend_from_slice(&transmit.payload);
        }
    }
}

/// Runs two machines against each other until both are over.
fn run<A, B>(mut a: End<A>, mut b: End<B>, now: Instant)
where
    A: Machine<Handover = Infallible>,
    B: Machine<Handover = Infallible>,
{
    for _ in 0..100 {
        a.advance(&mut b.input, b.is_over, now);
        b.advance(&mut a.input, a.is_over, now);
    }
    assert!(a.is_over && b.is_over);
}

fn end<M: Machine>(machine: M, react: fn(&mut M, M::Event, Instant)) -> End<M> {
    End {
        machine,
        input: BytesMut::new(),
        react,
        is_over: false,
    }
}

/// The contract of every machine: one loop drives both ends of the frames and both ends of the
/// session.
#[test]
fn one_loop_drives_every_machine_on_bytes() {
    let now = now();
    let mut client = Connection::client(connection::Config::default(), [1; 32], now);
    client.send(Message::from("hello"), now).unwrap();
    let echo = |machine: &mut Connection, event, now| {
        if let connection::Event::Message(message) = event {
            machine.send(message, now).unwrap();
        }
    };
    let leave = |machine: &mut Connection, event, now| {
        if event == connection::Event::Message(Message::from("hello")) {
            machine.close(CloseCode::NORMAL, "", now);
        }
    };
    let server = Connection::server(connection::Config::default(), now);
    run(end(client, leave), end(server, echo), now);

    let mut client = client::Session::new(Config::default(), [1; 32], now);
    client.open(header(), now).unwrap();
    let server = server::Session::new(Config::default(), [2; 32], now);
    run(end(client, react_as_client), end(server, serve), now);
}

/// Opens, authenticates, sends a message and closes when it comes back.
fn react_as_client<W: ws_framing::xmpp::WebSocket>(
    session: &mut client::Session<W>,
    event: Event,
    now: Instant,
) {
    match event {
        Event::Element(element_) if element_.is("features", ns::STREAM) => {
            let next = if element_.child("bind", ns::BIND).is_some() {
                MESSAGE
            } else {
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
            };
            session.send(element(next), now).unwrap();
        }
        Event::Element(element) if element.is_stanza() => session.close(now),
        Event::Closing => session.close(now),
        Event::Opened { .. } | Event::Element(_) | Event::Writable => {}
        Event::Closed(closed) => assert_clean(&closed, Cause::Ours),
    }
}

/// Answers what comes, as a server, and sends stanzas back.
fn serve<W: ws_framing::xmpp::WebSocket>(
    session: &mut server::Session<W>,
    event: Event,
    now: Instant,
) {
    match event {
        Event::Opened { restart, .. } => {
            session.open(StreamHeader::default(), now).unwrap();
            let features = if restart {
                FEATURES.replace(
                    "/>",
                    "><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
                )
            } else {
                FEATURES.to_owned()
            };
            session.send(element(&features), now).unwrap();
        }
        Event::Element(given) if given.is_stanza() => session.send(given, now).unwrap(),
        Event::Element(_) => session.send(element(SUCCESS), now).unwrap(),
        Event::Closing => session.close(now),
        Event::Writable => {}
        Event::Closed(closed) => assert_clean(&closed, Cause::Peer),
    }
}

fn assert_clean(closed: &Closed, cause: Cause) {
    let connection = &closed.connection;
    assert_eq!((connection.code, connection.cause), (1000, cause));
    assert_eq!(connection.reason, None);
    assert!(closed.stream_closed && closed.undelivered.is_empty());
}

/// One end of a channel of whole messages.
struct Wire {
    outgoing: VecDeque<Outgoing>,
    is_over: bool,
}

/// Takes what one session wants sent, and gives it what the other's sent.
fn exchange<R: Role>(
    session: &mut Session<R, Messages>,
    react: fn(&mut Session<R, Messages>, Event, Instant),
    ours: &mut Wire,
    theirs: &mut Wire,
    now: Instant,
) {
    match theirs.outgoing.pop_front() {
        Some(Outgoing::Text(text)) => session.handle_message(Message::Text(text), now),
        // A WebSocket answers a Close by itself, and both ends are closed then.
        Some(Outgoing::Close(code)) => {
            ours.outgoing.push_back(Outgoing::Close(code));
            session.handle_closed(code.get(), "", now);
        }
        None => {}
    }
    while let Some(action) = session.poll_action() {
        match action {
            Action::Deliver(event) => react(session, event, now),
            Action::Close | Action::Abort => ours.is_over = true,
        }
    }
    ours.outgoing
        .extend(std::iter::from_fn(|| session.poll_message()));
}

/// RFC 7395 over a channel of whole messages: from `<open/>` through SASL and the restart to the
/// end, without a frame.
#[test]
fn a_client_and_a_server_over_whole_messages() {
    let now = now();
    let mut client = client::Session::over_messages(Config::default(), now);
    let mut server = server::Session::over_messages(Config::default(), [2; 32], now);
    client.open(header(), now).unwrap();
    let wire = || Wire {
        outgoing: VecDeque::new(),
        is_over: false,
    };
    let (mut up, mut down) = (wire(), wire());
    for _ in 0..100 {
        exchange(&mut client, react_as_client, &mut up, &mut down, now);
        exchange(&mut server, serve, &mut down, &mut up, now);
    }
    assert!(up.is_over && down.is_over);
    assert_eq!((client.poll_timeout(), server.poll_timeout()), (None, None));
    assert!(!client.wants_input() && !server.wants_input());
}

/// A server's session over messages, with a client played by hand.
fn served(config: Config) -> (server::Session<Messages>, Instant) {
    let now = now();
    (server::Session::over_messages(config, [2; 32], now), now)
}

/// What it wants sent: texts, and the Close by its code.
fn sent<R: Role>(session: &mut Session<R, Messages>) -> Vec<String> {
    std::iter::from_fn(|| session.poll_message())
        .map(|outgoing| match outgoing {
            Outgoing::Text(text) => text.as_str().to_owned(),
            Outgoing::Close(code) => format!("Close {code}"),
        })
        .collect()
}

/// The end, as the last of what was delivered.
fn ended<R: Role>(session: &mut Session<R, Messages>) -> (Closed, Action<Event>) {
    let mut actions: Vec<_> = std::iter::from_fn(|| session.poll_action()).collect();
    let order = actions.pop().unwrap();
    match actions.pop() {
        Some(Action::Deliver(Event::Closed(closed))) => (closed, order),
        other => panic!("{other:?}"),
    }
}

fn negotiated(config: Config) -> (server::Session<Messages>, Instant) {
    let (mut session, now) = served(config);
    session.handle_message(Message::from(OPEN), now);
    session.open(StreamHeader::default(), now).unwrap();
    sent(&mut session);
    session.send(element(FEATURES), now).unwrap();
    sent(&mut session);
    while session.poll_action().is_some() {}
    (session, now)
}

/// W-R-344: a message above the limit ends the stream with an error, and the WebSocket with 1009.
#[test]
fn a_message_above_the_limit() {
    let (mut session, now) = negotiated(Config::default());
    session.handle_message(Message::from("x".repeat(16_385)), now);
    let sent = sent(&mut session);
    assert!(sent[0].contains("policy-violation"), "{sent:?}");
    assert_eq!(sent[1..], [CLOSE, "Close 1009"]);
    session.handle_closed(1009, "", now);
    let (closed, order) = ended(&mut session);
    assert_eq!(closed.connection.reason, Some(Reason::MessageTooLong));
    assert_eq!(closed.connection.cause, Cause::Fault(CloseCode::TOO_BIG));
    assert_eq!(order, Action::Close);
}

/// W-R-344: as over frames, there is only the Close where there is no stream.
#[test]
fn a_first_message_above_the_limit() {
    let (mut session, now) = served(Config::default());
    session.handle_message(Message::from("x".repeat(16_385)), now);
    assert_eq!(sent(&mut session), ["Close 1009"]);
}

/// A full outbox gives the element back; `Writable` follows when half of it has left.
#[test]
fn room_comes_back_when_messages_are_taken() {
    let mut config = Config::default();
    config.connection.outbox_bytes = 100;
    let (mut session, now) = negotiated(config);
    session.send(element(MESSAGE), now).unwrap();
    let refused = session.send(element(MESSAGE), now);
    assert_eq!(refused, Err(SendError::Full(element(MESSAGE))));
    assert_eq!(session.poll_action(), None);
    assert_eq!(sent(&mut session), [MESSAGE]);
    assert_eq!(
        session.poll_action(),
        Some(Action::Deliver(Event::Writable))
    );
}

/// A WebSocket that is lost gives back what was not taken; the session stays resumable.
#[test]
fn what_was_not_taken_comes_back() {
    let (mut session, now) = negotiated(Config::default());
    session.send(element(MESSAGE), now).unwrap();
    session.handle_closed(1006, "", now);
    let (closed, order) = ended(&mut session);
    assert_eq!(closed.undelivered, [element(MESSAGE)]);
    assert_eq!(closed.connection.cause, Cause::Network);
    assert_eq!(closed.connection.reason, Some(Reason::TransportEnded));
    assert!(!closed.stream_closed);
    assert_eq!(order, Action::Close);
    assert_eq!(sent(&mut session), [""; 0]);
}

/// Each step of the end has its time; then the WebSocket is dropped.
#[test]
fn a_close_that_nobody_answers_ends_in_an_abort() {
    let (mut session, mut now) = negotiated(Config::default());
    session.fail(StreamError::new("conflict"), CloseCode::NORMAL, now);
    assert_eq!(sent(&mut session), [&*stream_error("conflict"), CLOSE]);
    now += seconds(5);
    session.handle_timeout(now);
    assert_eq!(sent(&mut session), ["Close 1000"]);
    now += seconds(5);
    session.handle_timeout(now);
    let (closed, order) = ended(&mut session);
    assert_eq!(closed.connection.cause, Cause::Ours);
    assert_eq!(closed.connection.reason, Some(Reason::CloseTimeout));
    assert_eq!(order, Action::Abort);
    assert_eq!(session.poll_timeout(), None);
    // Nothing is behind the end.
    session.handle_message(Message::from(MESSAGE), now);
    session.handle_closed(1000, "", now);
    assert_eq!(session.poll_action(), None);
}

/// While input is held, the client may come later with what it owes.
#[test]
fn held_input_stops_the_clock_of_the_negotiation() {
    let (mut session, mut now) = served(Config::default());
    session.hold_input(now);
    assert!(!session.wants_input());
    now += Duration::from_secs(60);
    session.handle_timeout(now);
    session.release_input(now);
    assert!(session.wants_input());
    assert_eq!(session.poll_timeout(), Some(now + seconds(10)));
}
