//! The initiating end (RFC 6120 §4.2, §5; W-R-431, 438, 450).

use std::time::Duration;

use crate::support::{HEADER, element, epoch, opening};
use bytes::BytesMut;
use xmpp_stream::{
    Action, Closed, SendError,
    client::{Config, Event, Stream, Tls},
};
use xmpp_wire::{StreamError, StreamHeader};

struct Scene {
    stream: Stream,
    now: std::time::Instant,
}

impl Scene {
    fn new(tls: Tls) -> Self {
        Self::with(Config::default().with_tls(tls))
    }

    fn with(config: Config) -> Self {
        let now = epoch();
        let header = StreamHeader {
            from: Some("u@a.example".into()),
            ..opening()
        };
        Self {
            stream: Stream::new(config, header, now),
            now,
        }
    }

    fn open() -> Self {
        let mut scene = Self::new(Tls::None);
        scene.sent();
        scene.server(&format!("{HEADER}<stream:features/>"));
        scene
    }

    fn server(&mut self, bytes: &str) -> Vec<String> {
        self.stream
            .handle_input(&mut BytesMut::from(bytes), self.now);
        self.actions()
    }

    fn actions(&mut self) -> Vec<String> {
        let mut actions = Vec::new();
        while let Some(action) = self.stream.poll_action() {
            actions.push(match action {
                Action::Deliver(Event::Opened(header)) => {
                    format!("opened {}", header.id.unwrap_or_default())
                }
                Action::Deliver(Event::Element(element)) => {
                    String::from_utf8_lossy(element.raw()).into_owned()
                }
                Action::Deliver(Event::Ended) => "ended".to_owned(),
                Action::Deliver(Event::Writable) => "writable".to_owned(),
                Action::Deliver(Event::Repaired { repair, .. }) => format!("repaired {repair:?}"),
                Action::Deliver(Event::Closed(Closed { cause, error, .. })) => format!(
                    "closed {cause:?} {}",
                    error.map_or(String::new(), |error| error.condition)
                ),
                Action::Handover(_) => "START-TLS".to_owned(),
                Action::Close => "CLOSE".to_owned(),
                Action::Abort => "ABORT".to_owned(),
            });
        }
        actions
    }

    fn sent(&mut self) -> String {
        let mut sent = Vec::new();
        while let Some(bytes) = self.stream.poll_transmit() {
            sent.extend_from_slice(&bytes);
        }
        String::from_utf8(sent).expect("UTF-8")
    }

    fn after(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        self.stream.handle_timeout(self.now);
        self.actions()
    }
}

