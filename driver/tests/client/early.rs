//! A client that sends a stanza before it has signed in, to the library's own server, over both transports.

use xmpp_web_driver::{
    client::{Cause, Error, Event},
    server::{self, Authentication},
};
use xmpp_wire::{Element, StreamHeader, ns};

use crate::{
    net::Net,
    node::message,
    server::serve,
    support::World,
    talking::{BOTH, start},
};

/// What the server's application heard, the end included.
fn heard(url: &str, authentication: Authentication, sent: &[Element]) -> (Vec<String>, Event) {
    let mut world = World::new();
    let net = Net::new(&world);
    let mut server = serve(&net, "t1.example", |settings| {
        settings.authentication = authentication;
    });
    let mut client = start(&net, &[url]);
    let mut session = world
        .run(server.next())
        .expect("a client")
        .accept(StreamHeader::default());
    let features = Element::build("features", ns::STREAM).finish();
    world.run(session.send(features)).expect("open");
    assert!(matches!(world.run(client.next()), Some(Event::Opened(_))));
    for element in sent {
        world.run(client.send(element.clone())).expect("open");
    }
    // The last thing, where nothing ends it before.
    let last = Element::build("last", "urn:example").finish();
    let _ = world.run(client.send(last));
    let mut heard = Vec::new();
    loop {
        match world.run(session.next()).expect("the end comes first") {
            server::Event::Element(element) if element.is("last", "urn:example") => {
                let ping = Element::build("ping", "urn:example").finish();
                world.run(session.send(ping)).expect("open");
                break;
            }
            server::Event::Element(element) => heard.push(element.name().local.to_owned()),
            server::Event::Closed(closed) => {
                heard.push(format!("{}", closed.cause));
                break;
            }
            event @ (server::Event::Restarted(_) | _) => panic!("{event:?}"),
        }
    }
    let event = world.run(client.next()).expect("an event");
    (heard, event)
}

/// RFC 6120 §4.9.3.12: the same refusal over both, and none where the application authenticates otherwise.
#[test]
fn a_stanza_before_authentication_is_refused_over_both_transports() {
    let iq = |namespace| {
        let query = Element::build("query", namespace).finish();
        let iq = Element::build("iq", ns::CLIENT).attribute("type", "get");
        iq.child(query).finish()
    };
    let auth = || Element::build("auth", ns::SASL).finish();
    let presence = Element::build("presence", ns::CLIENT).finish();
    let stanzas = [message(1), presence, iq("jabber:iq:roster")];
    for url in BOTH {
        for stanza in &stanzas {
            let sent = [auth(), stanza.clone(), auth()];
            let (events, told) = heard(url, Authentication::Sasl, &sent);
            let end = "the stream was ended: not-authorized";
            assert_eq!(events, ["auth", end], "{url} {stanza:?}");
            assert!(
                matches!(&told, Event::Closed(closed) if matches!(&closed.cause, Cause::Lost(Error::Stream(error)) if error.condition == "not-authorized")),
                "{url} {told:?}"
            );
            let (events, told) = heard(url, Authentication::Application, &sent);
            assert_eq!(events, ["auth", stanza.name().local, "auth"], "{url}");
            assert!(matches!(told, Event::Element(_)), "{url} {told:?}");
        }
        // XEP-0077, XEP-0078.
        for allowed in ["jabber:iq:register", "jabber:iq:auth"] {
            let (events, told) = heard(url, Authentication::Sasl, &[iq(allowed)]);
            assert_eq!(events, ["iq"], "{url}");
            assert!(matches!(told, Event::Element(_)), "{url} {told:?}");
        }
    }
}

/// Without SASL nothing that waits for its success ends or bounds a session: not the time, not the size.
#[test]
fn an_application_that_authenticates_otherwise_has_no_bounds_before_it() {
    let body = Element::build("body", ns::CLIENT).text(&"x".repeat(100_000));
    let large = Element::build("message", ns::CLIENT)
        .child(body.finish())
        .finish();
    for url in BOTH {
        let (events, _) = heard(
            url,
            Authentication::Application,
            std::slice::from_ref(&large),
        );
        assert_eq!(events, ["message"], "{url}");
        let (events, _) = heard(url, Authentication::Sasl, std::slice::from_ref(&large));
        assert_ne!(events, ["message"], "{url}");
    }
}
