//! One program signs in over both transports, whenever it calls `restart` or sends, and however slow the server is.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use xmpp_web_driver::{
    Runtime as _,
    client::{Event, Receiver, Sender},
    server,
};
use xmpp_wire::{Element, StreamHeader, ns};

use crate::{
    net::Net,
    server::serve,
    support::World,
    talking::{BOTH, once, start, turn},
};

/// When the program does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// Behind `<auth/>`, and so many turns of all tasks later: the success may have come, and the application has not heard of it.
    Early(u8),
    Success,
    /// So many turns later.
    AfterSuccess(u8),
    Restarted,
    Features,
    Never,
}

/// What the server heard, in order.
type Heard = Arc<Mutex<Vec<String>>>;

/// A server that answers with this delay, after SASL and after the restart.
fn signs_in(world: &mut World, net: &Net, success: &Element, delay: Duration) -> Heard {
    let mut server = serve(net, "t1.example", |_| {});
    let (heard, network) = (Heard::default(), net.clone());
    let (log, success) = (Arc::clone(&heard), success.clone());
    let hear = move |what: &str| log.lock().expect("no panic").push(what.to_owned());
    world.spawn(async move {
        let opening = server.next().await.expect("a client");
        let mut session = opening.accept(StreamHeader::default());
        let features = || Element::build("features", ns::STREAM).finish();
        session.send(features()).await.expect("open");
        while let Some(event) = session.next().await {
            let answer = match event {
                server::Event::Element(element) if element.is("auth", ns::SASL) => {
                    hear("auth");
                    success.clone()
                }
                server::Event::Element(element) => {
                    hear(element.name().local);
                    continue;
                }
                server::Event::Restarted(_) => {
                    hear("restart");
                    features()
                }
                server::Event::Closed(_) | _ => continue,
            };
            if delay > Duration::ZERO {
                network.sleep_until(network.now() + delay).await;
            }
            session.send(answer).await.expect("open");
        }
    });
    heard
}

/// The program. What it saw, in order, and whether each call of `restart` was right.
struct Program {
    sender: Sender,
    receiver: Receiver,
    seen: Vec<String>,
    restarts: Vec<bool>,
}

impl Program {
    /// Calls that are due `now`; those before the success may be refused.
    fn act(&mut self, world: &mut World, [restart, send]: [When; 2], now: When) {
        if restart == now {
            // Once more does no harm.
            for _ in 0..2 {
                let due = self.sender.restart().is_ok();
                self.restarts.push(due);
            }
        }
        if send == now {
            let iq = Element::build("iq", ns::CLIENT).attribute("type", "set");
            let sent = self.sender.try_send(iq.finish());
            sent.unwrap_or_else(|refused| panic!("{refused} at {now:?}"));
            turn(world);
        }
    }

    fn next(&mut self, world: &mut World) -> &str {
        let what = match world.run(self.receiver.next()) {
            Some(Event::Element(element)) => element.name().local.to_owned(),
            Some(Event::Restarted) => "restarted".to_owned(),
            event => panic!("{event:?} after {:?}", self.seen),
        };
        self.seen.push(what);
        self.seen.last().expect("pushed")
    }
}

fn run(url: &str, calls: [When; 2], delay: Duration, success: &Element) -> (Program, Vec<String>) {
    let mut world = World::new();
    let net = Net::new(&world);
    let heard = signs_in(&mut world, &net, success, delay);
    let mut client = start(&net, &[url]);
    assert!(matches!(world.run(client.next()), Some(Event::Opened(_))));
    let (mut sender, receiver) = client.split();
    let auth = Element::build("auth", ns::SASL).attribute("mechanism", "ANONYMOUS");
    world.run(sender.send(auth.finish())).expect("open");
    let mut program = Program {
        sender,
        receiver,
        seen: Vec::new(),
        restarts: Vec::new(),
    };
    if let [When::Early(turns), _] = calls {
        for _ in 0..turns {
            turn(&mut world);
        }
        program.act(&mut world, calls, calls[0]);
        program.restarts.clear();
    }
    assert_eq!(program.next(&mut world), "success");
    program.act(&mut world, calls, When::Success);
    for turns in 0..6 {
        program.act(&mut world, calls, When::AfterSuccess(turns));
        turn(&mut world);
    }
    while program.next(&mut world) != "features" {
        program.act(&mut world, calls, When::Restarted);
    }
    program.act(&mut world, calls, When::Features);
    world.settle();
    assert!(once(program.receiver.next()).is_none(), "nothing follows");
    let heard = heard.lock().expect("no panic").clone();
    (program, heard)
}

/// W-R-357, B-X-018, B-X-020, B-X-022 (RFC 6120 §6.4.6): the client restarts the stream by itself, once, over both transports. A program may call `restart` at
/// any time or never, and what it sends before the new features waits for them.
#[test]
fn one_program_restarts_over_both_transports_whatever_the_timing() {
    let success = Element::build("success", ns::SASL).finish();
    let mut restarts = vec![When::Success, When::Restarted, When::Features, When::Never];
    restarts.extend((0..16).map(When::Early));
    restarts.extend((0..6).map(When::AfterSuccess));
    let mut sends = vec![When::Success, When::Restarted, When::Features];
    sends.extend((0..6).map(When::AfterSuccess));
    for url in BOTH {
        for delay in [0, 20, 7_000].map(Duration::from_millis) {
            for calls in restarts
                .iter()
                .flat_map(|restart| sends.iter().map(|send| [*restart, *send]))
            {
                let (program, heard) = run(url, calls, delay, &success);
                let case = format!("{url} {delay:?} {calls:?}");
                assert_eq!(program.seen, ["success", "restarted", "features"], "{case}");
                assert!(program.restarts.iter().all(|due| *due), "{case}");
                assert_eq!(heard, ["auth", "restart", "iq"], "{case}");
            }
        }
    }
}

/// W-R-359, B-X-018 (XEP-0388): SASL2 restarts nothing, and says so to a program that asks for it.
#[test]
fn nothing_restarts_after_sasl2() {
    let success = Element::build("success", ns::SASL2).finish();
    for url in BOTH {
        let mut world = World::new();
        let net = Net::new(&world);
        let heard = signs_in(&mut world, &net, &success, Duration::ZERO);
        let mut client = start(&net, &[url]);
        assert!(matches!(world.run(client.next()), Some(Event::Opened(_))));
        assert!(client.restart().is_err(), "before the success");
        let auth = Element::build("auth", ns::SASL).finish();
        world.run(client.send(auth)).expect("open");
        let event = world.run(client.next());
        assert!(matches!(event, Some(Event::Element(_))), "{event:?}");
        assert!(client.restart().is_err(), "after the success of SASL2");
        let iq = Element::build("iq", ns::CLIENT).finish();
        world.run(client.send(iq)).expect("open");
        world.settle();
        assert_eq!(*heard.lock().expect("no panic"), ["auth", "iq"], "{url}");
    }
}
