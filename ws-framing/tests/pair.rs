//! A client and a server `Connection` over a link that cuts bytes anywhere.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use ws_framing::{
    CloseCode, Connection, Instant,
    connection::{Action, Binary, Cause, Closed, Config, Event, Message, SendError},
};

use crate::support::{Rig, seconds};

/// What one end was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    messages: Vec<Message>,
    pongs: Vec<Bytes>,
    closed: Option<Closed>,
    /// Its driver has shut the transport.
    shut: bool,
}

/// Moves up to `most` bytes from one end's output to the other's input.
struct Link {
    in_flight: BytesMut,
}

impl Link {
    fn new() -> Self {
        Self {
            in_flight: BytesMut::new(),
        }
    }

    fn carry(&mut self, from: &mut Rig<Connection>, to: &mut Rig<Connection>, most: usize) -> bool {
        if self.in_flight.is_empty() {
            let transmit = from.machine.poll_transmit().unwrap_or_default();
            self.in_flight.extend_from_slice(&transmit.head);
            self.in_flight.extend_from_slice(&transmit.payload);
        }
        let cut = self.in_flight.len().min(most);
        let piece = self.in_flight.split_to(cut);
        if cut > 0 {
            to.feed(piece);
        }
        cut > 0
    }
}

fn collect(rig: &mut Rig<Connection>, told: &mut Told) {
    for action in rig.actions() {
        assert!(!told.shut, "an order behind the last one");
        match action {
            Action::Deliver(Event::Message(message)) => told.messages.push(message),
            Action::Deliver(Event::Pong(payload)) => told.pongs.push(payload),
            Action::Deliver(Event::Writable) => {}
            Action::Deliver(Event::Closed(closed)) => {
                assert_eq!(told.closed.replace(closed), None);
            }
            Action::Close | Action::Abort => told.shut = true,
        }
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.binary = Binary::Accepted;
    config.outbox_bytes = 8192;
    config
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        "\\PC{0,40}".prop_map(Message::from),
        (0usize..5000).prop_map(|length| Message::from("é".repeat(length))),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Message::Binary(bytes.into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// W-R-080: no head of any HTTP is needed. Every message arrives once and in order, both ways, and the closing is clean, whichever end starts it.
    #[test]
    fn messages_arrive_whatever_the_cuts(
        up in prop::collection::vec(message(), 0..12),
        down in prop::collection::vec(message(), 0..12),
        cuts in prop::collection::vec(1usize..3000, 1..40),
        server_closes in any::<bool>(),
    ) {
        let (mut client, mut server) = (Rig::client(config()), Rig::server(config()));
        server.now = client.now;
        let (mut at_client, mut at_server) = (Told::default(), Told::default());
        let (mut to_server, mut to_client) = (Link::new(), Link::new());
        let (mut ups, mut downs) = (up.iter().cloned().collect::<std::collections::VecDeque<_>>(), down.iter().cloned().collect::<std::collections::VecDeque<_>>());
        client.machine.ping("?".into(), client.now).unwrap();
        let mut closing = false;
        for cut in cuts.iter().cycle().take(100_000) {
            for (queue, rig) in [(&mut ups, &mut client), (&mut downs, &mut server)] {
                while let Some(next) = queue.pop_front() {
                    match rig.machine.send(next, rig.now) {
                        Ok(()) => {}
                        Err(SendError::Full(next)) => {
                            queue.push_front(next);
                            break;
                        }
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
            let moved = to_server.carry(&mut client, &mut server, *cut)
                | to_client.carry(&mut server, &mut client, *cut);
            collect(&mut client, &mut at_client);
            collect(&mut server, &mut at_server);
            if !moved && ups.is_empty() && downs.is_empty() {
                if closing {
                    break;
                }
                closing = true;
                let end = if server_closes { &mut server } else { &mut client };
                end.machine.close(CloseCode::NORMAL, "done", end.now);
            }
        }
        prop_assert_eq!(&at_server.messages, &up);
        prop_assert_eq!(&at_client.messages, &down);
        prop_assert_eq!(&at_client.pongs, &[Bytes::from("?")]);
        prop_assert!(at_server.shut, "the server ends TCP first");
        prop_assert!(!at_client.shut);
        client.machine.handle_eof(client.now);
        collect(&mut client, &mut at_client);
        let causes = if server_closes { (Cause::Peer, Cause::Ours) } else { (Cause::Ours, Cause::Peer) };
        let ends = (at_client.closed.unwrap(), at_server.closed.unwrap());
        prop_assert_eq!((ends.0.code, ends.1.code), (1000, 1000));
        prop_assert_eq!((ends.0.cause, ends.1.cause), causes);
    }
}

/// Both ends close at once.
#[test]
fn closes_cross() {
    let (mut client, mut server) = (Rig::client(config()), Rig::server(config()));
    client.machine.close(CloseCode::NORMAL, "", client.now);
    server.machine.close(CloseCode::GOING_AWAY, "", server.now);
    let (up, down) = (client.output(), server.output());
    server.feed(up);
    client.feed(down);
    assert_eq!(server.events().1.map(|closed| closed.code), Some(1000));
    client.machine.handle_eof(client.now);
    assert_eq!(client.events().1.map(|closed| closed.code), Some(1001));
    assert_eq!((client.output(), server.output()), (vec![], vec![]));
}

/// Pings keep an idle pair alive for ever.
#[test]
fn an_idle_pair_stays() {
    let (mut client, mut server) = (Rig::client(config()), Rig::server(config()));
    server.now = client.now;
    let end: Instant = client.now + seconds(3600);
    while client.now < end {
        let deadlines = [client.machine.poll_timeout(), server.machine.poll_timeout()];
        let now = deadlines.into_iter().flatten().min().unwrap();
        for rig in [&mut client, &mut server] {
            rig.now = now;
            rig.machine.handle_timeout(now);
        }
        for _ in 0..2 {
            let (up, down) = (client.output(), server.output());
            server.feed(up);
            client.feed(down);
        }
    }
    assert_eq!((client.actions(), server.actions()), (vec![], vec![]));
}
