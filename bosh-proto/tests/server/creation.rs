//! XEP-0124 §7: what creation grants and answers.

use bosh_proto::server::Config;

use crate::support::*;

/// B-R-053, B-R-055, §16.1: the worked example, byte for byte.
#[test]
fn the_creation_response_is_spelled_as_the_worked_example() {
    let mut world = World::new(Config::default());
    let answer = world.open(
        4_172_900_350_117,
        "ver='1.11' wait='50' hold='1' ack='1' xml:lang='en' xmpp:version='1.0'",
    );
    let sid = attribute(&answer, "sid").unwrap();
    assert_eq!(
        answer,
        format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams' sid='{sid}' wait='50' hold='1' requests='2' polling='5' inactivity='30' maxpause='120' ver='1.11' from='lantern.example' ack='4172900350117' xmpp:version='1.0' xmpp:restartlogic='true'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features></body>"
        )
    );
}

/// §16.2 to 16.6: a session's worked life.
#[test]
fn a_whole_session_goes_as_the_worked_examples() {
    let mut world = World::session(prompt(), "wait='50' hold='1' ack='1'");
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AG1pcmEAbGFtcC1vaWw=</auth>";
    world.at(81);
    let a = world.request(101, auth);
    world.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    assert_eq!(
        world.answer(a).unwrap(),
        with("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    );
    world.at(141);
    let b = world.request_with(
        102,
        "xmlns:xmpp='urn:xmpp:xbosh' to='lantern.example' xml:lang='en' xmpp:restart='true'",
    );
    world.send("<stream:features xmlns:stream='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>");
    assert_eq!(
        world.answer(b).unwrap(),
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams'><stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features></body>"
    );
    let c = world.request(103, "<presence xmlns='jabber:client'/>");
    world.at(9000);
    let d = world.post(&world.text(104, "ack='102'", &message("m1")));
    assert_eq!(world.answer(c).unwrap(), format!("{BODY} ack='104'/>"));
    world.at(12_400);
    world.send(&message("m2"));
    assert_eq!(world.answer(d).unwrap(), with(&message("m2")));
    let e = world.request(105, "");
    world.at(20_000);
    let f = world.post(&world.text(
        106,
        "ack='104' type='terminate'",
        "<presence xmlns='jabber:client' type='unavailable'/>",
    ));
    assert_eq!(
        world.answer(e).unwrap(),
        format!("{BODY} type='terminate' ack='106'/>")
    );
    assert_eq!(world.answer(f).unwrap(), EMPTY);
    assert_eq!(
        world.take_events(),
        [
            "opening",
            auth,
            "restarted StreamHeader { from: None, to: Some(\"lantern.example\"), id: None, version: None, lang: Some(\"en\") }",
            "<presence xmlns='jabber:client'/>",
            &message("m1"),
            "<presence xmlns='jabber:client' type='unavailable'/>",
            "closed Terminated",
        ]
    );
    assert_eq!(world.manager.sessions(), 0);
}

fn granted(attributes: &str, name: &str) -> Option<String> {
    let answer = World::new(Config::default()).open(FIRST, attributes);
    attribute(&answer, name).map(str::to_owned)
}

/// The answer to a creation with these attributes, no application acting.
fn refused(config: Config, attributes: &str) -> (u16, String) {
    let mut world = World::new(config);
    let id = world.post(&format!("{BODY} {attributes}/>"));
    let response = world.response(id).clone();
    assert_eq!(response.content_type, "text/xml; charset=utf-8");
    assert_eq!(world.manager.sessions(), 0);
    assert!(world.events.is_empty());
    (response.status, world.answer(id).expect("an answer"))
}

/// B-R-038.
#[test]
fn wait_is_the_lesser_of_asked_and_cap() {
    for (asked, wait) in [
        ("wait='70000'", "55"),
        ("wait='10'", "10"),
        ("", "55"),
        ("wait='55'", "55"),
        ("wait='99999999999999999999'", "55"),
    ] {
        assert_eq!(granted(asked, "wait").as_deref(), Some(wait), "{asked}");
    }
    for bad in ["-1", "abc", "1.5", ""] {
        let attributes = format!("rid='1' to='a' ver='1.11' wait='{bad}'");
        assert_eq!(
            refused(Config::default(), &attributes),
            (200, terminal("bad-request")),
            "{bad}"
        );
    }
}

/// B-R-040, B-R-054.
#[test]
fn hold_is_capped_and_requests_is_one_more() {
    let mut two = Config::default();
    two.hold = 2;
    for (config, asked, hold, requests) in [
        (Config::default(), "hold='5'", "1", "2"),
        (Config::default(), "hold='0'", "0", "1"),
        (Config::default(), "", "1", "2"),
        (two.clone(), "hold='5'", "2", "3"),
        (two, "hold='1'", "1", "2"),
    ] {
        let mut world = World::new(config);
        let id = world.post(&format!("{BODY} rid='1' to='a' {asked}/>"));
        world.accept();
        world.at(5000);
        let answer = world.answer(id).unwrap();
        assert_eq!(attribute(&answer, "hold"), Some(hold), "{asked}");
        assert_eq!(attribute(&answer, "requests"), Some(requests), "{asked}");
    }
    assert_eq!(
        refused(Config::default(), "rid='1' to='a' ver='1.0' hold='x'").1,
        terminal("bad-request")
    );
}

/// B-R-048, B-R-140: 200 for modern clients, 400 for those without `ver`.
#[test]
fn a_bad_rid_refuses_creation() {
    for bad in [
        "",
        "rid='0'",
        "rid='-4'",
        "rid='1.5'",
        "rid='x'",
        "rid='9007199254740992'",
    ] {
        assert_eq!(
            refused(Config::default(), &format!("to='a' ver='1.6' {bad}")),
            (200, terminal("bad-request")),
            "{bad}"
        );
        assert_eq!(
            refused(Config::default(), &format!("to='a' {bad}")),
            (400, terminal("bad-request")),
            "{bad}"
        );
    }
}

/// B-R-033.
#[test]
fn addressing_faults_have_three_conditions() {
    let mut config = Config::default();
    config.domains = vec!["lantern.example".to_owned()];
    config.domains_gone = vec!["harbor.example".to_owned()];
    for (to, condition) in [
        ("", "improper-addressing"),
        ("to=''", "improper-addressing"),
        ("to='  '", "improper-addressing"),
        ("to='other.example'", "host-unknown"),
        ("to='Harbor.example.'", "host-gone"),
    ] {
        assert_eq!(
            refused(config.clone(), &format!("rid='1' {to}")),
            (200, terminal(condition)),
            "{to}"
        );
    }
    let mut world = World::new(config);
    world.post(&format!("{BODY} rid='1' to='LANTERN.example.'/>"));
    assert_eq!(
        world.openings[0].header.to.as_deref(),
        Some("lantern.example")
    );
}

/// B-R-034.
#[test]
fn the_application_gets_a_normalised_domain() {
    let mut world = World::new(Config::default());
    world.post(&format!("{BODY} rid='1' to='LANTERN.example.' from='mira@lantern.example' xml:lang='de' xmlns:z='urn:xmpp:xbosh' z:version='1.0'/>"));
    let header = &world.openings[0].header;
    assert_eq!(header.to.as_deref(), Some("lantern.example"));
    assert_eq!(header.from.as_deref(), Some("mira@lantern.example"));
    assert_eq!(header.lang.as_deref(), Some("de"));
    assert_eq!(header.version.as_deref(), Some("1.0"));
}

/// B-R-056.
#[test]
fn ver_is_the_lower_of_both_and_absent_for_legacy_clients() {
    for (asked, ver) in [
        ("ver='1.6'", Some("1.6")),
        ("ver='1.10'", Some("1.10")),
        ("ver='2.0'", Some("1.11")),
        ("ver='1'", Some("1.6")),
        ("legacy", None),
    ] {
        assert_eq!(granted(asked, "ver").as_deref(), ver, "{asked}");
    }
}

/// B-R-008.
#[test]
fn content_outside_the_list_refuses_creation() {
    for content in [
        "text/xml&#13;&#10;X: y",
        "text/html",
        "image/png",
        "text/xml; charset=iso-8859-1",
    ] {
        let attributes = format!("rid='1' to='a' ver='1.6' content='{content}'");
        assert_eq!(
            refused(Config::default(), &attributes).1,
            terminal("bad-request"),
            "{content}"
        );
    }
}

/// B-R-007.
#[test]
fn every_answer_has_the_type_that_was_asked() {
    let mut config = prompt();
    config.allow_html = true;
    let mut world = World::session(config, "content='text/html; charset=utf-8'");
    let first = world.order[0];
    let a = world.request(101, "");
    let b = world.request_with(102, "type='terminate'");
    for id in [first, a, b] {
        assert_eq!(world.response(id).content_type, "text/html; charset=utf-8");
    }
}

/// B-R-043, B-R-027, B-T-011, TR-08.
#[test]
fn route_and_unknown_attributes_are_ignored() {
    for extra in [
        "route='xmpp:169.254.169.254:80'",
        "route='nonsense'",
        "secure='true'",
        "foo='b' cache='get_all'",
    ] {
        assert_eq!(granted(extra, "requests").as_deref(), Some("2"), "{extra}");
    }
}

/// B-R-062: features at once, else after the lesser of `wait` and 5 s, else at once for pollers.
#[test]
fn creation_waits_for_features_five_seconds_at_most() {
    for (asked, millis) in [("wait='50'", 5000), ("wait='2'", 2000)] {
        let mut world = World::new(Config::default());
        let id = world.post(&format!("{BODY} rid='1' to='a' {asked}/>"));
        world.accept();
        world.at(millis - 1);
        assert_eq!(world.answer(id), None);
        world.at(millis);
        let answer = world.answer(id).unwrap();
        assert!(answer.ends_with("xmpp:restartlogic='true'/>"), "{answer}");
        assert!(attribute(&answer, "sid").is_some());
    }
    for asked in ["wait='0'", "hold='0'"] {
        let mut world = World::new(Config::default());
        let id = world.post(&format!("{BODY} rid='1' to='a' {asked}/>"));
        world.at(0);
        assert!(
            attribute(&world.answer(id).unwrap(), "sid").is_some(),
            "{asked}"
        );
    }
}

/// B-R-060: an identity learnt after the creation response goes on the first answer after it.
#[test]
fn from_comes_with_a_later_answer_when_learnt_late() {
    let mut world = World::new(prompt());
    let id = world.post(&format!("{BODY} rid='100' to='a' ver='1.11'/>"));
    world.at(5000);
    let answer = world.answer(id).unwrap();
    assert_eq!(attribute(&answer, "from"), None);
    world.sid = attribute(&answer, "sid").unwrap().to_owned();
    let a = world.request(101, "");
    world.accept();
    world.send(FEATURES);
    assert_eq!(
        attribute(&world.answer(a).unwrap(), "from"),
        Some("lantern.example")
    );
    let b = world.request(102, "");
    world.send(&message("m"));
    assert_eq!(world.answer(b).unwrap(), with(&message("m")));
}

/// B-R-050: payloads of a creation request are delivered once the server's stream is open.
#[test]
fn payloads_of_a_creation_request_wait_for_the_stream() {
    let mut world = World::new(Config::default());
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
    world.post(&format!("{BODY} rid='1' to='a'>{auth}</body>"));
    assert_eq!(world.take_events(), ["opening"]);
    world.accept();
    assert_eq!(world.take_events(), [auth]);
}

/// B-R-033, B-R-062: a refusal by the application is the answer to the creation, without a sid.
#[test]
fn closing_before_the_creation_response_is_the_response() {
    let mut world = World::new(Config::default());
    let id = world.post(&format!("{BODY} rid='1' to='a' ver='1.11'/>"));
    world.close(Some(bosh_proto::Condition::HostUnknown), None);
    assert_eq!(world.answer(id).unwrap(), terminal("host-unknown"));
    assert_eq!(world.take_events(), ["opening", "closed Ours"]);
    assert_eq!(world.manager.sessions(), 0);
}

/// B-R-055: creation attributes never come again.
#[test]
fn later_answers_repeat_nothing_of_the_creation() {
    let mut world = World::session(prompt(), "");
    let a = world.request(101, "");
    world.send(&message("m"));
    assert_eq!(world.answer(a).unwrap(), with(&message("m")));
}

/// B-R-059, B-R-129: what is switched off is not advertised.
#[test]
fn polling_and_maxpause_are_absent_when_off() {
    let mut config = Config::default();
    config.polling = std::time::Duration::ZERO;
    config.maxpause = std::time::Duration::ZERO;
    config.server_ack = false;
    let answer = World::new(config).open(FIRST, "");
    for name in ["polling", "maxpause", "ack"] {
        assert_eq!(attribute(&answer, name), None);
    }
}

/// B-R-117, B-R-116.
#[test]
fn polling_sessions_may_be_silent_for_longer() {
    let mut world = World::new(Config::default());
    let id = world.post(&format!("{BODY} rid='1' to='a' wait='0'/>"));
    world.at(0);
    assert_eq!(
        attribute(&world.answer(id).unwrap(), "inactivity"),
        Some("60")
    );
    assert_eq!(granted("", "inactivity").as_deref(), Some("30"));
}

/// B-T-006, B-T-007, B-X-014: node names, where configured.
#[test]
fn node_tag_host_and_authid_are_sent_where_configured() {
    let mut config = Config::default();
    config.node_tag = Some("n1".to_owned());
    config.host = Some("t2.nodes.example".to_owned());
    config.authid = true;
    let mut world = World::new(config);
    let answer = world.open(FIRST, "");
    assert!(world.sid.starts_with("n1-"));
    assert_eq!(attribute(&answer, "host"), Some("t2.nodes.example"));
    assert_eq!(attribute(&answer, "authid"), Some("upstream-1"));
    let id = world.request(101, "");
    assert_eq!(world.answer(id), None);
}

/// The bound on sessions.
#[test]
fn creation_beyond_the_limit_of_sessions_is_refused() {
    let mut config = Config::default();
    config.sessions = 2;
    let mut world = World::new(config);
    world.open(1, "");
    world.open(1, "");
    let id = world.post(&format!("{BODY} rid='1' to='a' ver='1.11'/>"));
    assert_eq!(world.answer(id).unwrap(), terminal("policy-violation"));
    assert_eq!(world.manager.sessions(), 2);
}

/// TR-23, B-R-049: a creation whose connection dies leaves nothing behind.
#[test]
fn a_creation_that_lost_its_connection_ends() {
    let mut world = World::new(Config::default());
    let id = world.post(&format!("{BODY} rid='1' to='a' ver='1.11'/>"));
    world.disconnect(id);
    assert_eq!(world.take_events(), ["opening", "closed Inactive"]);
    assert_eq!(world.manager.sessions(), 0);
}

/// B-R-026: in a session of another charset every body is ASCII and says the same.
#[test]
fn other_charsets_get_character_references() {
    let mut config = prompt();
    config.ascii_charsets = true;
    let mut world = World::session(config, "content='text/xml; charset=iso-8859-1'");
    let a = world.request(101, "");
    let said =
        "<message xmlns='jabber:client' to='ö@a'><body>€ <![CDATA[<ü>]]> 🙂</body></message>";
    world.send(said);
    let answer = world.answer(a).unwrap();
    assert!(answer.is_ascii(), "{answer}");
    assert_eq!(
        world.response(a).content_type,
        "text/xml; charset=iso-8859-1"
    );
    let limits = xmpp_wire::XmlLimits::default();
    let read = xmpp_wire::Wrapped::parse(answer.into(), &[], &limits).unwrap();
    let message = read.elements[0].clone();
    assert_eq!(message.attribute("to").as_deref(), Some("ö@a"));
    let text = message.children().next().unwrap().text();
    assert_eq!(text, "€ <ü> 🙂");

    // Without the switch such a session does not come to be.
    assert_eq!(
        refused(
            prompt(),
            "rid='1' to='a' ver='1.6' content='text/xml; charset=iso-8859-1'"
        ),
        (200, terminal("bad-request"))
    );
}

/// B-R-026: what has no such spelling ends the session and comes back.
#[test]
fn names_that_are_not_ascii_end_a_session_of_another_charset() {
    let mut config = prompt();
    config.ascii_charsets = true;
    let mut world = World::session(config, "content='text/xml; charset=us-ascii'");
    let a = world.request(101, "");
    let back = world.try_send("<message xmlns='jabber:client'><ö xmlns='urn:x'/></message>");
    assert!(
        matches!(&back, Err(bosh_proto::server::SendError::Closed(element)) if !element.raw().is_ascii()),
        "{back:?}"
    );
    assert_eq!(world.answer(a), Some(terminal("undefined-condition")));
    assert_eq!(world.take_events(), ["opening", "closed Ours"]);
}

/// B-R-058: the creation's own rid; from then on every answer that needs one has an `ack` (B-R-101 has its own test).
#[test]
fn the_creation_response_acknowledges_its_rid() {
    let answer = World::new(Config::default()).open(100, "");
    assert_eq!(attribute(&answer, "ack"), Some("100"));
}

/// B-X-010, B-X-011: features that are there in time come with `xmpp:version` in the creation response, late ones in the next answer;
/// `restartlogic` is always told.
#[test]
fn features_come_as_soon_as_they_are_known() {
    let answer = World::new(Config::default()).open(FIRST, "");
    assert_eq!(attribute(&answer, "xmpp:version"), Some("1.0"));
    assert_eq!(attribute(&answer, "xmpp:restartlogic"), Some("true"));
    assert!(answer.contains("<stream:features>"), "{answer}");

    let mut world = World::new(prompt());
    let id = world.post(&format!("{BODY} rid='100' to='a' ver='1.11'/>"));
    world.at(5000);
    let answer = world.answer(id).unwrap();
    assert_eq!(attribute(&answer, "xmpp:version"), Some("1.0"));
    assert_eq!(attribute(&answer, "xmpp:restartlogic"), Some("true"));
    assert!(!answer.contains("features"), "{answer}");
    world.sid = attribute(&answer, "sid").unwrap().to_owned();
    let next = world.request(101, "");
    assert_eq!(world.answer(next), None);
    world.accept();
    world.send(FEATURES);
    let next = world.answer(next).unwrap();
    assert!(next.contains("<stream:features>"), "{next}");
}

/// B-R-161, B-R-131: neither several streams nor polling is forced on anybody.
#[test]
fn streams_are_not_announced_and_polling_is_not_forced() {
    for cap in [0, 1, 2] {
        let mut config = Config::default();
        config.hold = cap;
        let answer = World::new(config).open(FIRST, "hold='1'");
        assert_eq!(attribute(&answer, "stream"), None);
        assert_eq!(attribute(&answer, "requests"), Some("2"), "cap {cap}");
    }
}

/// B-R-057: what is configured is advertised, and nothing else.
#[test]
fn codings_are_advertised_where_configured() {
    let answer = World::new(Config::default()).open(FIRST, "");
    assert_eq!(attribute(&answer, "accept"), None);
    assert_eq!(attribute(&answer, "charsets"), None);
    let mut config = Config::default();
    config.accept = bosh_proto::Coding::ALL.to_vec();
    let answer = World::new(config).open(FIRST, "");
    assert_eq!(attribute(&answer, "accept"), Some("gzip,deflate"));
}
