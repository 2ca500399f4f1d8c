//! RFC 7395 as a client: opening, restart, redirects, what servers really send, and the end.

use ws_framing::{
    CloseCode,
    connection::{Action, Cause, SendError},
    xmpp::{Channel, Closed, Config, Event, SeeOther, Verdict, client},
};
use xmpp_wire::{StreamError, StreamHeader};

use crate::support::{
    Rig, seconds,
    stream::{
        ANSWER, CLIENT_OPEN, CLOSE, FEATURES, MESSAGE, SUCCESS, element, lenient, stream_error,
    },
    unmasked,
};

fn close(code: u16) -> Vec<u8> {
    unmasked(0x88, &code.to_be_bytes())
}

fn to_a_example() -> StreamHeader {
    StreamHeader {
        to: Some("a.example".to_owned()),
        ..StreamHeader::default()
    }
}

/// The events, without orders.
fn events(rig: &mut Rig<client::Session>) -> Vec<Event> {
    let event = |action| match action {
        Action::Deliver(event) => Some(event),
        Action::Close | Action::Abort => None,
    };
    rig.actions().into_iter().filter_map(event).collect()
}

fn opened(restart: bool, id: &str) -> Event {
    Event::Opened {
        header: StreamHeader {
            from: Some("a.example".to_owned()),
            to: None,
            id: Some(id.to_owned()),
            version: Some("1.0".to_owned()),
            lang: Some("en".to_owned()),
        },
        restart,
    }
}

/// W-R-320, W-R-333: `<open/>` is the first message, in the spelling that servers compare; nothing leaves before it.
#[test]
fn a_client_opens_first() {
    let mut rig = Rig::client_session(Config::default());
    assert_eq!(rig.transcript(), Vec::<String>::new());
    assert_eq!(
        rig.machine.send(element(MESSAGE), rig.now),
        Err(SendError::Closed(element(MESSAGE)))
    );
    rig.open();
    assert_eq!(rig.transcript(), [CLIENT_OPEN]);
    // Once, and no element before the answer.
    assert!(matches!(
        rig.machine.open(to_a_example(), rig.now),
        Err(SendError::Closed(_))
    ));
    assert!(rig.machine.send(element(MESSAGE), rig.now).is_err());
    assert_eq!(rig.transcript(), Vec::<String>::new());
}

/// W-R-321: there is no `<open/>` without a domain, and its version is 1.0 whatever the header says.
#[test]
fn a_client_cannot_leave_out_the_domain() {
    for to in [None, Some(""), Some("u@a.example"), Some("a.example/r")] {
        let mut rig = Rig::client_session(Config::default());
        let header = StreamHeader {
            to: to.map(str::to_owned),
            ..StreamHeader::default()
        };
        assert_eq!(
            rig.machine.open(header.clone(), rig.now),
            Err(SendError::Forbidden(header))
        );
        assert_eq!(rig.transcript(), Vec::<String>::new());
        rig.open();
        assert_eq!(rig.transcript(), [CLIENT_OPEN]);
    }
}

