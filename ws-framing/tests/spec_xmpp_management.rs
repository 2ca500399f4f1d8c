//! XEP-0198 over WebSocket, as a client does it.

use ws_framing::xmpp::{Config, Management, Progress, Resumable};
use xmpp_wire::Element;

use crate::support::{
    Rig,
    stream::{CLOSE, MESSAGE, element},
};

const ENABLED: &str =
    "<enabled xmlns='urn:xmpp:sm:3' id='some' resume='true' location='node.example:5222'/>";

fn h(name: &str, count: u32) -> Element {
    element(&format!("<{name} xmlns='urn:xmpp:sm:3' h='{count}'/>"))
}

fn enabled() -> Management {
    let mut management = Management::new(10_000);
    management.enable();
    assert_eq!(
        management.handle_received(&element(ENABLED)),
        Progress::Nothing
    );
    management
}

fn stanza(id: u32) -> Element {
    element(&format!("<iq xmlns='jabber:client' id='{id}'/>"))
}

/// W-R-370: each nonza in a message of its own, unchanged, and none of them counted.
#[test]
fn management_passes_unchanged_and_is_not_counted() {
    let mut management = Management::new(10_000);
    let mut rig = Rig::welcomed(Config::default());
    let send = |rig: &mut Rig<_>, management: &mut Management, element: Element| {
        let machine: &mut ws_framing::xmpp::client::Session = &mut rig.machine;
        machine.send(element.clone(), rig.now).unwrap();
        management.handle_sent(&element);
    };
    let enable = management.enable();
    send(&mut rig, &mut management, enable);
    rig.hear(ENABLED)
        .hear(MESSAGE)
        .hear("<r xmlns='urn:xmpp:sm:3'/>");
    let mut answers = Vec::new();
    for got in rig.elements() {
        if let Progress::Answer(answer) = management.handle_received(&element(&got)) {
            answers.push(answer);
        }
    }
    for answer in answers {
        send(&mut rig, &mut management, answer);
    }
    send(&mut rig, &mut management, element(MESSAGE));
    let ask = management.ask();
    send(&mut rig, &mut management, ask);
    assert_eq!(
        rig.transcript(),
        [
            r#"<enable xmlns="urn:xmpp:sm:3" resume="true"/>"#,
            r#"<a xmlns="urn:xmpp:sm:3" h="1"/>"#,
            MESSAGE,
            r#"<r xmlns="urn:xmpp:sm:3"/>"#,
        ]
    );
    assert_eq!(management.handle_received(&h("a", 1)), Progress::Nothing);
    assert_eq!(management.export().unwrap().unacknowledged, [""; 0]);
}

/// W-R-370: counters go round at 2^32, in both directions.
#[test]
fn counters_are_modulo_2_to_the_32() {
    let state = Resumable {
        id: "some".to_owned(),
        handled: u32::MAX,
        acknowledged: u32::MAX - 1,
        unacknowledged: (0..4)
            .map(|id| String::from_utf8_lossy(stanza(id).raw()).into_owned())
            .collect(),
    };
    let mut management = Management::import(state, 10_000).unwrap();
    assert_eq!(
        management.resume().attribute("h").as_deref(),
        Some("4294967295")
    );
    // Two behind 2^32 - 2 is 0.
    let again = management.handle_received(&h("resumed", 0));
    assert_eq!(again, Progress::Resumed(vec![stanza(2), stanza(3)]));
    management.handle_received(&element(MESSAGE));
    assert_eq!(
        management.answer(),
        element(r#"<a xmlns="urn:xmpp:sm:3" h="0"/>"#)
    );
    assert_eq!(management.handle_received(&h("a", 2)), Progress::Nothing);
    // More than was sent, or less than was acknowledged.
    assert_eq!(
        management.handle_received(&h("a", 3)),
        Progress::HandledCountTooHigh
    );
    assert_eq!(
        management.handle_received(&h("a", 1)),
        Progress::HandledCountTooHigh
    );
}

/// W-R-371: what is exported is plain data; another process resumes with it, in place of binding a resource.
#[test]
fn a_stream_is_resumed_from_plain_data() {
    let mut management = enabled();
    for id in 0..3 {
        management.handle_sent(&stanza(id));
    }
    management.handle_received(&element(MESSAGE));
    management.handle_received(&h("a", 1));
    let state = management.export().unwrap();
    let written = (
        state.id.clone(),
        state.handled,
        state.acknowledged,
        state.unacknowledged.join("\n"),
    );
    drop(management);
    let state = Resumable {
        id: written.0,
        handled: written.1,
        acknowledged: written.2,
        unacknowledged: written.3.lines().map(str::to_owned).collect(),
    };
    let mut management = Management::import(state, 10_000).unwrap();
    let mut rig = Rig::welcomed(Config::default());
    rig.machine.send(management.resume(), rig.now).unwrap();
    assert_eq!(
        rig.transcript(),
        [r#"<resume xmlns="urn:xmpp:sm:3" previd="some" h="1"/>"#]
    );
    let resumed = "<resumed xmlns='urn:xmpp:sm:3' previd='some' h='2'/>";
    rig.hear(resumed);
    assert_eq!(rig.elements(), [resumed]);
    let again = management.handle_received(&element(resumed));
    assert_eq!(again, Progress::Resumed(vec![stanza(2)]));
    assert_eq!(management.handle_received(&h("a", 3)), Progress::Nothing);
}

/// W-R-373: the last word before `<close/>` is how far the client is.
#[test]
fn the_last_answer_comes_right_before_close() {
    let mut management = enabled();
    let mut rig = Rig::welcomed(Config::default());
    rig.hear(MESSAGE);
    for got in rig.elements() {
        management.handle_received(&element(&got));
    }
    rig.machine.send(management.answer(), rig.now).unwrap();
    rig.machine.close(rig.now);
    assert_eq!(
        rig.transcript(),
        [r#"<a xmlns="urn:xmpp:sm:3" h="1"/>"#, CLOSE]
    );
}

/// W-R-374: nothing of `location` is kept or sent, so that a client comes back to the URI that it has.
#[test]
fn location_is_ignored() {
    let management = enabled();
    let state = management.export().unwrap();
    assert!(!format!("{state:?}").contains("node.example"));
    let mut management = Management::import(state, 10_000).unwrap();
    assert!(!format!("{:?}", management.resume()).contains("node.example"));
}

/// What cannot be resumed is not exported; what was not acknowledged comes back.
#[test]
fn a_refusal_gives_the_stanzas_back() {
    let mut management = Management::new(10_000);
    assert_eq!(management.export(), None);
    management.handle_sent(&stanza(0));
    management.enable();
    management.handle_received(&element("<enabled xmlns='urn:xmpp:sm:3' id='some'/>"));
    assert_eq!(management.export(), None);
    let mut management = enabled();
    for id in 0..3 {
        management.handle_sent(&stanza(id));
    }
    management.resume();
    let failed = management.handle_received(&h("failed", 2));
    assert_eq!(failed, Progress::Refused(vec![stanza(2)]));
    assert_eq!(management.export(), None);
}

/// The stanzas that wait for an acknowledgement are bounded, at the boundary.
#[test]
fn what_waits_is_bounded() {
    let length = stanza(1).raw().len();
    let mut management = Management::new(2 * length);
    management.enable();
    management.handle_received(&element(ENABLED));
    management.handle_sent(&stanza(1));
    assert!(management.has_room());
    management.handle_sent(&stanza(2));
    assert!(!management.has_room());
    management.handle_received(&h("a", 1));
    assert!(management.has_room());
}
