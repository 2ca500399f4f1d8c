//! A BOSH client's POSTs over a pool of HTTP/1.1 connections.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bosh_proto::binding::client::Endpoint;
use bytes::Bytes;
use futures_lite::future::poll_once;
use xmpp_web_driver::{
    Runtime as _,
    post::{
        Config, Connect, Failure, Pool, Post as _, Progress, Reason, Refused, Reply, Unreadable,
    },
};

use crate::support::{End, Manual, World, pipe};

/// What happens to the next attempt to connect; with nothing planned it succeeds.
enum Plan {
    Refused,
    Untrusted,
    Never,
}

/// The servers' ends of the connections that were made, and what becomes of the next ones.
#[derive(Clone, Default)]
struct Network {
    ends: Arc<Mutex<VecDeque<End>>>,
    made: Arc<Mutex<usize>>,
    plans: Arc<Mutex<VecDeque<Plan>>>,
}

impl Connect for Network {
    type Stream = End;

    async fn connect(&self) -> Result<End, Refused> {
        let plan = self.plans.lock().expect("no panic").pop_front();
        match plan {
            None => {}
            Some(Plan::Refused) => {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
            }
            Some(Plan::Untrusted) => {
                return Err(Refused::Untrusted(io::ErrorKind::InvalidData.into()));
            }
            Some(Plan::Never) => std::future::pending().await,
        }
        let (client, server) = pipe(64 * 1024);
        *self.made.lock().expect("no panic") += 1;
        self.ends.lock().expect("no panic").push_back(server);
        Ok(client)
    }
}

impl Network {
    /// The server's end of the oldest connection that was not taken yet.
    fn accept(&self) -> End {
        let end = self.ends.lock().expect("no panic").pop_front();
        end.expect("a connection was made")
    }

    fn made(&self) -> usize {
        *self.made.lock().expect("no panic")
    }

    fn plan(&self, plan: Plan) {
        self.plans.lock().expect("no panic").push_back(plan);
    }
}

type Posting<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

fn pool(world: &World, config: Config) -> (Pool<Network, Manual>, Network) {
    let network = Network::default();
    let endpoint = Endpoint::parse("http://bosh.example:5280/http-bind").expect("a URL");
    let pool = Pool::new(endpoint, network.clone(), config, world.runtime.clone());
    (pool, network)
}

/// A POST that is on its way as far as it comes.
fn start<'a>(
    world: &mut World,
    pool: &'a Pool<Network, Manual>,
    body: &'static str,
) -> Posting<'a> {
    let mut posting: Posting<'a> = Box::pin(pool.post(Bytes::from(body)));
    assert!(world.run(poll_once(&mut posting)).is_none(), "{body}");
    world.settle();
    // A connection that was just made hears of it only when the POST goes on.
    assert!(world.run(poll_once(&mut posting)).is_none(), "{body}");
    world.settle();
    posting
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn body(result: Result<Reply, Failure>) -> String {
    let reply = result.expect("an answer");
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body.to_vec()).expect("text")
}

/// Lets time pass.
fn sleep(world: &mut World, period: Duration) {
    let runtime = world.runtime.clone();
    let until = world.now() + period;
    world.run(async move { runtime.sleep_until(until).await });
    world.settle();
}

/// B-R-003, B-R-006, B-R-016: what a request says; an answer of any type is one; one connection serves one request after the other.
#[test]
fn a_connection_is_used_again() {
    let mut world = World::new();
    let (pool, network) = pool(&world, Config::default());
    let posting = start(&mut world, &pool, "<body>\u{e9}</body>");
    let mut server = network.accept();
    let request = world.run(server.until("</body>"));
    assert_eq!(
        request,
        "POST /http-bind HTTP/1.1\r\nHost: bosh.example:5280\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 15\r\n\r\n<body>\u{e9}</body>"
    );
    world.run(server.say(answer("one")));
    assert_eq!(body(world.run(posting)), "one");
    let posting = start(&mut world, &pool, "<two/>");
    world.run(server.until("<two/>"));
    world.run(server.say(answer("two")));
    assert_eq!(body(world.run(posting)), "two");
    assert_eq!(network.made(), 1);
}

