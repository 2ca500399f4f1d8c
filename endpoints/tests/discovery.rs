use xmpp_endpoints::{
    Failure,
    document::HostMeta2,
    planner::{Fetched, Query, Source, SrvRecord},
};

use crate::world::{DOMAIN, S, World, config, found, parsed, seed, status};

const JRD: &str = "get https://lantern.example/.well-known/host-meta.json";
const XRD: &str = "get https://lantern.example/.well-known/host-meta";
const WS_LINK: &str =
    r#"{"links": [{"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://web.example/"}]}"#;
const WS_XRD: &str = "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'><Link rel='urn:xmpp:alt-connections:websocket' href='wss://web.example/'/></XRD>";

fn typed(content_type: &str, body: &str) -> Fetched {
    Fetched {
        content_type: Some(content_type.to_owned()),
        ..found(body)
    }
}

fn moved(to: &str) -> Fetched {
    Fetched {
        location: Some(to.to_owned()),
        ..status(302)
    }
}

/// B-D-001: host-meta is asked over HTTPS alone, and a certificate for another name ends that.
#[test]
fn host_meta_is_fetched_over_https() {
    let mut world = World::new(config(), [7; 32]);
    world.no_answer();
    world.no_answer();
    assert_eq!(world.news(), [JRD, XRD, "failed"]);
    let report = world.report();
    assert!(
        report.contains("host-meta: TLS: certificate for other.example"),
        "{report}"
    );
}

/// B-D-012: no TXT records, no other question than these.
#[test]
fn nothing_else_is_asked() {
    let mut config = config();
    config.sources = vec![Source::Srv, Source::HostMeta];
    let mut world = World::new(config, [7; 32]);
    while world.failed.is_none() {
        world.jump();
    }
    assert_eq!(
        world.news(),
        [
            "srv _xmpp-client._tcp.lantern.example",
            "abandon look-up",
            JRD,
            "abandon look-up",
            XRD,
            "abandon look-up",
            "failed"
        ]
    );
}

/// B-D-015: JRD first, XRD second; what is no readable document falls through, a readable one
/// without our links offers nothing.
#[test]
fn one_format_after_the_other() {
    let page = "<html>";
    let none = r#"{"links": []}"#;
    // The answer to JRD, whether XRD is asked for, and whether there is an endpoint then.
    for (answer, falls_through) in [
        (found(WS_LINK), false),
        (typed("application/json", WS_LINK), false),
        (typed("application/jrd+json; charset=utf-8", WS_LINK), false),
        (typed("text/plain", WS_LINK), false),
        (typed("text/html", WS_LINK), true),
        (typed("application/xrd+xml", WS_XRD), true),
        (typed("application/json", page), true),
        (found(page), true),
        (found("{}"), true),
        (status(404), true),
        (status(503), true),
        (found(&" ".repeat(65_537)), true),
    ] {
        let mut world = World::new(config(), [7; 32]);
        world.answer(&answer);
        if falls_through {
            assert_eq!(world.news(), [JRD, XRD], "{answer:?}");
            world.answer(&typed("application/xrd+xml", WS_XRD));
            assert_eq!(world.news(), ["try wss://web.example/"]);
        } else {
            assert_eq!(world.news(), [JRD, "try wss://web.example/"], "{answer:?}");
        }
    }
    let mut world = World::new(config(), [7; 32]);
    world.answer(&found(none));
    assert_eq!(world.news(), [JRD, "failed"]);
    assert!(
        world
            .report()
            .ends_with("host-meta.json: it offers no endpoint"),
        "{}",
        world.report()
    );
    let mut world = World::new(config(), [7; 32]);
    world.answer(&status(404));
    world.answer(&typed("text/html", page));
    assert_eq!(
        world.report(),
        "https://lantern.example/.well-known/host-meta.json: the server answered 404; \
         https://lantern.example/.well-known/host-meta: its content type is text/html"
    );
}

