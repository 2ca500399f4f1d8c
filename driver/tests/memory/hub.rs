//! The hub: exchanges, sessions and the manager's clock.

use std::{sync::Arc, time::Duration};

use bosh_proto::{
    Channel, Condition, ConnectionId, Request, Response,
    server::{Accept, Cause, Config, Event},
};
use futures_util::FutureExt as _;
use xmpp_web_driver::bosh::{Exchange, Hub, Session, Sessions};
use xmpp_wire::{Element, ns};

use crate::support::{Manual, World};

pub(crate) fn hub(world: &World) -> (Hub<Manual>, Sessions<Manual>) {
    Hub::new(Arc::new(Config::default()), [7; 32], world.runtime.clone())
}

pub(crate) fn creation(wait: u32) -> String {
    format!(
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='1000' to='localhost' wait='{wait}' \
         hold='1' ver='1.11' xmpp:version='1.0'/>"
    )
}

pub(crate) fn request(sid: &str, rid: u32, inside: &str) -> String {
    format!(
        "<body xmlns='http://jabber.org/protocol/httpbind' sid='{sid}' rid='{rid}'>{inside}</body>"
    )
}

pub(crate) fn attribute(body: &str, name: &str) -> String {
    let from = body.find(&format!(" {name}='")).expect("the attribute") + name.len() + 3;
    body[from..].split('\'').next().expect("its end").to_owned()
}

pub(crate) fn message(id: usize) -> String {
    format!("<message xmlns='jabber:client' id='{id}'/>")
}

fn ask(hub: &Hub<Manual>, body: String) -> Exchange<Manual> {
    hub.exchange(Request {
        body: body.into(),
        connection: ConnectionId(1),
        address: None,
        channel: Channel::Plain,
    })
}

/// The answer, whose bytes leave at once.
fn answer(world: &mut World, mut exchange: Exchange<Manual>) -> String {
    let response = world.run(&mut exchange).expect("an answer");
    exchange.sent();
    text(&response)
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

pub(crate) fn element(text: String) -> Element {
    Element::parse(text.into(), &xmpp_wire::XmlLimits::default()).expect("well-formed")
}

fn send(session: &Session<Manual>, element: Element) {
    session
        .hub()
        .with(|manager, now| manager.send(session.key(), element, now))
        .expect("room");
}

/// A session with its sid, accepted and told its features.
fn open(
    world: &mut World,
    hub: &Hub<Manual>,
    sessions: &mut Sessions<Manual>,
    wait: u32,
) -> (Session<Manual>, String) {
    let creating = ask(hub, creation(wait));
    let session = world.run(sessions.next()).expect("a session");
    assert_eq!(session.opening().header.to.as_deref(), Some("localhost"));
    hub.with(|manager, now| manager.accept(session.key(), Accept::default(), now));
    send(
        &session,
        Element::build("stream:features", ns::STREAM).finish(),
    );
    let created = answer(world, creating);
    (session, attribute(&created, "sid"))
}

#[test]
fn an_element_leaves_on_the_held_request() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (session, sid) = open(&mut world, &hub, &mut sessions, 60);
    let mut held = ask(&hub, request(&sid, 1001, ""));
    world.settle();
    assert_eq!((&mut held).now_or_never(), None);
    send(&session, element(message(1)));
    assert!(answer(&mut world, held).contains(&message(1)));
}