/// B-R-014, B-R-016: requests at the same time go on connections of their own; a session with two of them makes two connections.
#[test]
fn two_at_a_time_make_two_connections() {
    let mut world = World::new();
    let (pool, network) = pool(&world, Config::default());
    let mut held = start(&mut world, &pool, "<0/>");
    let mut servers = VecDeque::from([network.accept()]);
    world.run(servers[0].until("<0/>"));
    for _ in 0..20 {
        let next = start(&mut world, &pool, "<n/>");
        if servers.len() < 2 {
            servers.push_back(network.accept());
        }
        // The one that is held is answered when the next has come.
        world.run(servers[1].until("<n/>"));
        world.run(servers[0].say(answer("x")));
        assert_eq!(body(world.run(held)), "x");
        servers.rotate_left(1);
        held = next;
    }
    assert_eq!(network.made(), 2);
}

/// Beyond the bound posts wait in order, those that gave up passed over, and get the connections that become idle.
#[test]
fn the_number_of_connections_is_bounded() {
    let mut world = World::new();
    let mut config = Config::default();
    config.connections = 1;
    let (pool, network) = pool(&world, config);
    let first = start(&mut world, &pool, "<1/>");
    let second = start(&mut world, &pool, "<2/>");
    let given_up = start(&mut world, &pool, "<3/>");
    let fourth = start(&mut world, &pool, "<4/>");
    drop(given_up);
    let mut server = network.accept();
    world.run(server.until("<1/>"));
    world.run(server.say(answer("1")));
    assert_eq!(body(world.run(first)), "1");
    for (mut posting, request) in [(second, "<2/>"), (fourth, "<4/>")] {
        // Its turn came when the connection became idle; it sends when it is looked at.
        assert!(world.run(poll_once(&mut posting)).is_none());
        world.run(server.until(request));
        world.run(server.say(answer(request)));
        assert_eq!(body(world.run(posting)), request);
    }
    assert_eq!(network.made(), 1);
}

/// A dropped future closes its connection, no other; the session's next POST is not held up.
#[test]
fn an_abandoned_exchange_closes_its_connection() {
    let mut world = World::new();
    let mut config = Config::default();
    config.connections = 2;
    let (pool, network) = pool(&world, config);
    let kept = start(&mut world, &pool, "<kept/>");
    let mut other = network.accept();
    let dropped = start(&mut world, &pool, "<dropped/>");
    let mut server = network.accept();
    world.run(server.until("<dropped/>"));
    drop(dropped);
    world.settle();
    assert_eq!(world.run(server.rest()), b"", "the connection ended");
    let next = start(&mut world, &pool, "<next/>");
    world.run(network.accept().until("<next/>"));
    drop(next);
    world.run(other.until("<kept/>"));
    world.run(other.say(answer("kept")));
    assert_eq!(body(world.run(kept)), "kept");
    assert_eq!(network.made(), 3);
}

/// A POST that is dropped while its connection is being made makes room for the next one.
#[test]
fn a_dropped_attempt_makes_room() {
    let mut world = World::new();
    let mut config = Config::default();
    config.connections = 1;
    let (pool, network) = pool(&world, config);
    network.plan(Plan::Never);
    let dropped = start(&mut world, &pool, "<dropped/>");
    let mut next = start(&mut world, &pool, "<next/>");
    assert_eq!(network.made(), 0);
    drop(dropped);
    assert!(world.run(poll_once(&mut next)).is_none());
    world.settle();
    let mut server = network.accept();
    world.run(server.until("<next/>"));
    world.run(server.say(answer("x")));
    assert_eq!(body(world.run(next)), "x");
}

/// A connection that the server closed while it was idle is not used again; nothing was sent on it, so nobody needs to know.
#[test]
fn an_idle_connection_that_ended_is_replaced() {
    let mut world = World::new();
    let (pool, network) = pool(&world, Config::default());
    for end in ["eof", "408", "idle"] {
        let posting = start(&mut world, &pool, "<1/>");
        let mut server = network.accept();
        world.run(server.until("<1/>"));
        world.run(server.say(answer("x")));
        assert_eq!(body(world.run(posting)), "x");
        match end {
            "eof" => drop(server),
            "408" => {
                world.run(server.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"))
            }
            _ => sleep(&mut world, Duration::from_secs(50)),
        }
        world.settle();
    }
    assert_eq!(network.made(), 3);
    sleep(&mut world, Duration::from_secs(60));
    assert_eq!(world.tasks(), 0);
}

/// A break behind the request is told, with how far it came, and not repeated here: the session knows what may be sent twice.
#[test]
fn a_break_is_told_and_not_repeated() {
    for (said, expected) in [
        ("", Progress::Sent),
        ("HTTP/1.1 200", Progress::Answering),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            Progress::Answering,
        ),
    ] {
        let mut world = World::new();
        let (pool, network) = pool(&world, Config::default());
        let posting = start(&mut world, &pool, "<1/>");
        let mut server = network.accept();
        world.run(server.until("<1/>"));
        world.run(server.say(answer("x")));
        assert_eq!(body(world.run(posting)), "x");
        let posting = start(&mut world, &pool, "<2/>");
        world.run(server.until("<2/>"));
        world.run(server.say(said));
        drop(server);
        let failure = world.run(posting).expect_err("no answer");
        assert!(
            matches!(failure, Failure::Lost(Some(progress)) if progress == expected),
            "{failure:?} {said}"
        );
        assert_eq!(network.made(), 1);
    }
}

