//! Futures that are dropped after each poll.

use xmpp_web_driver::client::{Cause, Event};

use crate::{
    net::Net,
    node::{Habit, Node, message},
    support::World,
    talking::{BOTH, ids, once, sign_in, start, tick},
};

/// Every public future is dropped after each poll: nothing is lost, nothing comes twice, in both directions.
#[test]
fn dropping_every_future_after_each_poll_loses_and_doubles_nothing() {
    const COUNT: usize = 300;
    for url in BOTH {
        let mut world = World::new();
        let net = Net::new(&world);
        let node = Node::start(&net, "t1.example", 11, 80, Habit::Echo);
        let mut client = start(&net, &[url]);
        let opened = (0..10_000).find_map(|_| {
            tick(&mut world);
            once(client.opened())
        });
        opened.expect("in the end").expect("a session");
        let event = once(client.next());
        assert!(matches!(event, Some(Some(Event::Opened(_)))), "{event:?}");
        sign_in(&mut world, &mut client);
        let mut sent = 0;
        let mut echoed = Vec::new();
        for _ in 0..1_000_000 {
            if sent < COUNT {
                match once(client.send(message(sent))) {
                    Some(Ok(())) => sent += 1,
                    None => {}
                    Some(Err(error)) => panic!("{error}"),
                }
            }
            match once(client.next()) {
                Some(Some(Event::Element(element))) => {
                    echoed.push(element.attribute("id").unwrap_or_default().into_owned());
                }
                None => {}
                event => panic!("{event:?}"),
            }
            if echoed.len() == COUNT {
                break;
            }
            tick(&mut world);
        }
        assert_eq!(echoed, ids(COUNT), "{url}");
        assert_eq!(node.heard(), ids(COUNT), "{url}");
        let closed = (0..100_000).find_map(|_| {
            tick(&mut world);
            once(client.close())
        });
        let closed = closed
            .expect("in the end")
            .expect("the first to hear of it");
        assert!(matches!(closed.cause, Cause::Ours) && closed.undelivered.is_empty());
        assert!(matches!(once(client.next()), Some(None)));
    }
}
