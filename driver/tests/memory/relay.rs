//! Relays: a web session, a server, and what is between them.

use std::{
    collections::VecDeque,
    future::{Future, pending},
    io,
    sync::{Arc, Mutex},
};

use bosh_proto::{Channel, ConnectionId};
use bytes::BytesMut;
use futures_channel::oneshot;
use futures_io::AsyncWrite;
use futures_lite::AsyncWriteExt as _;
use futures_util::FutureExt as _;
use xmpp_stream::{
    client::Tls,
    relay::{Config, Target},
};
use xmpp_web_driver::{
    bosh::{Exchange, Hub},
    relay::{Decision, Upstream, serve_bosh, serve_ws},
};
use xmpp_wire::StreamError;

use crate::{
    hub::{attribute, creation, hub, message, request},
    support::{End, Manual, World, pipe},
};

/// What becomes of a connection attempt.
enum Dial {
    Reached(End),
    Refused,
    Silent,
}

#[derive(Clone)]
struct Dialer(Arc<Mutex<VecDeque<Dial>>>);

impl Dialer {
    fn new(dial: Dial) -> Self {
        Self(Arc::new(Mutex::new([dial].into())))
    }

    fn config(tls: Tls) -> Config {
        let mut config = Config::default();
        config.stream.tls = tls;
        config.protected = true;
        config
    }
}

impl Upstream for Dialer {
    type Stream = End;

    fn connect(&self) -> impl Future<Output = io::Result<End>> + Send + 'static {
        let dial = self.0.lock().expect("no panic").pop_front();
        async {
            match dial {
                Some(Dial::Reached(end)) => Ok(end),
                Some(Dial::Refused) => Err(io::ErrorKind::ConnectionRefused.into()),
                Some(Dial::Silent) | None => pending().await,
            }
        }
    }

    /// Elsewhere there is always STARTTLS.
    fn connect_to(
        &self,
        target: &Target,
        from: End,
    ) -> impl Future<Output = io::Result<(End, Tls)>> + Send + 'static {
        assert_eq!(target.host, "b.example");
        drop(from);
        let dial = self.connect();
        async { Ok((dial.await?, Tls::StartTls)) }
    }

    fn start_tls(&self, mut stream: End) -> impl Future<Output = io::Result<End>> + Send + 'static {
        Box::pin(async move {
            stream.say("[handshake]").await;
            Ok(stream)
        })
    }
}

const FEATURES: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms>\
     <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

fn server_header() -> &'static str {
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s' from='localhost' version='1.0'>"
}

/// Answers the relay's header with a header and features.
async fn greet(server: &mut End) {
    server.until(" version='1.0'>").await;
    server.say(server_header()).await;
    server.say(FEATURES).await;
}

/// Every session goes to this server until the signal.
fn bosh(world: &mut World, dialer: &Dialer, tls: Tls) -> (Hub<Manual>, oneshot::Sender<()>) {
    let (hub, mut sessions) = hub(world);
    let runtime = world.runtime.clone();
    let dialer = dialer.clone();
    let (down, shutdown) = oneshot::channel::<()>();
    let shutdown = shutdown.map(|_| ()).shared();
    world.spawn(async move {
        while let Some(session) = sessions.next().await {
            let decision = Decision::Relay(Dialer::config(tls), dialer.clone());
            serve_bosh(session, decision, shutdown.clone(), runtime.clone()).await;
        }
    });
    (hub, down)
}

fn ask(hub: &Hub<Manual>, body: String) -> Exchange<Manual> {
    hub.exchange(bosh_proto::Request {
        body: body.into(),
        connection: ConnectionId(1),
        address: None,
        channel: Channel::Plain,
    })
}