#[test]
fn what_is_no_answer_is_told_apart() {
    let too_large = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 3 << 20);
    for said in [
        "SSH-2.0\r\n",
        &too_large,
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nxx",
    ] {
        let mut world = World::new();
        let (pool, network) = pool(&world, Config::default());
        let posting = start(&mut world, &pool, "<1/>");
        let mut server = network.accept();
        world.run(server.until("<1/>"));
        world.run(server.say(said));
        let result = world.run(posting);
        let expected = match &result {
            Err(Failure::NotHttp(Reason::HeadMalformed)) => "SSH",
            Err(Failure::TooLarge) => "3145728",
            Err(Failure::Unreadable(Unreadable::Coding)) => "gzip",
            Ok(reply) if reply.status == 404 && reply.body == "xx" => "404",
            other => panic!("{other:?}"),
        };
        assert!(said.contains(expected), "{said} {result:?}");
    }
}

/// The connection's deadline ends what no session ends.
#[test]
fn silence_ends_by_itself() {
    let mut world = World::new();
    let (pool, network) = pool(&world, Config::default());
    let posting = start(&mut world, &pool, "<1/>");
    let before = world.now();
    let failure = world.run(posting).expect_err("no answer");
    assert!(
        matches!(failure, Failure::Timeout(Progress::Sent)),
        "{failure:?}"
    );
    assert_eq!(world.now() - before, Duration::from_secs(90));
    assert_eq!(network.made(), 1);
}

#[test]
fn no_connection_is_told_with_its_reason() {
    let mut world = World::new();
    let mut config = Config::default();
    config.connections = 1;
    let (pool, network) = pool(&world, config);
    network.plan(Plan::Refused);
    network.plan(Plan::Untrusted);
    network.plan(Plan::Never);
    let failure = world.run(pool.post("<1/>".into())).expect_err("refused");
    assert!(
        matches!(&failure, Failure::Unreached(error) if error.kind() == io::ErrorKind::ConnectionRefused),
        "{failure:?}"
    );
    let failure = world.run(pool.post("<1/>".into())).expect_err("untrusted");
    assert!(matches!(failure, Failure::Untrusted(_)), "{failure:?}");
    let before = world.now();
    let failure = world.run(pool.post("<1/>".into())).expect_err("never");
    assert!(
        matches!(&failure, Failure::Unreached(error) if error.kind() == io::ErrorKind::TimedOut),
        "{failure:?}"
    );
    assert_eq!(world.now() - before, Duration::from_secs(10));
    // None of them kept the one connection that there may be.
    let posting = start(&mut world, &pool, "<1/>");
    let mut server = network.accept();
    world.run(server.until("<1/>"));
    world.run(server.say(answer("x")));
    assert_eq!(body(world.run(posting)), "x");
}

/// B-R-002: a server that closes after each answer, HTTP/1.0 or not, gets a connection for each request.
#[test]
fn a_server_without_keep_alive_works() {
    let mut world = World::new();
    let mut config = Config::default();
    config.connections = 2;
    let (pool, network) = pool(&world, config);
    for said in [
        "HTTP/1.0 200 OK\r\n\r\nx",
        "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ] {
        let posting = start(&mut world, &pool, "<1/>");
        let mut server = network.accept();
        world.run(server.until("<1/>"));
        world.run(server.say(said));
        drop(server);
        assert_eq!(body(world.run(posting)), "x");
    }
    assert_eq!(network.made(), 4);
    world.settle();
    assert_eq!(world.tasks(), 0);
}

#[test]
fn the_pools_end_ends_its_connections() {
    let mut world = World::new();
    let (pool, network) = pool(&world, Config::default());
    let posting = start(&mut world, &pool, "<1/>");
    let mut server = network.accept();
    world.run(server.until("<1/>"));
    world.run(server.say(answer("x")));
    assert_eq!(body(world.run(posting)), "x");
    drop(pool);
    world.settle();
    assert_eq!(world.run(server.rest()), b"");
    drop(server);
    world.settle();
    assert_eq!(world.tasks(), 0);
}
