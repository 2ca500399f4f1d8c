use xmpp_endpoints::{
    Failure, Url,
    redirect::{Follow, Policy, Redirect, Refusal, host_attribute},
};

use crate::world::{DOMAIN, S, World, config, parsed};

fn uri(uri: &str) -> Redirect {
    Redirect::Uri(uri.to_owned())
}

/// The refusal in the report of a world with one endpoint.
fn refusal(from: &str, redirect: Redirect) -> Option<Refusal> {
    let mut world = World::of(&[from], [7; 32]);
    let (id, _) = world.attempt();
    world.redirect(id, redirect);
    let report = world.failed?;
    let found = report.lines().find_map(|(_, failure)| {
        let Failure::Redirect(refusal) = failure else {
            return None;
        };
        Some(*refusal)
    });
    assert!(found.is_some(), "{report}");
    found
}

/// W-R-057, W-R-351, C-R-034: from wss only to wss and https; no user information, no fragment (RFC
/// 7395 §3.6.1).
#[test]
fn a_redirect_never_lowers_security() {
    let from = "wss://t1.example/ws";
    for (to, refused) in [
        ("wss://t2.example/ws", None),
        ("https://t2.example/http-bind", None),
        ("ws://t2.example/ws", Some(Refusal::Insecure)),
        ("http://t2.example/http-bind", Some(Refusal::Insecure)),
    ] {
        assert_eq!(refusal(from, uri(to)), refused, "{to}");
    }
    for to in [
        "wss://u:p@t2.example/",
        "wss://t2.example/#x",
        "xmpp:t2.example",
        "t2.example",
        "",
    ] {
        assert!(
            matches!(refusal(from, uri(to)), Some(Refusal::Url(_))),
            "{to}"
        );
    }
    assert_eq!(
        refusal("ws://127.0.0.1/", uri("ws://127.0.0.2/")),
        None,
        "there is nothing to lower"
    );
}

/// B-R-147: over BOSH only to TLS, also from a plain endpoint; at most three hops.
#[test]
fn see_other_uri_over_bosh_leads_to_tls_alone() {
    for from in ["https://t1.example/", "http://t1.example/"] {
        assert_eq!(
            refusal(from, uri("http://t2.example/")),
            Some(Refusal::Insecure)
        );
        assert_eq!(
            refusal(from, uri("ws://t2.example/")),
            Some(Refusal::Insecure)
        );
        assert_eq!(refusal(from, uri("https://t2.example/")), None);
        assert_eq!(refusal(from, uri("wss://t2.example/")), None);
    }
}

/// B-R-147, C-R-034, W-R-351: the fourth redirect in a row is refused, and reported.
#[test]
fn the_fourth_hop_is_refused() {
    let mut world = World::of(&["https://t0.example/"], [7; 32]);
    for hop in 1..=4 {
        let (id, _) = world.attempt();
        world.redirect(id, uri(&format!("https://t{hop}.example/")));
    }
    assert_eq!(
        world.news(),
        [
            "try https://t0.example/",
            "try https://t1.example/",
            "try https://t2.example/",
            "try https://t3.example/",
            "failed"
        ]
    );
    assert_eq!(
        world.report(),
        "https://t0.example/: it redirects to https://t1.example/; https://t1.example/: it redirects to https://t2.example/; \
         https://t2.example/: it redirects to https://t3.example/; \
         https://t3.example/: its redirect is not followed: there were too many redirects before it"
    );
}

/// C-R-034: loops are detected, also the shortest one and one by way of sessions that open and
/// redirect.
#[test]
fn a_loop_is_detected() {
    assert_eq!(
        refusal("wss://t1.example/", uri("WSS://T1.example:443")),
        Some(Refusal::Loop)
    );
    let mut world = World::of(&["wss://a.example/"], [7; 32]);
    let (id, _) = world.attempt();
    world.open(id);
    world.redirect(id, uri("wss://b.example/"));
    let (id, _) = world.attempt();
    world.open(id);
    world.redirect(id, uri("wss://a.example/"));
    assert_eq!(world.news().last().unwrap(), "wait");
    let (_, report) = world.waits.last().unwrap();
    assert_eq!(
        report.to_string(),
        "wss://b.example/: its redirect is not followed: it leads back"
    );
}

/// C-R-034: a node that drains redirects its sessions; they go on there at once, and where that
/// fails at another node than the one that drains. After a minute the chain begins anew.
#[test]
fn a_session_is_redirected() {
    let mut world = World::of(&["wss://a.example/", "wss://c.example/"], [7; 32]);
    let (id, first) = world.attempt();
    world.open(id);
    world.redirect(id, uri("wss://b.example/"));
    let (id, second) = world.attempt();
    assert_eq!(second.url, parsed("wss://b.example/"));
    assert_eq!(
        second.identity.names,
        ["b.example", DOMAIN],
        "the new host's name or the domain's"
    );
    world.fail(id, Failure::Refused);
    let (id, third) = world.attempt();
    assert!(third.url != first.url && third.url != second.url);
    world.open(id);
    for to in [
        "wss://d.example/",
        "wss://e.example/",
        "wss://f.example/",
        "wss://d.example/",
    ] {
        let (id, _) = world.attempt();
        world.open(id);
        world.pass(60 * S);
        world.redirect(id, uri(to));
        assert_eq!(world.attempt().1.url, parsed(to));
    }
}