#[test]
fn events_come_in_the_order_of_the_elements() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (mut session, sid) = open(&mut world, &hub, &mut sessions, 60);
    let mut held = None;
    for rid in 0..4 {
        let inside: String = (0..25).map(|n| message(rid * 25 + n)).collect();
        let rid = 1001 + u32::try_from(rid).expect("in range");
        let earlier = held.replace(ask(&hub, request(&sid, rid, &inside)));
        if let Some(earlier) = earlier {
            answer(&mut world, earlier);
        }
    }
    for id in 0..100 {
        match world.run(session.next()) {
            Some(Event::Element(element)) => {
                assert_eq!(element.attribute("id").as_deref(), Some(&*id.to_string()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_client_that_is_gone_is_not_written_to() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (session, sid) = open(&mut world, &hub, &mut sessions, 60);
    let held = ask(&hub, request(&sid, 1001, ""));
    world.settle();
    drop(held);
    send(&session, element(message(1)));
    // It repeats its request on a new connection, and gets what the lost one would have carried.
    let again = ask(&hub, request(&sid, 1001, ""));
    assert!(answer(&mut world, again).contains(&message(1)));
}

#[test]
fn an_answer_that_was_not_written_is_not_lost() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (session, sid) = open(&mut world, &hub, &mut sessions, 60);
    let mut held = ask(&hub, request(&sid, 1001, ""));
    send(&session, element(message(1)));
    let first = world.run(&mut held).expect("an answer");
    // The connection dies before the bytes left.
    drop(held);
    let again = ask(&hub, request(&sid, 1001, ""));
    assert_eq!(answer(&mut world, again), text(&first));
}

#[test]
fn a_held_request_is_answered_when_its_wait_is_over() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (_session, sid) = open(&mut world, &hub, &mut sessions, 20);
    let asked = world.now();
    let held = ask(&hub, request(&sid, 1001, ""));
    assert_eq!(
        answer(&mut world, held),
        "<body xmlns='http://jabber.org/protocol/httpbind'/>"
    );
    assert_eq!(world.now() - asked, Duration::from_secs(20));
}

#[test]
fn the_timer_sleeps_anew_only_where_a_deadline_moves_earlier() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (session, sid) = open(&mut world, &hub, &mut sessions, 20);
    let mut held = ask(&hub, request(&sid, 1001, ""));
    world.settle();
    let before = world.runtime.sleeps_made();
    for id in 0..50_usize {
        send(&session, element(message(id)));
        assert!(answer(&mut world, held).contains(&message(id)));
        held = ask(
            &hub,
            request(&sid, 1002 + u32::try_from(id).expect("in range"), ""),
        );
        world.settle();
    }
    assert!(
        world.runtime.sleeps_made() <= before + 2,
        "{} sleeps",
        world.runtime.sleeps_made() - before
    );
}

#[test]
fn a_silent_client_is_given_up() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (mut session, _) = open(&mut world, &hub, &mut sessions, 20);
    match world.run(session.next()) {
        Some(Event::Closed(closed)) => assert_eq!(closed.cause, Cause::Inactive),
        other => panic!("{other:?}"),
    }
    assert!(world.run(session.next()).is_none());
    assert_eq!(hub.sessions(), 0);
}

#[test]
fn a_session_that_the_application_drops_is_closed() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (session, sid) = open(&mut world, &hub, &mut sessions, 60);
    let held = ask(&hub, request(&sid, 1001, ""));
    world.settle();
    drop(session);
    let answer = answer(&mut world, held);
    assert!(
        answer.contains("condition='internal-server-error'"),
        "{answer}"
    );
    assert_eq!(hub.sessions(), 0);
}

#[test]
fn sessions_are_refused_when_nobody_takes_them() {
    let mut world = World::new();
    let (hub, sessions) = hub(&world);
    drop(sessions);
    let creating = ask(&hub, creation(60));
    let answer = answer(&mut world, creating);
    assert!(answer.contains("condition='system-shutdown'"), "{answer}");
    assert_eq!(hub.sessions(), 0);
}

#[test]
fn shutdown_answers_every_held_request_and_refuses_new_sessions() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (mut session, sid) = open(&mut world, &hub, &mut sessions, 60);
    let held = ask(&hub, request(&sid, 1001, ""));
    hub.shutdown();
    assert!(answer(&mut world, held).contains("condition='system-shutdown'"));
    assert!(matches!(
        world.run(session.next()),
        Some(Event::Closed(closed)) if closed.cause == Cause::Shutdown
    ));
    let late = ask(&hub, creation(60));
    assert!(answer(&mut world, late).contains("condition='system-shutdown'"));
}

#[test]
fn everything_ends_with_the_last_hub() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (session, _) = open(&mut world, &hub, &mut sessions, 60);
    world.settle();
    assert_eq!(world.tasks(), 1, "the timer");
    drop((session, hub));
    world.settle();
    assert_eq!(world.tasks(), 0);
    assert!(world.run(sessions.next()).is_none());
}

#[test]
fn a_panic_under_the_lock_does_not_take_the_hub_with_it() {
    let mut world = World::new();
    let (hub, mut sessions) = hub(&world);
    let (session, sid) = open(&mut world, &hub, &mut sessions, 60);
    let other = hub.clone();
    let panicked =
        std::thread::spawn(move || other.with(|_, _| panic!("in the application's closure")));
    assert!(panicked.join().is_err());
    let held = ask(&hub, request(&sid, 1001, ""));
    let key = session.key();
    hub.with(|manager, now| manager.close(key, Some(Condition::HostGone), None, now));
    assert!(answer(&mut world, held).contains("condition='host-gone'"));
}