/// B-D-014: three redirects, none away from HTTPS, all in 5 s.
#[test]
fn a_document_may_be_elsewhere() {
    let mut world = World::new(config(), [7; 32]);
    world.answer(&moved("/meta"));
    world.answer(&moved("https://b.example/"));
    world.answer(&moved("https://c.example/"));
    world.answer(&found(WS_LINK));
    assert_eq!(
        world.news(),
        [
            JRD,
            "get https://lantern.example/meta",
            "get https://b.example/",
            "get https://c.example/",
            "try wss://web.example/"
        ]
    );

    let mut world = World::new(config(), [7; 32]);
    for to in [
        "https://a.example/",
        "https://b.example/",
        "https://c.example/",
        "https://d.example/",
    ] {
        world.answer(&moved(to));
    }
    assert_eq!(
        world.news().last().unwrap(),
        XRD,
        "the fourth is not followed"
    );

    for to in ["http://lantern.example/", "//b.example/", "meta"] {
        let mut world = World::new(config(), [7; 32]);
        world.answer(&moved(to));
        assert_eq!(world.news(), [JRD, XRD], "{to}");
    }

    let mut world = World::new(config(), [7; 32]);
    world.pass(3 * S);
    world.answer(&moved("/meta"));
    assert_eq!(world.jump(), 2 * S, "a redirect has no time of its own");
    assert_eq!(world.news().last().unwrap(), XRD);
    assert_eq!(world.jump(), 5 * S, "another document has");
    assert!(world.failed.is_some());
}

/// B-D-008: a native client asks DNS first, and host-meta when all that it gave has failed; a
/// browser starts with host-meta.
#[test]
fn dns_comes_before_host_meta() {
    let mut native = config();
    native.sources = vec![Source::Srv, Source::HostMeta];
    let mut world = World::new(native.clone(), [7; 32]);
    let (id, _) = world.lookups.pop_first().unwrap();
    let record = |target: &str, priority| SrvRecord {
        priority,
        weight: 1,
        port: 5222,
        target: target.to_owned(),
    };
    let records = [record("b.example.", 20), record("a.example", 10)];
    world.planner.handle_records(id, &records, world.now);
    world.drain();
    let (id, candidate) = world.attempt();
    assert_eq!(candidate.identity.names, [DOMAIN]);
    world.fail(id, Failure::Refused);
    let (id, _) = world.attempt();
    world.fail(id, Failure::Refused);
    assert_eq!(
        world.news(),
        [
            "srv _xmpp-client._tcp.lantern.example",
            "try tcp://a.example",
            "try tcp://b.example",
            JRD
        ]
    );

    let mut world = World::new(native.clone(), [7; 32]);
    let (id, _) = world.lookups.pop_first().unwrap();
    world.planner.handle_records(id, &[], world.now);
    world.drain();
    assert_eq!(
        world.news()[1..],
        ["try tcp://lantern.example"],
        "without records its own port"
    );

    let mut world = World::new(native, [7; 32]);
    let (id, _) = world.lookups.pop_first().unwrap();
    world
        .planner
        .handle_records(id, &[record(".", 0)], world.now);
    world.drain();
    assert_eq!(
        world.news()[1..],
        [JRD],
        "a record that says that there is no such service"
    );

    let mut world = World::new(config(), [7; 32]);
    assert_eq!(world.news(), [JRD]);
}

fn whole(ttl: u32, port: u16) -> Fetched {
    found(&format!(
        r#"{{"xmpp": {{"ttl": {ttl}}}, "links": [{{"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://web.example:{port}/",
            "priority": 1, "weight": 1, "sni": "web.example", "ips": ["192.0.2.1", "192.0.2.2"]}}]}}"#
    ))
}

/// B-D-018: where host-meta is one of XEP-0487 SRV records are not asked for; else the order stays.
#[test]
fn a_complete_document_makes_srv_needless() {
    let mut config = config();
    config.sources = vec![Source::Srv, Source::HostMeta];
    config.host_meta_2 = HostMeta2::On;
    let mut world = World::new(config.clone(), [7; 32]);
    world.answer(&whole(3_600, 443));
    for _ in 0..2 {
        let (id, _) = world.attempt();
        world.fail(id, Failure::Refused);
    }
    let log = world.news();
    assert!(!log.iter().any(|line| line.starts_with("srv")), "{log:?}");
    assert_eq!(log.last().unwrap(), "failed");

    let mut world = World::new(config, [7; 32]);
    world.answer(&found(WS_LINK));
    assert_eq!(world.news(), [JRD, "srv _xmpp-client._tcp.lantern.example"]);
    world.no_answer();
    assert_eq!(
        world.news(),
        ["try wss://web.example/"],
        "it is not fetched a second time"
    );
}