/// B-X-029: `see-other-host` is the same URL at another host, and at another port where it names
/// one.
#[test]
fn see_other_host_changes_host_and_port() {
    let from = "https://t1.example:5281/http-bind?x";
    for (host, url) in [
        ("t2.example", "https://t2.example:5281/http-bind?x"),
        ("T2.example:443", "https://t2.example/http-bind?x"),
        ("[2001:db8::1]", "https://[2001:db8::1]:5281/http-bind?x"),
        (
            "[2001:db8::1]:5282",
            "https://[2001:db8::1]:5282/http-bind?x",
        ),
    ] {
        let mut world = World::of(&[from], [7; 32]);
        let (id, _) = world.attempt();
        world.redirect(id, Redirect::Host(host.to_owned()));
        assert_eq!(world.attempt().1.url.to_string(), url);
        assert_eq!(world.planner.config().domain, DOMAIN, "`to` stays");
    }
    for host in [
        "",
        "a/b",
        "https://t2.example/",
        "u@t2.example",
        "t2.example:0",
        "2001:db8::1",
    ] {
        assert!(
            matches!(
                refusal(from, Redirect::Host(host.to_owned())),
                Some(Refusal::Url(_))
            ),
            "{host}"
        );
    }
}

/// B-T-009: a creation that is answered with `see-other-host` at once is followed, without a
/// session here.
#[test]
fn a_creation_may_be_redirected() {
    let mut world = World::of(&["https://lb.example/http-bind"], [7; 32]);
    let (id, _) = world.attempt();
    world.redirect(id, Redirect::Host("t2.example".to_owned()));
    assert!(!world.planner.is_open());
    assert_eq!(
        world.news(),
        [
            "try https://lb.example/http-bind",
            "try https://t2.example/http-bind"
        ]
    );
}

/// W-R-351: following may be switched off.
#[test]
fn redirects_may_be_forbidden() {
    let mut config = config().with_endpoints([parsed("wss://t1.example/")]);
    config.redirects.see_other = Follow::Never;
    let mut world = World::new(config, [7; 32]);
    let (id, _) = world.attempt();
    world.redirect(id, uri("wss://t2.example/"));
    assert_eq!(
        world.report(),
        "wss://t1.example/: its redirect is not followed: redirects are switched off"
    );
}

/// What a redirect led to is not tried again in the same round.
#[test]
fn a_redirect_to_a_known_node_takes_its_turn() {
    let mut world = World::of(&["wss://a.example/", "wss://b.example/"], [7; 32]);
    let (id, first) = world.attempt();
    let other = if first.url.host() == "a.example" {
        "wss://b.example/"
    } else {
        "wss://a.example/"
    };
    world.redirect(id, uri(other));
    let (id, _) = world.attempt();
    world.fail(id, Failure::Refused);
    assert!(world.failed.is_some(), "{:?}", world.log);
}

fn host(value: &str, nodes: &[&str], policy: &Policy) -> Result<Option<String>, Refusal> {
    let url = parsed("https://lb.example:5281/bosh");
    let nodes: Vec<Url> = nodes.iter().map(|node| parsed(node)).collect();
    let to = host_attribute(&url, value, DOMAIN, &nodes, policy)?;
    Ok(to.map(|url| url.to_string()))
}

/// B-T-004: only the host of the URL is replaced; an unchanged value changes nothing.
#[test]
fn the_attribute_host_replaces_the_host_alone() {
    let nodes = ["wss://t2.nodes.example/"];
    let policy = Policy::default();
    let to = host("t2.nodes.example", &nodes, &policy);
    assert_eq!(
        to,
        Ok(Some("https://t2.nodes.example:5281/bosh".to_owned()))
    );
    assert_eq!(host("LB.example", &nodes, &policy), Ok(None));
}

/// B-T-005: only a plain host name that is known, allowed, or below the URL's host or the domain,
/// and only where that is wanted.
#[test]
fn the_attribute_host_is_not_trusted() {
    let mut policy = Policy::default();
    for odd in [
        "a/b",
        "a b",
        "",
        "t2.lb.example:1",
        "[::1]",
        "u@t2.lb.example",
        "https://t2.lb.example/",
    ] {
        assert_eq!(host(odd, &[], &policy), Err(Refusal::NotAName), "{odd}");
    }
    for stranger in [
        "evil.example",
        "evillb.example",
        "example",
        "xlantern.example",
        "node-7",
    ] {
        assert_eq!(
            host(stranger, &[], &policy),
            Err(Refusal::UnknownNode),
            "{stranger}"
        );
    }
    for below in ["t2.lb.example", "t2.lantern.example", "lantern.example"] {
        assert_eq!(
            host(below, &[], &policy),
            Ok(Some(format!("https://{below}:5281/bosh")))
        );
    }
    policy.hosts = vec!["node-7".to_owned()];
    assert!(host("node-7", &[], &policy).is_ok());
    policy.host_attribute = Follow::Never;
    assert_eq!(
        host("t2.lb.example", &[], &policy),
        Err(Refusal::SwitchedOff)
    );
    let world = World::of(&["https://lb.example/", "https://t9.example/"], [7; 32]);
    let url = parsed("https://lb.example/");
    let to = world.planner.host_attribute(&url, "t9.example");
    assert_eq!(
        to,
        Ok(Some(parsed("https://t9.example/"))),
        "a node of the list"
    );
}