/// W-R-322, W-R-323: the language always, the JID only where TLS hides it, an id never.
#[test]
fn a_client_names_itself_only_over_tls() {
    let header = StreamHeader {
        from: Some("u@a.example".to_owned()),
        id: Some("mine".to_owned()),
        version: Some("7.0".to_owned()),
        lang: Some("de".to_owned()),
        ..to_a_example()
    };
    for (channel, from) in [
        (Channel::Plain, ""),
        (Channel::Tls, r#" from="u@a.example""#),
    ] {
        let mut config = Config::default();
        config.channel = channel;
        let mut rig = Rig::client_session(config);
        rig.machine.open(header.clone(), rig.now).unwrap();
        let open = format!(
            r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing"{from} to="a.example" xml:lang="de" version="1.0" />"#
        );
        assert_eq!(rig.transcript(), [open]);
    }
}

/// W-R-326: the answer and the features, told in this order; then elements flow.
#[test]
fn the_answer_and_the_features_open_the_stream() {
    let mut rig = Rig::opening(Config::default());
    rig.hear(ANSWER).hear(FEATURES);
    assert_eq!(
        events(&mut rig),
        [opened(false, "1"), Event::Element(element(FEATURES))]
    );
    rig.send(MESSAGE);
    assert_eq!(rig.transcript(), [MESSAGE]);
    rig.hear(MESSAGE);
    assert_eq!(rig.elements(), [MESSAGE]);
}

/// W-R-308: three spellings of features are one event.
#[test]
fn features_come_in_any_spelling() {
    for features in [
        FEATURES,
        "<features xmlns='http://etherx.jabber.org/streams'/>",
        "<s:features xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'/>",
    ] {
        let mut rig = Rig::opening(Config::default());
        rig.hear(ANSWER).hear(features);
        let got = events(&mut rig);
        assert!(
            matches!(&got[1..], [Event::Element(element)] if element.is("features", xmpp_wire::ns::STREAM)),
            "{features}"
        );
        // They ended the wait for them.
        rig.now += seconds(29);
        rig.machine.handle_timeout(rig.now);
        assert_eq!(rig.actions(), []);
    }
}

/// W-R-368: STARTTLS in features is not shown, so that the client goes on to SASL, and `<starttls/>` is never sent.
#[test]
fn starttls_is_neither_seen_nor_sent() {
    let mut rig = Rig::opening(Config::default());
    let mechanisms = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism></mechanisms>";
    rig.hear(ANSWER);
    rig.actions();
    rig.hear(&format!(
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
         <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>{mechanisms}</stream:features>"
    ));
    assert_eq!(
        rig.elements(),
        [format!(
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>{mechanisms}</stream:features>"
        )]
    );
    let starttls = element("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert_eq!(
        rig.machine.send(starttls.clone(), rig.now),
        Err(SendError::Forbidden(starttls))
    );
    assert_eq!(rig.transcript(), Vec::<String>::new());
    // A server's features do not offer it either.
    let mut rig = Rig::answered(Config::default());
    rig.output();
    rig.send(
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><x xmlns='u'/></stream:features>",
    );
    assert_eq!(
        rig.transcript(),
        [
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><x xmlns='u'/></stream:features>"
        ]
    );
}

/// RFC 7395's own elements and those in no namespace are not the application's to send.
#[test]
fn what_would_break_the_framing_is_given_back() {
    let mut rig = Rig::welcomed(Config::default());
    for xml in [CLIENT_OPEN, CLOSE, "<presence/>"] {
        assert_eq!(
            rig.machine.send(element(xml), rig.now),
            Err(SendError::Forbidden(element(xml)))
        );
    }
    assert_eq!(rig.transcript(), Vec::<String>::new());
}

/// The wait for the answer and for the features is bounded together, and stands still while we do not listen.
#[test]
fn features_are_awaited_for_a_time() {
    for heard in [&[][..], &[ANSWER]] {
        let mut config = Config::default();
        config.connection.ping_interval = None;
        let mut rig = Rig::opening(config);
        let start = rig.now;
        rig.now += seconds(10);
        for message in heard {
            rig.hear(message);
        }
        rig.actions();
        rig.machine.hold_input(rig.now);
        assert_eq!(rig.machine.poll_timeout(), None);
        rig.now += seconds(100);
        rig.machine.release_input(rig.now);
        rig.expire();
        assert_eq!(rig.now - start, seconds(130));
        assert_eq!(
            rig.transcript(),
            [stream_error("connection-timeout"), CLOSE.to_owned()]
        );
        rig.hear(CLOSE).feed(close(1000));
        rig.machine.handle_eof(rig.now);
        let end = rig.end();
        assert_eq!(end.connection.cause, Cause::Timeout);
    }
    let mut config = Config::default();
    config.connection.ping_interval = None;
    config.features_timeout = None;
    let rig = Rig::opening(config);
    assert_eq!(rig.machine.poll_timeout(), None);
}

/// W-R-357: after success a new `<open/>`, nobody sends `<close/>`; the answer has another id, and features follow. What the application sends meanwhile
/// waits for them.
#[test]
fn a_client_restarts_after_sasl() {
    let mut rig = Rig::welcomed(Config::default());
    rig.hear(SUCCESS);
    assert_eq!(rig.elements(), [SUCCESS]);
    assert_eq!(rig.transcript(), [CLIENT_OPEN]);
    let full = Err(SendError::Full(element(MESSAGE)));
    assert_eq!(rig.machine.send(element(MESSAGE), rig.now), full);
    rig.hear(&ANSWER.replace(r#"id="1""#, r#"id="2""#));
    assert_eq!(rig.machine.send(element(MESSAGE), rig.now), full);
    rig.hear(FEATURES);
    assert_eq!(
        events(&mut rig),
        [
            opened(true, "2"),
            Event::Element(element(FEATURES)),
            Event::Writable
        ]
    );
    rig.send(MESSAGE);
    assert_eq!(rig.transcript(), [MESSAGE]);
    // A second success changes nothing.
    rig.hear(SUCCESS);
    rig.send(MESSAGE);
    assert_eq!(rig.transcript(), [MESSAGE]);
}

/// W-R-359: SASL2 has no restart; the features follow its success directly.
#[test]
fn sasl2_has_no_restart() {
    let mut rig = Rig::welcomed(Config::default());
    let success = "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>u@a.example</authorization-identifier></success>";
    rig.hear(success).hear(FEATURES);
    assert_eq!(rig.elements(), [success, FEATURES]);
    rig.send(MESSAGE);
    assert_eq!(rig.transcript(), [MESSAGE]);
    // A success inside another element is none.
    let mut rig = Rig::welcomed(Config::default());
    let message = format!("<message xmlns='jabber:client'>{SUCCESS}</message>");
    rig.hear(&message);
    assert_eq!(rig.elements(), [message]);
    assert!(rig.transcript().is_empty());
}

/// W-R-358 from the other end: between success and the new `<open/>` the server owes nothing and may say nothing.
#[test]
fn between_success_and_the_answer_no_element_may_come() {
    let mut rig = Rig::welcomed(Config::default());
    rig.hear(SUCCESS);
    rig.actions();
    rig.output();
    rig.hear(MESSAGE);
    assert_eq!(rig.actions(), []);
    assert_eq!(
        rig.transcript(),
        [stream_error("not-authorized"), CLOSE.to_owned()]
    );
}

/// T-08: host-unknown and the like without an `<open/>` in front, as Openfire sends them; W-R-340: answered by `<close/>`, once.
#[test]
fn an_error_may_be_the_first_message() {
    let mut rig = Rig::opening(Config::default());
    rig.hear(&stream_error("host-unknown")).hear(CLOSE);
    rig.feed(close(1000));
    assert_eq!(rig.transcript(), [CLOSE, "Close 1000"]);
    rig.machine.handle_eof(rig.now);
    let end = rig.end();
    assert_eq!(end.error, Some(StreamError::new("host-unknown")));
    assert_eq!((end.connection.code, end.stream_closed), (1000, true));
}

/// W-R-342, W-R-308: unknown conditions are undefined-condition, whatever the spelling of the error.
#[test]
fn an_unknown_condition_is_undefined() {
    let mut rig = Rig::welcomed(Config::default());
    rig.hear("<error xmlns='http://etherx.jabber.org/streams'><new-one xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>see-other-host</text></error>");
    assert_eq!(rig.transcript(), [CLOSE]);
    rig.machine.handle_eof(rig.now);
    let error = rig.end().error.unwrap();
    assert_eq!(error.condition, "undefined-condition");
    assert_eq!(error.text.as_deref(), Some("see-other-host"));
}

/// W-R-345: the stream error is reported, whatever code follows, or none.
#[test]
fn the_stream_error_counts_more_than_the_code() {
    for (frame, code) in [
        (Some(close(1011)), 1011),
        (Some(close(1000)), 1000),
        (Some(unmasked(0x88, b"")), 1005),
        (None, 1006),
    ] {
        let mut rig = Rig::welcomed(Config::default());
        rig.hear(&stream_error("conflict"));
        if let Some(frame) = frame {
            rig.feed(frame);
        }
        rig.machine.handle_eof(rig.now);
        let end = rig.end();
        assert_eq!(end.error, Some(StreamError::new("conflict")));
        assert_eq!(end.connection.code, code);
    }
}

/// T-14, W-R-302: white space from the server is no matter, however often.
#[test]
fn a_client_ignores_white_space() {
    let mut rig = Rig::welcomed(Config::default());
    for _ in 0..20 {
        rig.hear(" ").hear("").hear("\r\n");
    }
    rig.hear(MESSAGE);
    assert_eq!(rig.elements(), [MESSAGE]);
    assert_eq!(rig.transcript(), Vec::<String>::new());
}

/// T-30, W-R-303: declarations that only do no harm are accepted.
#[test]
fn harmless_oddities_of_servers_are_accepted() {
    let mut rig = Rig::opening(Config::default());
    rig.hear(&format!("<?xml version='1.0'?>{ANSWER}"));
    rig.hear("<stream:features xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'></stream:features>");
    assert_eq!(events(&mut rig).len(), 2);
    // T-20: names alone do not make framing.
    let message =
        "<message xmlns='jabber:client'><close xmlns='u:x'/><open xmlns='u:x'/></message>";
    rig.hear(message);
    assert_eq!(rig.elements(), [message]);
}

/// W-R-311: a stanza without a namespace, per mode.
#[test]
fn namespaces_of_a_server_are_judged_by_mode() {
    let mut rig = Rig::welcomed(lenient());
    rig.hear("<message><body>hi</body></message>");
    assert_eq!(
        rig.elements(),
        [r#"<message xmlns="jabber:client"><body>hi</body></message>"#]
    );
    let mut rig = Rig::welcomed(Config::default());
    rig.hear("<message><body>hi</body></message>");
    assert_eq!(
        rig.transcript(),
        [stream_error("invalid-namespace"), CLOSE.to_owned()]
    );
}

/// W-R-305 (from a server): what another user wrote does not end the session.
#[test]
fn a_servers_element_that_breaks_namespaces_is_mended() {
    let deep = format!("{}{}", "<a>".repeat(80), "</a>".repeat(80));
    let mut rig = Rig::welcomed(Config::default());
    for (input, mended) in [
        (
            "<message xmlns='jabber:client'><x p:y=''/></message>".to_owned(),
            "<message xmlns:p=\"urn:xmpp-web:undeclared:p\" xmlns='jabber:client'><x p:y=''/></message>",
        ),
        (
            format!("<message xmlns='jabber:client' id='1'>{deep}</message>"),
            "<message xmlns='jabber:client' id='1'/>",
        ),
    ] {
        rig.hear(&input);
        assert_eq!(rig.elements(), [mended]);
    }
    assert_eq!(rig.transcript(), Vec::<String>::new());
}

/// What bad input from a server gets: the table of the server's role without the first `<open/>` (W-R-360).
#[test]
fn bad_input_from_a_server_gets_the_same_errors() {
    for (input, condition) in [
        ("<a/><b/>", "not-well-formed"),
        ("<x:message xmlns='jabber:client'/>", "not-well-formed"),
        (
            "<message xmlns='jabber:client'><x:y/><!-- --></message>",
            "restricted-xml",
        ),
        ("x", "bad-format"),
        ("<open xmlns='jabber:client'/>", "invalid-namespace"),
        (ANSWER, "not-authorized"),
        ("<message xmlns='jabber:server'/>", "invalid-namespace"),
        (
            "<c:message xmlns:c='jabber:client'/>",
            "bad-namespace-prefix",
        ),
        (
            "<x xmlns='http://etherx.jabber.org/streams'/>",
            "unsupported-stanza-type",
        ),
    ] {
        let mut rig = Rig::welcomed(Config::default());
        rig.hear(input).hear(MESSAGE);
        assert_eq!(rig.actions(), [], "{input}");
        let sent = rig.transcript();
        assert_eq!(sent.len(), 2, "{input}");
        assert!(
            sent[0].contains(&format!("<{condition} ")),
            "{input}: {sent:?}"
        );
        assert_eq!(sent[1], CLOSE);
        rig.hear(CLOSE);
        assert_eq!(rig.transcript(), ["Close 1000"]);
    }
    // Before the answer, also a server of before RFC 7395.
    for (input, condition) in [
        (MESSAGE, "not-authorized"),
        ("<x xmlns='u'/>", "bad-format"),
        (
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
            "invalid-namespace",
        ),
        (
            &ANSWER.replace(r#" version="1.0""#, ""),
            "unsupported-version",
        ),
    ] {
        let mut rig = Rig::opening(Config::default());
        rig.hear(input);
        assert_eq!(
            rig.transcript(),
            [stream_error(condition), CLOSE.to_owned()]
        );
    }
    // A server that speaks first: there is no stream, and no header of ours.
    let mut rig = Rig::client_session(Config::default());
    rig.hear(ANSWER);
    let sent = rig.transcript();
    assert!(sent[0].contains("<not-authorized "), "{sent:?}");
    assert_eq!(sent[1..], [CLOSE]);
}

/// W-R-351: judged by where it leads from and to, and by how many hops are left; the application decides.
#[test]
fn a_redirect_is_handed_up_judged() {
    for (channel, left, uri, verdict) in [
        (Channel::Tls, 3, "wss://b.example/ws", Verdict::Acceptable),
        (
            Channel::Tls,
            3,
            "https://b.example/bosh",
            Verdict::Acceptable,
        ),
        (
            Channel::Tls,
            3,
            "ws://b.example/ws",
            Verdict::LowersSecurity,
        ),
        (
            Channel::Tls,
            3,
            "http://b.example/bosh",
            Verdict::LowersSecurity,
        ),
        (Channel::Plain, 3, "ws://b.example/ws", Verdict::Acceptable),
        (Channel::Plain, 3, "wss://b.example/ws", Verdict::Acceptable),
        (
            Channel::Tls,
            3,
            "wss://u:p@b.example/ws",
            Verdict::Malformed,
        ),
        (Channel::Tls, 3, "wss://b.example/ws#f", Verdict::Malformed),
        (Channel::Tls, 3, "xmpp:b.example", Verdict::Malformed),
        // The 4th hop, or following switched off.
        (Channel::Tls, 0, "wss://b.example/ws", Verdict::TooMany),
    ] {
        let mut config = Config::default();
        config.channel = channel;
        config.redirects = left;
        // W-R-324, W-R-350: also as the answer to `<open/>`.
        let mut rig = Rig::opening(config);
        rig.hear(&format!(
            "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='{uri}'/>"
        ));
        assert_eq!(rig.actions(), [Action::Deliver(Event::Closing)]);
        assert_eq!(rig.transcript(), [CLOSE]);
        rig.feed(close(1000));
        assert_eq!(rig.transcript(), ["Close 1000"]);
        rig.machine.handle_eof(rig.now);
        let end = rig.end();
        let uri = uri.to_owned();
        assert_eq!(end.see_other, Some(SeeOther { uri, verdict }));
        assert!(end.stream_closed);
        assert_eq!(end.connection.cause, Cause::Peer);
    }
}

/// W-R-350: a redirect makes the round trip between our two roles.
#[test]
fn a_redirect_makes_the_round_trip() {
    let mut server = Rig::opened(Config::default());
    let uri = "wss://b.example/ws?a=1&b='2'";
    server.machine.redirect(uri, server.now);
    let sent = server.transcript();
    let mut client = Rig::opening(Config::default());
    client.hear(&sent[0]);
    client.machine.handle_eof(client.now);
    assert_eq!(client.end().see_other.unwrap().uri, uri);
}

/// W-R-352: the server starts; what is queued leaves first, then the answer; the server's Close frame ends it.
#[test]
fn a_client_answers_close() {
    let mut rig = Rig::welcomed(Config::default());
    rig.hear(CLOSE);
    assert_eq!(rig.actions(), [Action::Deliver(Event::Closing)]);
    rig.send(MESSAGE);
    rig.machine.close(rig.now);
    assert_eq!(rig.transcript(), [MESSAGE, CLOSE]);
    rig.feed(close(1000));
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.machine.handle_eof(rig.now);
    let end = rig.end();
    assert_eq!(
        (end.connection.code, end.connection.cause),
        (1000, Cause::Peer)
    );
}

/// W-R-352, W-R-353: the client starts; what is in flight is delivered; the client begins the WebSocket's closing.
#[test]
fn a_client_closes() {
    let mut rig = Rig::welcomed(Config::default());
    rig.send(MESSAGE);
    rig.machine.close(rig.now);
    rig.hear(MESSAGE);
    assert_eq!(rig.elements(), [MESSAGE]);
    assert_eq!(rig.transcript(), [MESSAGE, CLOSE]);
    rig.hear(CLOSE).hear(MESSAGE);
    assert_eq!(rig.actions(), []);
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.feed(close(1000));
    rig.machine.handle_eof(rig.now);
    let end = rig.end();
    assert_eq!(
        (end.connection.code, end.connection.cause, end.stream_closed),
        (1000, Cause::Ours, true)
    );
}

/// W-R-354, T-07, T-29: `<close/>` and a Close frame in one piece, with a code or without.
#[test]
fn a_servers_close_frame_right_behind_close_is_clean() {
    for (frame, code) in [(close(1000), 1000), (unmasked(0x88, b""), 1005)] {
        let mut rig = Rig::welcomed(Config::default());
        rig.feed([unmasked(0x81, CLOSE.as_bytes()), frame].concat());
        rig.machine.handle_eof(rig.now);
        let end = rig.end();
        assert_eq!(
            (end.connection.code, end.stream_closed, end.error),
            (code, true, None)
        );
    }
}

/// W-R-352: both start at once.
#[test]
fn closings_that_cross() {
    let mut rig = Rig::welcomed(Config::default());
    rig.machine.close(rig.now);
    rig.hear(CLOSE);
    assert_eq!(rig.transcript(), [CLOSE, "Close 1000"]);
    // The server's `<open/>` and features cross our `<close/>`.
    let mut rig = Rig::opening(Config::default());
    rig.machine.close(rig.now);
    rig.hear(ANSWER);
    assert_eq!(rig.actions(), []);
    assert_eq!(rig.transcript(), [CLOSE]);
    // Before `<open/>` there is no stream.
    let mut rig = Rig::client_session(Config::default());
    rig.machine.close(rig.now);
    assert_eq!(rig.transcript(), ["Close 1000"]);
    rig.feed(close(1000));
    rig.machine.handle_eof(rig.now);
    assert!(!rig.end().stream_closed);
}

/// W-R-352: nobody answers; each step of the closing has its deadline.
#[test]
fn a_closing_that_nobody_answers_ends() {
    let mut rig = Rig::welcomed(Config::default());
    let start = rig.now;
    rig.machine.close(rig.now);
    rig.expire();
    assert_eq!(rig.transcript(), [CLOSE, "Close 1000"]);
    rig.expire();
    assert_eq!(rig.now - start, seconds(10));
    assert_eq!(rig.end().connection.code, 1006);
}

/// W-R-372, W-R-355: only what ends without `<close/>` can be resumed; to keep it, a client disconnects.
#[test]
fn a_client_that_wants_to_resume_disconnects() {
    let mut rig = Rig::welcomed(Config::default());
    rig.machine.disconnect(CloseCode::GOING_AWAY, rig.now);
    assert_eq!(rig.transcript(), ["Close 1001"]);
    rig.feed(close(1001));
    rig.machine.handle_eof(rig.now);
    assert!(!rig.end().stream_closed);
    let mut rig = Rig::welcomed(Config::default());
    rig.machine.close(rig.now);
    rig.machine.handle_eof(rig.now);
    assert!(rig.end().stream_closed);
}

/// W-R-367: pings of the client's own, at an interval of its choice or never; silence ends the session at once and without XML, so that it may be
/// resumed (W-R-372).
#[test]
fn a_client_notices_a_dead_link() {
    let mut config = Config::default();
    config.connection.ping_interval = Some(seconds(300));
    let mut rig = Rig::welcomed(config.clone());
    let start = rig.now;
    rig.expire();
    assert_eq!(rig.now - start, seconds(300));
    assert_eq!(rig.transcript(), ["Ping "]);
    rig.feed(unmasked(0x8a, b""));
    rig.expire();
    assert_eq!(rig.transcript(), ["Ping "]);
    rig.expire();
    assert_eq!(rig.transcript(), Vec::<String>::new());
    let end = rig.end();
    assert_eq!(
        (end.connection.cause, end.stream_closed),
        (Cause::Timeout, false)
    );
    config.connection.ping_interval = None;
    let rig = Rig::welcomed(config);
    assert_eq!(rig.machine.poll_timeout(), None);
}

/// What never left comes back when the transport is lost; our own framing does not.
#[test]
fn what_never_left_comes_back() {
    let mut rig = Rig::welcomed(Config::default());
    rig.send(MESSAGE);
    rig.output();
    for id in 0..3 {
        rig.send(&format!("<iq xmlns='jabber:client' id='{id}'/>"));
    }
    rig.machine.close(rig.now);
    rig.machine.handle_eof(rig.now);
    let Closed { undelivered, .. } = rig.end();
    let wanted: Vec<_> = (0..3)
        .map(|id| element(&format!("<iq xmlns='jabber:client' id='{id}'/>")))
        .collect();
    assert_eq!(undelivered, wanted);
}
