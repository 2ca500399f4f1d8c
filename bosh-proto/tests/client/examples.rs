//! The worked examples: a whole session on the wire, client acks and server acks on.

use crate::support::*;

/// Sends what is expected, up to the rid and the sid.
#[track_caller]
fn expect(post: &Posted, first: u64, text: &str) {
    let rid = post.rid();
    let short = 117 + rid - first;
    let plain = post
        .body
        .replace(&format!("rid='{rid}'"), &format!("rid='{short}'"));
    let plain = match post
        .attribute("ack")
        .map(|ack| ack.parse::<u64>().expect("a rid"))
    {
        Some(ack) if ack >= first => plain.replace(
            &format!("ack='{ack}'"),
            &format!("ack='{}'", 117 + ack - first),
        ),
        _ => plain,
    };
    assert_eq!(plain, text);
}

/// B-R-104, B-R-106, B-R-118, B-R-134, B-X-018: XEP-0124's and XEP-0206's life of a session, byte by byte.
#[test]
fn a_whole_session_on_the_wire() {
    let mut config = config();
    config.client_ack = true;
    let mut world = World::new(config);
    let creation = world.post();
    let first = creation.rid();
    expect(
        &creation,
        first,
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='117' to='lantern.example' ver='1.11' wait='50' hold='1' ack='1' xml:lang='en' xmpp:version='1.0'/>",
    );
    world.at(80);
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AG1pcmEAbGFtcC1vaWw=</auth>";
    world.queue(auth).expect("room");
    world.answer(creation.id, &format!("{BODY} xmlns:xmpp='urn:xmpp:xbosh' xmlns:stream='http://etherx.jabber.org/streams' sid='S' wait='50' hold='1' requests='2' polling='5' inactivity='30' maxpause='120' ver='1.11' from='lantern.example' ack='{first}' xmpp:version='1.0' xmpp:restartlogic='true'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features></body>"));
    let post = world.post();
    expect(
        &post,
        first,
        &format!("{BODY} rid='118' sid='S'>{auth}</body>"),
    );
    world.at(140);
    world.answer(post.id, &with(SUCCESS));
    let post = world.post();
    expect(
        &post,
        first,
        "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' rid='119' sid='S' to='lantern.example' xml:lang='en' xmpp:restart='true'/>",
    );
    world.at(190);
    let bind = "<iq xmlns='jabber:client' type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>";
    world.queue(bind).expect("room");
    world.answer(post.id, "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:stream='http://etherx.jabber.org/streams'><stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features></body>");
    let post = world.post();
    expect(
        &post,
        first,
        &format!("{BODY} rid='120' sid='S'>{bind}</body>"),
    );
    world.at(230);
    world
        .queue("<presence xmlns='jabber:client'/>")
        .expect("room");
    world.answer(post.id, &with("<iq xmlns='jabber:client' type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>mira@lantern.example/web</jid></bind></iq>"));
    let held = world.post();
    expect(
        &held,
        first,
        &format!("{BODY} rid='121' sid='S'><presence xmlns='jabber:client'/></body>"),
    );

    // A message each way.
    world.at(9_000);
    let light = "<message xmlns='jabber:client' to='odo@harbor.example' type='chat' id='m1'><body>is the light on?</body></message>";
    world.send(light);
    let post = world.post();
    expect(
        &post,
        first,
        &format!("{BODY} rid='122' sid='S' ack='120'>{light}</body>"),
    );
    world.at(9_020);
    world.answer(held.id, &tagged(&format!("ack='{}'", post.rid())));
    world.silent();
    world.at(12_400);
    world.answer(post.id, &with(&message("m2")));
    let post = world.post();
    expect(&post, first, &format!("{BODY} rid='123' sid='S'/>"));

    // Its answer is lost: the exact copy.
    world.at(20_500);
    world.fail(post.id);
    let again = world.post();
    assert_eq!(again.body, post.body);
    world.answer(again.id, &with(&message("m3")));
    let post = world.post();
    expect(&post, first, &format!("{BODY} rid='124' sid='S'/>"));
    world.at(25_000);
    world.fail(post.id);
    let again = world.post();
    assert_eq!(again.body, post.body);
    // The error for the old copy, should it arrive.
    world.answer(post.id, ERROR);
    world.silent();
    world.at(31_000);
    world.answer(again.id, &with(&message("m4")));
    let held = world.post();
    expect(&held, first, &format!("{BODY} rid='125' sid='S'/>"));

    // Pause and resume.
    world.at(40_000);
    world
        .session
        .pause(std::time::Duration::from_secs(90), world.now)
        .expect("a pause");
    world.drain();
    let pause = world.post();
    expect(
        &pause,
        first,
        &format!("{BODY} rid='126' sid='S' ack='124' pause='90'/>"),
    );
    world.at(40_020);
    world.answer(held.id, &tagged(&format!("ack='{}'", pause.rid())));
    world.answer(pause.id, EMPTY);
    world.silent();
    world.at(97_000);
    world.session.resume(world.now).expect("paused");
    world.drain();
    let post = world.post();
    expect(&post, first, &format!("{BODY} rid='127' sid='S'/>"));
    world.at(97_010);
    world.answer(post.id, &with(&message("m6")));

    // Terminate.
    let held = world.post();
    expect(&held, first, &format!("{BODY} rid='128' sid='S'/>"));
    world.at(110_000);
    let gone = "<presence xmlns='jabber:client' type='unavailable'/>";
    world.queue(gone).expect("room");
    world.close();
    let last = world.post();
    expect(
        &last,
        first,
        &format!("{BODY} rid='129' sid='S' ack='127' type='terminate'>{gone}</body>"),
    );
    world.at(110_015);
    world.take_events();
    world.answer(
        held.id,
        &tagged(&format!("type='terminate' ack='{}'", last.rid())),
    );
    assert_eq!(world.take_events(), ["closed Ours"]);
    assert!(world.undelivered().is_empty());
}