fn answer(world: &mut World, mut exchange: Exchange<Manual>) -> String {
    let response = world.run(&mut exchange).expect("an answer");
    exchange.sent();
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn a_bosh_session_reaches_its_server_and_back() {
    let mut world = World::new();
    let (near, mut server) = pipe(64 * 1024);
    let (hub, _down) = bosh(&mut world, &Dialer::new(Dial::Reached(near)), Tls::None);
    let creating = ask(&hub, creation(60));
    world.run(greet(&mut server));
    let created = answer(&mut world, creating);
    assert!(
        created.contains("urn:ietf:params:xml:ns:xmpp-bind"),
        "{created}"
    );
    let sid = attribute(&created, "sid");
    let asked = ask(&hub, request(&sid, 1001, &message(1)));
    world.run(server.until("id='1'"));
    world.run(server.say(message(2)));
    let echoed = answer(&mut world, asked);
    assert!(echoed.contains("id='2'"), "{echoed}");
    let ending = request(&sid, 1002, "").replace("<body ", "<body type='terminate' ");
    let last = ask(&hub, ending);
    world.run(server.until("</stream:stream>"));
    world.run(server.say("</stream:stream>"));
    drop(server);
    assert!(answer(&mut world, last).contains("type='terminate'"));
    world.settle();
    assert_eq!(hub.sessions(), 0);
}

/// A server whose clients may send so many bytes before they sign in.
#[derive(Clone)]
struct Bounded {
    dialer: Dialer,
    room: Arc<Mutex<usize>>,
    signed_in: Arc<Mutex<usize>>,
}

impl Upstream for Bounded {
    type Stream = End;

    fn connect(&self) -> impl Future<Output = io::Result<End>> + Send + 'static {
        self.dialer.connect()
    }

    fn start_tls(&self, stream: End) -> impl Future<Output = io::Result<End>> + Send + 'static {
        self.dialer.start_tls(stream)
    }

    fn admit(&self, bytes: usize) -> bool {
        let mut room = self.room.lock().expect("no panic");
        let left = room.checked_sub(bytes);
        *room = left.unwrap_or_default();
        left.is_some()
    }

    fn login_succeeded(&self, _: Option<&str>) {
        *self.signed_in.lock().expect("no panic") += 1;
    }
}

/// W-R-476: what a client sends is asked about until its server says that it has signed in, which is told once.
#[test]
fn what_unauthenticated_clients_send_is_asked_about() {
    const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
    const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    for (room, enough) in [(AUTH.len(), true), (AUTH.len() - 1, false)] {
        let mut world = World::new();
        let (near, mut server) = pipe(64 * 1024);
        let upstream = Bounded {
            dialer: Dialer::new(Dial::Reached(near)),
            room: Arc::new(Mutex::new(room)),
            signed_in: Arc::default(),
        };
        let (hub, mut sessions) = hub(&world);
        let runtime = world.runtime.clone();
        let served = upstream.clone();
        world.spawn(async move {
            let session = sessions.next().await.expect("a session");
            let decision = Decision::Relay(Dialer::config(Tls::None), served);
            serve_bosh(session, decision, pending(), runtime).await;
        });
        let creating = ask(&hub, creation(60));
        world.run(greet(&mut server));
        let created = answer(&mut world, creating);
        let sid = attribute(&created, "sid");
        let asked = ask(&hub, request(&sid, 1001, AUTH));
        if !enough {
            let answer = answer(&mut world, asked);
            assert!(answer.contains("condition='policy-violation'"), "{answer}");
            continue;
        }
        world.run(server.until("ANONYMOUS'/>"));
        assert_eq!(*upstream.signed_in.lock().expect("no panic"), 0);
        world.run(server.say(SUCCESS));
        assert!(answer(&mut world, asked).contains("<success"));
        assert_eq!(*upstream.signed_in.lock().expect("no panic"), 1);
        let restart = request(&sid, 1002, "").replace(
            "<body ",
            "<body xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true' ",
        );
        let restarted = ask(&hub, restart);
        world.run(greet(&mut server));
        answer(&mut world, restarted);
        let _asked = ask(&hub, request(&sid, 1003, &message(7)));
        world.run(server.until("id='7'"));
        assert_eq!(*upstream.signed_in.lock().expect("no panic"), 1);
    }
}

