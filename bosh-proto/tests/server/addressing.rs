//! XEP-0124 §7.1, §17.2: where a client wants to go, and where it is sent instead.

use bosh_proto::server::{Config, Route};

use crate::support::*;

fn creation(attributes: &str) -> String {
    format!("{BODY} rid='100' ver='1.11' {attributes}/>")
}

/// B-R-034: one name, however it is spelled; the application gets U-labels.
#[test]
fn international_domains_are_compared_as_names() {
    for spelling in [
        "bücher.example",
        "BÜCHER.example.",
        "xn--bcher-kva.example",
        "XN--BCHER-KVA.Example.",
    ] {
        for served in ["bücher.example", "xn--bcher-kva.example", "Bücher.Example."] {
            let mut config = Config::default();
            config.domains = vec!["lantern.example".to_owned(), served.to_owned()];
            let mut world = World::new(config);
            world.post(&creation(&format!("to='{spelling}'")));
            let to = world.openings[0].header.to.as_deref();
            assert_eq!(to, Some("bücher.example"), "{spelling}, {served}");
        }
    }
    let mut config = Config::default();
    config.domains = vec!["LANTERN.example.".to_owned()];
    let mut world = World::new(config);
    world.post(&creation("to='lantern.example'"));
    assert_eq!(world.openings.len(), 1);
}

/// B-R-043, B-R-044: without proxy mode nothing of a route reaches the application, whatever it holds.
#[test]
fn without_proxy_mode_a_route_is_not_read() {
    for route in ["xmpp:169.254.169.254:80", "nonsense", "", "a&#13;&#10;b"] {
        let mut world = World::new(Config::default());
        world.post(&creation(&format!("to='lantern.example' route='{route}'")));
        assert_eq!(world.openings[0].route, None, "{route}");
        assert_eq!(world.take_events(), ["opening"], "{route}");
    }
}

/// B-R-044: proxy mode honours what is on its list, and nothing else.
#[test]
fn proxy_mode_takes_routes_of_its_list_alone() {
    let mut config = Config::default();
    config.routes = Some(vec![
        Route::parse("xmpp:[::1]:5222").expect("a route"),
        Route::parse("xmpp:xmpp.lantern.example:5222").expect("a route"),
    ]);
    for (route, granted) in [
        ("xmpp:[::1]:5222", "xmpp:[::1]:5222"),
        (
            "XMPP:xmpp.LANTERN.example:5222",
            "xmpp:xmpp.lantern.example:5222",
        ),
    ] {
        let mut world = World::new(config.clone());
        world.post(&creation(&format!("to='a' route='{route}'")));
        let route = world.openings[0].route.as_ref().map(Route::to_string);
        assert_eq!(route.as_deref(), Some(granted));
    }
    for (route, condition) in [
        ("xmpp:169.254.169.254:80", "host-unknown"),
        ("xmpp:[::1]:5223", "host-unknown"),
        ("other:[::1]:5222", "host-unknown"),
        ("xmpp:5222", "bad-request"),
        ("", "bad-request"),
    ] {
        let mut world = World::new(config.clone());
        let id = world.post(&creation(&format!("to='a' route='{route}'")));
        assert_eq!(world.answer(id), Some(terminal(condition)), "{route}");
        assert_eq!(world.manager.sessions(), 0);
        assert!(world.events.is_empty());
    }
    config.routes = Some(Vec::new());
    let mut world = World::new(config);
    let id = world.post(&creation("to='a' route='xmpp:169.254.169.254:80'"));
    assert_eq!(world.answer(id), Some(terminal("host-unknown")));
}

/// B-R-139: `see-other-uri` says where, in the wrapper's namespace, on the first open request.
#[test]
fn a_redirect_names_the_other_uri() {
    let mut config = prompt();
    config.hold = 2;
    let mut world = World::session(config, "hold='2'");
    let a = world.request(101, "");
    world.at(5000);
    let b = world.request(102, "");
    let uri = "https://web2.lantern.example/http-bind?a=1&b=<2>";
    world.manager.redirect(world.key(), uri, world.now);
    world.drain();
    assert_eq!(
        world.answer(a).unwrap(),
        format!(
            "{BODY} type='terminate' condition='see-other-uri' ack='102'><uri>https://web2.lantern.example/http-bind?a=1&amp;b=&lt;2&gt;</uri></body>"
        )
    );
    assert_eq!(world.answer(b).unwrap(), terminal("other-request"));
    assert_eq!(world.take_events(), ["opening", "closed Ours"]);
    assert!(world.undelivered().is_empty());
}

/// B-R-139: and a creation request is answered by it.
#[test]
fn a_creation_can_be_redirected() {
    let mut world = World::new(prompt());
    let id = world.post(&creation("to='a'"));
    let uri = "https://web2.lantern.example/http-bind";
    world.manager.redirect(world.key(), uri, world.now);
    world.drain();
    assert_eq!(
        world.answer(id).unwrap(),
        format!("{BODY} type='terminate' condition='see-other-uri'><uri>{uri}</uri></body>")
    );
    assert_eq!(world.manager.sessions(), 0);
}