/// W-R-431: who speaks is told only where nobody else can read it.
#[test]
fn from_is_sent_behind_tls_only() {
    assert!(Scene::new(Tls::None).sent().contains(" from='u@a.example'"));
    assert!(
        Scene::new(Tls::Direct)
            .sent()
            .contains(" from='u@a.example'")
    );
    let mut scene = Scene::new(Tls::StartTls);
    assert!(!scene.sent().contains("from="));
    scene.server(&format!("{HEADER}<stream:features/>"));
    scene.sent();
    scene.server("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert!(!scene.stream.wants_input());
    scene.stream.handle_tls(scene.now);
    assert!(scene.sent().contains(" from='u@a.example'"));
}

/// W-R-450: asked for though not offered; whatever is not `<proceed/>` ends the stream.
#[test]
fn starttls_is_all_or_nothing() {
    for (answer, closed) in [
        (
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "closed Tls ",
        ),
        ("<message/>", "closed Tls "),
        ("</stream:stream>", "closed Tls "),
        (
            "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "closed Peer reset",
        ),
    ] {
        let mut scene = Scene::new(Tls::StartTls);
        scene.sent();
        assert_eq!(
            scene.server(&format!("{HEADER}<stream:features/>")),
            [""; 0]
        );
        assert_eq!(
            scene.sent(),
            "<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>"
        );
        assert_eq!(scene.server(answer), [closed, "CLOSE"]);
        assert_eq!(scene.sent(), "</stream:stream>");
    }
    let mut scene = Scene::new(Tls::StartTls);
    scene.server(&format!(
        "{HEADER}<stream:features/><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    ));
    scene.stream.handle_eof(scene.now);
    assert_eq!(scene.actions(), ["closed Tls ", "CLOSE"]);
}

/// RFC 6120 §4.9.3: what a bad header gets.
#[test]
fn a_bad_header_gets_its_condition() {
    let st = "http://etherx.jabber.org/streams";
    for (header, condition) in [
        (
            "<stream:stream xmlns='jabber:client' xmlns:stream='u' version='1.0'>".to_owned(),
            "invalid-namespace",
        ),
        (
            format!("<stream:stream xmlns='jabber:server' xmlns:stream='{st}' version='1.0'>"),
            "invalid-namespace",
        ),
        (
            format!("<stream:other xmlns='jabber:client' xmlns:stream='{st}' version='1.0'>"),
            "bad-format",
        ),
        (
            format!("<stream:stream xmlns='jabber:client' xmlns:stream='{st}'>"),
            "unsupported-version",
        ),
        (
            "<?xml version='1.0' encoding='latin1'?>".to_owned(),
            "unsupported-encoding",
        ),
        ("x".to_owned(), "not-well-formed"),
    ] {
        let mut scene = Scene::new(Tls::None);
        scene.sent();
        let actions = scene.server(&header);
        assert_eq!(
            actions,
            [&format!("closed Fault {condition}"), "CLOSE"],
            "{header}"
        );

        assert!(scene.sent().ends_with("</stream:error></stream:stream>"));
    }
}

/// `<message/>` as it is delivered, with what it inherits from the server's header.
const ALONE: &str = r#"<message xmlns="jabber:client" xml:lang="en"/>"#;

/// RFC 6120 §4.4: behind our end tag the peer may still finish.
#[test]
fn elements_are_delivered_until_the_peer_ends_too() {
    let mut scene = Scene::open();
    scene.stream.close(scene.now);
    assert_eq!(scene.sent(), "</stream:stream>");
    assert_eq!(
        scene.server("<message/></stream:stream>"),
        [ALONE, "closed Ours ", "CLOSE"]
    );
    assert_eq!(scene.sent(), "");
    assert_eq!(scene.stream.poll_timeout(), None);
}

/// The transport's end is no end tag; what came before it counts, also when it has to wait.
#[test]
fn the_end_of_the_transport_comes_behind_what_was_read() {
    let mut scene = Scene::open();
    scene.stream.hold_input(scene.now);
    assert_eq!(scene.server("<message/>"), [""; 0]);
    scene.stream.handle_eof(scene.now);
    assert_eq!(scene.actions(), [""; 0]);
    scene.stream.release_input(scene.now);
    assert_eq!(scene.actions(), [ALONE, "closed Network ", "CLOSE"]);
    assert_eq!(scene.sent(), "");
}

/// W-R-432
#[test]
fn misuse_gives_the_element_back() {
    let mut scene = Scene::new(Tls::None);
    let presence = element("<presence xmlns='jabber:client'/>");
    assert!(
        matches!(scene.stream.send(presence.clone(), scene.now), Err(SendError::Closed(back)) if back == presence)
    );
    let mut scene = Scene::open();
    let bare = element("<presence/>");
    assert!(
        matches!(scene.stream.send(bare.clone(), scene.now), Err(SendError::Forbidden(back)) if back == bare)
    );
}

/// A full outbox refuses, and says once when there is room.
#[test]
fn a_full_outbox_refuses_until_half_is_gone() {
    let mut config = Config::default().with_tls(Tls::None);
    config.outbox_bytes = 33;
    let mut scene = Scene::with(config);
    scene.sent();
    scene.server(&format!("{HEADER}<stream:features/>"));
    let presence = element("<presence xmlns='jabber:client'/>");
    assert_eq!(presence.raw().len(), 33);
    assert!(scene.stream.send(presence.clone(), scene.now).is_ok());
    assert!(
        matches!(scene.stream.send(presence.clone(), scene.now), Err(SendError::Full(back)) if back == presence)
    );
    assert_eq!(scene.actions(), [""; 0]);
    scene.sent();
    assert_eq!(scene.actions(), ["writable"]);
}

/// Deadlines: features, held input, closing, flushing.
#[test]
fn deadlines_end_what_the_peer_does_not() {
    let mut scene = Scene::new(Tls::None);
    scene.sent();
    assert_eq!(scene.after(14), [""; 0]);
    scene.stream.hold_input(scene.now);
    assert_eq!(scene.after(100), [""; 0]);
    scene.stream.release_input(scene.now);
    assert_eq!(
        scene.after(1),
        ["closed Timeout connection-timeout", "CLOSE"]
    );
    assert_eq!(scene.after(5), ["ABORT"]);
    assert_eq!(scene.stream.poll_timeout(), None);

    let mut scene = Scene::open();
    scene.stream.fail(StreamError::new("reset"), scene.now);
    assert_eq!(scene.actions(), ["closed Ours reset", "CLOSE"]);
    assert_eq!(
        scene.sent(),
        "<stream:error xmlns:stream=\"http://etherx.jabber.org/streams\"><reset xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/></stream:error></stream:stream>"
    );
    assert_eq!(scene.after(100), [""; 0]);
}

/// W-R-438: a restart sends a header and no end tag; nothing of the old header is in scope.
#[test]
fn a_restart_begins_a_fresh_stream() {
    let mut scene = Scene::new(Tls::None);
    scene.sent();
    let header = HEADER.replace(" id='1'", " id='1' xmlns:q='u:q'");
    scene.server(&format!("{header}<stream:features/>"));
    scene.stream.restart(opening(), scene.now);
    assert!(
        scene
            .sent()
            .starts_with("<?xml version='1.0'?><stream:stream ")
    );
    assert_eq!(
        scene.server(&format!("{HEADER}<q:x/>")),
        ["opened 1", "closed Fault not-well-formed", "CLOSE"]
    );
}