#[test]
fn starttls_discards_what_was_not_protected() {
    let mut world = World::new();
    let (near, mut server) = pipe(64 * 1024);
    let dialer = Dialer::new(Dial::Reached(near));
    let (hub, _down) = bosh(&mut world, &dialer, Tls::StartTls);
    let creating = ask(&hub, creation(60));
    world.run(async {
        server.until(" version='1.0'>").await;
        server.say(server_header()).await;
        server
            .say("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
            .await;
        server.until("xmpp-tls").await;
        server
            .say("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><smuggled xmlns='x'/>")
            .await;
        server.until("[handshake]").await;
        greet(&mut server).await;
    });
    let created = answer(&mut world, creating);
    assert!(
        created.contains("urn:ietf:params:xml:ns:xmpp-bind"),
        "{created}"
    );
    assert!(!created.contains("smuggled"), "{created}");
}

const ELSEWHERE: &str = "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>b.example</see-other-host></stream:error></stream:stream>";

/// W-R-418: the first server was in plain TCP; the place where it sends the client takes STARTTLS, and hears nothing of the client's before it.
#[test]
fn a_redirect_is_followed_with_the_tls_of_its_place() {
    let mut world = World::new();
    let (near, mut first) = pipe(64 * 1024);
    let dialer = Dialer::new(Dial::Reached(near));
    let (near, mut second) = pipe(64 * 1024);
    dialer
        .0
        .lock()
        .expect("no panic")
        .push_back(Dial::Reached(near));
    let (hub, _down) = bosh(&mut world, &dialer, Tls::None);
    let creating = ask(&hub, creation(60));
    let plain = world.run(async {
        first.until(" version='1.0'>").await;
        first.say(server_header()).await;
        first.say(ELSEWHERE).await;
        let header = second.until(" version='1.0'>").await;
        second.say(server_header()).await;
        second
            .say("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
            .await;
        let plain = second.until("xmpp-tls").await;
        second
            .say("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
        second.until("[handshake]").await;
        greet(&mut second).await;
        format!("{header}{plain}")
    });
    assert_eq!(plain.matches("<?xml").count(), 1, "{plain}");
    let created = answer(&mut world, creating);
    assert!(
        created.contains("urn:ietf:params:xml:ns:xmpp-bind"),
        "{created}"
    );
}

/// W-R-418: a place that may not be connected to, or does not answer, is a server that was lost; a client that leaves meanwhile is not kept.
#[test]
fn a_place_that_is_not_reached_is_a_lost_server() {
    for silent in [false, true] {
        let mut world = World::new();
        let (near, mut first) = pipe(64 * 1024);
        let dialer = Dialer::new(Dial::Reached(near));
        let next = if silent { Dial::Silent } else { Dial::Refused };
        dialer.0.lock().expect("no panic").push_back(next);
        let (hub, _down) = bosh(&mut world, &dialer, Tls::None);
        let creating = ask(&hub, creation(60));
        world.run(async {
            first.until(" version='1.0'>").await;
            first.say(server_header()).await;
            first.say(ELSEWHERE).await;
        });
        let mut said = answer(&mut world, creating);
        if silent {
            let sid = attribute(&said, "sid");
            let ending = request(&sid, 1001, "").replace("<body ", "<body type='terminate' ");
            let last = ask(&hub, ending);
            said = answer(&mut world, last);
        }
        assert!(said.contains("type='terminate'"), "{said}");
        let lost = said.contains("condition='remote-connection-failed'");
        assert_eq!(lost, !silent, "{said}");
        world.settle();
        assert_eq!(hub.sessions(), 0);
    }
}

/// B-R-139's conditions
#[test]
fn a_server_that_cannot_be_reached_ends_the_session() {
    let mut world = World::new();
    let (hub, _down) = bosh(&mut world, &Dialer::new(Dial::Refused), Tls::None);
    let creating = ask(&hub, creation(60));
    let answer = answer(&mut world, creating);
    assert!(
        answer.contains("condition='remote-connection-failed'"),
        "{answer}"
    );
    world.settle();
    assert_eq!(hub.sessions(), 0);
}

#[test]
fn a_session_is_refused_with_the_condition_of_the_errors_name() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let runtime = world.runtime.clone();
    world.spawn(async move {
        let session = sessions.next().await.expect("a session");
        let decision = Decision::<Dialer>::Refuse(StreamError::new("host-unknown"));
        serve_bosh(session, decision, pending(), runtime).await;
    });
    let creating = ask(&hub, creation(60));
    let answer = answer(&mut world, creating);
    assert!(answer.contains("condition='host-unknown'"), "{answer}");
}

#[test]
fn nobody_waits_for_a_server_whose_client_has_left() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let runtime = world.runtime.clone();
    world.spawn(async move {
        let session = sessions.next().await.expect("a session");
        let decision = Decision::Relay(Dialer::config(Tls::None), Dialer::new(Dial::Silent));
        serve_bosh(session, decision, pending(), runtime).await;
    });
    let creating = ask(&hub, creation(60));
    let created = answer(&mut world, creating);
    let sid = attribute(&created, "sid");
    let ending = request(&sid, 1001, "").replace("<body ", "<body type='terminate' ");
    let last = ask(&hub, ending);
    let left = world.now();
    assert!(answer(&mut world, last).contains("type='terminate'"));
    world.settle();
    assert_eq!(world.now(), left);
    assert_eq!(world.tasks(), 1, "only the hub's timer");
}

#[test]
fn a_client_that_does_not_ask_stops_its_server_and_loses_nothing() {
    const MESSAGES: usize = 400;
    let mut world = World::new();
    let (near, mut server) = pipe(4096);
    let (hub, _down) = bosh(&mut world, &Dialer::new(Dial::Reached(near)), Tls::None);
    let creating = ask(&hub, creation(60));
    world.run(greet(&mut server));
    let created = answer(&mut world, creating);
    let sid = attribute(&created, "sid");
    let written = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&written);
    let body = "x".repeat(2000);
    world.spawn(async move {
        for id in 0..MESSAGES {
            let message = format!("<message id='n{id}n'><body>{body}</body></message>");
            server.write_all(message.as_bytes()).await.expect("written");
            *counted.lock().expect("no panic") += 1;
        }
        pending().await
    });
    world.settle();
    let stopped_at = *written.lock().expect("no panic");
    // The outbox of the session (256 KiB), what the relay had read, and the connection's buffer.
    assert!((100..250).contains(&stopped_at), "{stopped_at}");
    let (mut seen, mut rid) = (0, 1001);
    while seen < MESSAGES {
        let asked = ask(&hub, request(&sid, rid, ""));
        let got = answer(&mut world, asked);
        rid += 1;
        for part in got.split("<message ").skip(1) {
            assert!(part.contains(&format!("n{seen}n")), "{seen}: {part:.60}");
            seen += 1;
        }
    }
}