/// B-D-022: every address of every link, until there is a stream for the domain.
#[test]
fn every_address_is_tried_until_one_answers_for_the_domain() {
    let mut config = config();
    config.host_meta_2 = HostMeta2::On;
    let mut world = World::new(config, [7; 32]);
    world.answer(&found(
        r#"{"xmpp": {"ttl": 60}, "links": [
            {"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://a.example/", "priority": 1, "weight": 1, "sni": "a.example",
             "ips": ["192.0.2.1", "2001:db8::1"]},
            {"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://b.example/", "priority": 2, "weight": 1, "sni": "b.example",
             "ips": ["192.0.2.3"]}]}"#,
    ));
    let (id, _) = world.attempt();
    world.fail(id, Failure::NotXmpp("200 OK with text/html".to_owned()));
    let (id, _) = world.attempt();
    world.fail(id, Failure::WrongDomain("other.example".to_owned()));
    let (id, _) = world.attempt();
    world.open(id);
    let mut log = world.news();
    log[1..3].sort();
    assert_eq!(
        log[1..],
        [
            "try wss://a.example/ at 192.0.2.1",
            "try wss://a.example/ at 2001:db8::1",
            "try wss://b.example/ at 192.0.2.3"
        ]
    );
    assert!(world.planner.is_open());
}

/// B-D-023: it is fetched again after its time; if that fails other ways are used, and the old data
/// at last.
#[test]
fn expired_data_is_used_at_last() {
    let mut config = config();
    config.host_meta_2 = HostMeta2::On;
    config.sources = vec![
        Source::HostMeta,
        Source::Nodes(parsed("https://list.example/nodes.json")),
    ];
    let mut world = World::new(config, [7; 32]);
    world.answer(&whole(120, 443));
    let (id, _) = world.attempt();
    world.open(id);
    world.pass(200 * S);
    world.fail(id, Failure::TimedOut);
    world.news();
    world.jump();
    world.no_answer();
    world.no_answer();
    world.answer(&found(r#"{"nodes": [{"bosh": "https://n.example/"}]}"#));
    let (id, _) = world.attempt();
    world.fail(id, Failure::Refused);
    let (id, _) = world.attempt();
    world.open(id);
    let log = world.news();
    assert_eq!(
        log[..4],
        [
            JRD,
            XRD,
            "get https://list.example/nodes.json",
            "try https://n.example/"
        ]
    );
    assert!(log[4].starts_with("try wss://web.example/ at 192.0.2."));
}

/// Within its time a document is not fetched again.
#[test]
fn a_document_is_kept_for_its_time() {
    for (ttl, age, asks) in [
        (120, 100, false),
        (120, 121, true),
        (1, 59, false),
        (1, 61, true),
    ] {
        let mut config = config();
        config.host_meta_2 = HostMeta2::On;
        config.backoff = S / 1_000;
        let mut world = World::new(config, [7; 32]);
        world.answer(&whole(ttl, 443));
        let (id, _) = world.attempt();
        world.open(id);
        world.news();
        world.pass(age * S);
        world.fail(id, Failure::TimedOut);
        world.jump();
        assert_eq!(
            world.news().iter().any(|line| line.starts_with("get")),
            asks,
            "ttl {ttl}, age {age}"
        );
    }
}

/// C-R-020: nodes are known from a list, from host-meta or from configuration, and C-R-026's list
/// is the one that is read.
#[test]
fn nodes_from_a_list() {
    let mut config = config();
    config.sources = vec![Source::Nodes(parsed("https://list.example/nodes.json?x"))];
    let mut world = World::new(config, seed(1));
    let Some((_, Query::Get { url, accept, most })) = world.lookups.first_key_value() else {
        panic!("no question");
    };
    assert_eq!(
        (url.to_string().as_str(), *accept, *most),
        (
            "https://list.example/nodes.json?x",
            "application/json",
            65_536
        )
    );
    world.answer(&typed(
        "application/json",
        r#"{"ttl": 60, "nodes": [{"websocket": "wss://t1.example/", "bosh": "https://t1.example/http-bind", "priority": 0, "weight": 1}]}"#,
    ));
    assert_eq!(world.attempt().1.url.to_string(), "wss://t1.example/");
}