/// W-R-473, B-R-153
#[test]
fn at_shutdown_the_server_gets_back_what_did_not_arrive_and_the_end() {
    let mut world = World::new();
    let (near, mut server) = pipe(64 * 1024);
    let (hub, down) = bosh(&mut world, &Dialer::new(Dial::Reached(near)), Tls::None);
    let creating = ask(&hub, creation(60));
    world.run(greet(&mut server));
    answer(&mut world, creating);
    world.run(server.say("<message from='a@localhost' id='late'><body>x</body></message>"));
    world.settle();
    hub.shutdown();
    down.send(()).expect("somebody listens");
    let end = world.run(server.until("</stream:stream>"));
    assert!(end.contains("recipient-unavailable"), "{end}");
}

/// A client's frame: a text message, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()).expect("a short text") {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).expect("in range")),
        long => {
            frame.push(0x80 | 126);
            frame.extend(long.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

const OPEN: &str =
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

/// A served WebSocket.
fn ws(world: &mut World, decision: Decision<Dialer>) -> (End, oneshot::Sender<()>) {
    let (io, client) = pipe(4096);
    let session = ws_framing::xmpp::server::Session::new(
        ws_framing::xmpp::Config::default(),
        [7; 32],
        world.now(),
    );
    let runtime = world.runtime.clone();
    let (down, shutdown) = oneshot::channel::<()>();
    world.spawn(async move {
        serve_ws(
            session,
            io,
            BytesMut::new(),
            |header| {
                assert_eq!(header.to.as_deref(), Some("localhost"));
                decision
            },
            shutdown.map(|_| ()),
            runtime,
        )
        .await;
    });
    (client, down)
}

fn relayed(dial: Dial) -> Decision<Dialer> {
    Decision::Relay(Dialer::config(Tls::None), Dialer::new(dial))
}

/// From the client's opening to its restarted stream.
fn authenticate(world: &mut World, client: &mut End, server: &mut End) {
    world.run(client.say(frame(OPEN)));
    world.run(greet(server));
    world.run(client.until("</stream:features>"));
    world.run(client.say(frame(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
    )));
    world.run(server.until("<auth "));
    world.run(server.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"));
    world.run(client.until("<success "));
    world.run(client.say(frame(OPEN)));
    world.run(greet(server));
    world.run(client.until("</stream:features>"));
}

/// The code of the Close frame that ends this output.
fn close_code(output: &[u8]) -> u16 {
    let frame = output.len() - usize::from(output[output.len() - 1] != 0x88) * 4;
    let frame = &output[frame..];
    assert_eq!(
        frame[..2],
        [0x88, 2],
        "{:?}",
        String::from_utf8_lossy(output)
    );
    u16::from_be_bytes([frame[2], frame[3]])
}

#[test]
fn a_websocket_reaches_its_server_and_back_and_closes() {
    let mut world = World::new();
    let (near, mut server) = pipe(64 * 1024);
    let (mut client, _down) = ws(&mut world, relayed(Dial::Reached(near)));
    authenticate(&mut world, &mut client, &mut server);
    world.run(client.say(frame(&message(1))));
    world.run(server.until("id='1'"));
    world.run(server.say(message(2)));
    world.run(client.until("id='2'"));
    world.run(client.say(frame(CLOSE)));
    world.run(server.until("</stream:stream>"));
    world.run(server.say("</stream:stream>"));
    world.run(client.until("<close "));
    world.run(client.say([0x88, 0x82, 0, 0, 0, 0, 3, 232]));
    let rest = world.run(client.rest());
    assert_eq!(close_code(&rest), 1000);
    drop((client, server));
    world.settle();
    assert_eq!(world.tasks(), 0);
}

/// W-R-444
#[test]
fn a_websocket_whose_server_cannot_be_reached_is_told() {
    let mut world = World::new();
    let (mut client, _down) = ws(&mut world, relayed(Dial::Refused));
    world.run(client.say(frame(OPEN)));
    let rest = world.run(client.rest());
    let text = String::from_utf8_lossy(&rest);
    for part in ["<open ", "internal-server-error", "<close "] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(close_code(&rest), 1011);
}

/// W-R-416, W-R-437
#[test]
fn a_websocket_that_is_lost_ends_its_stream() {
    let mut world = World::new();
    let (near, mut server) = pipe(64 * 1024);
    let (mut client, _down) = ws(&mut world, relayed(Dial::Reached(near)));
    world.run(client.say(frame(OPEN)));
    world.run(greet(&mut server));
    world.run(client.until("xmpp-bind"));
    drop(client);
    world.run(server.until("</stream:stream>"));
    drop(server);
    world.settle();
    assert_eq!(world.tasks(), 0);
}

#[test]
fn a_websocket_that_leaves_while_its_server_is_dialled_is_not_waited_for() {
    let mut world = World::new();
    let (mut client, _down) = ws(&mut world, relayed(Dial::Silent));
    world.run(client.say(frame(OPEN)));
    world.settle();
    let left = world.now();
    drop(client);
    world.settle();
    assert_eq!(world.tasks(), 0);
    assert_eq!(world.now(), left);
}

#[test]
fn a_websocket_is_refused_with_the_error() {
    let mut world = World::new();
    let refusal = Decision::Refuse(StreamError::new("host-unknown"));
    let (mut client, _down) = ws(&mut world, refusal);
    world.run(client.say(frame(OPEN)));
    let rest = world.run(client.rest());
    let text = String::from_utf8_lossy(&rest);
    assert!(text.contains("host-unknown"), "{text}");
    assert_eq!(close_code(&rest), 1000);
}

/// W-R-473
#[test]
fn at_shutdown_a_websocket_is_told_and_its_stream_ended() {
    let mut world = World::new();
    let (near, mut server) = pipe(64 * 1024);
    let (mut client, down) = ws(&mut world, relayed(Dial::Reached(near)));
    world.run(client.say(frame(OPEN)));
    world.run(greet(&mut server));
    world.run(client.until("xmpp-bind"));
    down.send(()).expect("somebody listens");
    world.run(server.until("</stream:stream>"));
    let rest = world.run(client.rest());
    let text = String::from_utf8_lossy(&rest);
    assert!(text.contains("system-shutdown"), "{text}");
    assert_eq!(close_code(&rest), 1001);
}

/// W-R-473, W-R-447
#[test]
fn at_shutdown_a_resumable_websocket_and_its_stream_get_no_xml() {
    let mut world = World::new();
    let (near, mut server) = pipe(64 * 1024);
    let (mut client, down) = ws(&mut world, relayed(Dial::Reached(near)));
    world.run(client.say(frame(OPEN)));
    world.run(greet(&mut server));
    world.run(server.say("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>"));
    world.run(client.until("urn:xmpp:sm:3"));
    world.run(client.until("/>"));
    down.send(()).expect("somebody listens");
    let rest = world.run(client.rest());
    assert_eq!(rest, [0x88, 2, 3, 233]);
    assert!(!String::from_utf8_lossy(&world.run(server.rest())).contains("</stream:stream>"));
}

#[test]
fn a_websocket_that_does_not_read_stops_its_server_and_loses_nothing() {
    const MESSAGES: usize = 400;
    let mut world = World::new();
    let (near, mut server) = pipe(4096);
    let (mut client, _down) = ws(&mut world, relayed(Dial::Reached(near)));
    authenticate(&mut world, &mut client, &mut server);
    let written = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&written);
    let body = "x".repeat(2000);
    world.spawn(async move {
        for id in 0..MESSAGES {
            let message = format!("<message id='n{id}n'><body>{body}</body></message>");
            server.write_all(message.as_bytes()).await.expect("written");
            *counted.lock().expect("no panic") += 1;
        }
        server.rest().await;
    });
    world.settle();
    let stopped_at = *written.lock().expect("no panic");
    assert!((100..300).contains(&stopped_at), "{stopped_at}");
    for id in 0..MESSAGES {
        world.run(client.until(&format!("n{id}n")));
    }
}

/// Neither side reads, both write: both are stopped, also by each other's orders to hold, and nothing is lost.
#[test]
fn floods_in_both_directions_are_stopped_and_arrive() {
    const MESSAGES: usize = 400;
    fn flood(
        world: &mut World,
        mut to: impl AsyncWrite + Send + Unpin + 'static,
        wrap: fn(&str) -> Vec<u8>,
    ) -> Arc<Mutex<usize>> {
        let written = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&written);
        let body = "x".repeat(2000);
        world.spawn(async move {
            for id in 0..MESSAGES {
                let message = format!(
                    "<message xmlns='jabber:client' id='n{id}n'><body>{body}</body></message>"
                );
                to.write_all(&wrap(&message)).await.expect("written");
                *counted.lock().expect("no panic") += 1;
            }
            pending().await
        });
        written
    }
    let mut world = World::new();
    let (near, mut server) = pipe(4096);
    let (mut client, _down) = ws(&mut world, relayed(Dial::Reached(near)));
    authenticate(&mut world, &mut client, &mut server);
    let (mut client_reads, client_writes) = client.split();
    let (mut server_reads, server_writes) = server.split();
    let sent = flood(&mut world, server_writes, |message| message.into());
    let received = flood(&mut world, client_writes, frame);
    world.settle();
    // The outbox (256 KiB), what it gave out to be written before, what had been read already, and the connections' buffers.
    for count in [&sent, &received] {
        let stopped_at = *count.lock().expect("no panic");
        assert!((100..300).contains(&stopped_at), "{stopped_at}");
    }
    for id in 0..MESSAGES {
        world.run(client_reads.until(&format!("n{id}n")));
        world.run(server_reads.until(&format!("n{id}n")));
    }
}
