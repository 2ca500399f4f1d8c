//! What the gateway takes out of features, and refuses on input (RFC 7395 §3.9).

use std::time::Duration;

use crate::support::*;
use xmpp_stream::{client::Tls, relay::Config};

const PROFILES: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism> <mechanism>SCRAM-SHA-1-PLUS</mechanism>\
    <mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms>\
    <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>\
    <authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>PLAIN</mechanism><mechanism>EXTERNAL</mechanism>\
    <inline><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication>\
    <unknown xmlns='u:x'/>";

fn filtered(change: impl FnOnce(&mut Config), features: &str) -> Vec<String> {
    let mut config = config(Tls::None);
    change(&mut config);
    let mut scene = Scene::with(config);
    let orders = scene.server(&format!(
        "{HEADER}<stream:features>{features}</stream:features>"
    ));
    orders
        .into_iter()
        .filter(|order| !order.starts_with("open ") && !order.starts_with("warn "))
        .collect()
}

fn features(inside: &str) -> [String; 1] {
    [format!("<stream:features {ST}>{inside}</stream:features>")]
}

/// W-R-420, W-R-421, W-R-422, W-R-425, W-R-427: the switch is off.
#[test]
fn what_is_not_cut_stays_byte_for_byte() {
    let cut = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
               <compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>";
    assert_eq!(
        filtered(|_| {}, &format!("{cut}{PROFILES}")),
        features(&PROFILES.replace("<mechanism>EXTERNAL</mechanism>", ""))
    );
}

/// W-R-421: the switch is on: names and list go together.
#[test]
fn channel_binding_is_hidden_as_a_whole() {
    assert_eq!(
        filtered(|config| config.hide_channel_binding = true, PROFILES),
        features(
            "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'> <mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms>\
             <authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism>\
             <inline><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication>\
             <unknown xmlns='u:x'/>"
        )
    );
}

/// W-R-452: on a channel that others can read.
#[test]
fn an_unprotected_channel_hides_mechanisms_that_show_secrets() {
    assert_eq!(
        filtered(|config| config.protected = false, PROFILES),
        features(
            "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'> <mechanism>SCRAM-SHA-1-PLUS</mechanism>\
             <mechanism>SCRAM-SHA-1</mechanism></mechanisms>\
             <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>\
             <authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1-PLUS</mechanism><inline></inline></authentication>\
             <unknown xmlns='u:x'/>"
        )
    );
}

/// W-R-452, W-R-423: what is hidden on such a channel is refused there, and taken on one that is protected.
#[test]
fn an_unprotected_channel_refuses_mechanisms_that_show_secrets() {
    for (protected, list) in [(false, "SCRAM-SHA-1"), (true, "PLAIN")] {
        let mut with = config(Tls::None);
        with.protected = protected;
        let mut scene = Scene::with(with);
        let both = MECHANISMS.replace(
            "<mechanism>",
            "<mechanism>SCRAM-SHA-1</mechanism><mechanism>",
        );
        let orders = scene.server(&format!("{HEADER}{both}"));
        let shown = orders.last().expect("features");
        assert_eq!(shown.contains("PLAIN"), protected);
        assert!(shown.contains(list));
        scene.sent();
        let plain = format!("<auth {SASL} mechanism='PLAIN'>x</auth>");
        let refused = scene.web(&plain);
        assert_eq!(refused.is_empty(), protected, "{refused:?}");
        assert_eq!(scene.sent() == plain, protected);
    }
}

/// W-R-423, W-R-425: the filter holds on input too.
#[test]
fn what_was_cut_is_refused_on_input() {
    let invalid = |namespace: &str| {
        format!(
            "<failure xmlns=\"{namespace}\"><invalid-mechanism xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\"/></failure>"
        )
    };
    let mut scene = Scene::ready();
    assert_eq!(
        scene.web(&format!("<auth {SASL} mechanism='EXTERNAL'/>")),
        [invalid("urn:ietf:params:xml:ns:xmpp-sasl")]
    );
    assert_eq!(
        scene.web("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='EXTERNAL'/>"),
        [invalid("urn:xmpp:sasl:2")]
    );
    assert_eq!(
        scene.web(
            "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"
        ),
        [
            "<failure xmlns=\"http://jabber.org/protocol/compress\"><setup-failed xmlns=\"http://jabber.org/protocol/compress\"/></failure>"
        ]
    );
    assert_eq!(scene.sent(), "");
    let plus = format!("<auth {SASL} mechanism='SCRAM-SHA-1-PLUS'/>");
    assert_eq!(scene.web(&plus), [""; 0]);
    assert_eq!(scene.sent(), plus);

    let mut hidden = config(Tls::None);
    hidden.hide_channel_binding = true;
    let mut scene = Scene::with(hidden);
    scene.server(&format!("{HEADER}{MECHANISMS}"));
    assert_eq!(
        scene.web(&plus),
        [invalid("urn:ietf:params:xml:ns:xmpp-sasl")]
    );
}

/// W-R-426: the lower of both, of bytes and of seconds; added where the server says nothing.
#[test]
fn idle_seconds_are_lowered_and_added() {
    let limits =
        |inside: &str| format!("<limits xmlns='urn:xmpp:stream-limits:0'>{inside}</limits>");
    let bytes = "<max-bytes>1000</max-bytes>";
    let ours = "<idle-seconds xmlns=\"urn:xmpp:stream-limits:0\">50</idle-seconds>";
    let idle = |config: &mut Config| config.web_idle = Some(Duration::from_secs(50));
    for (theirs, shown) in [
        (
            "<idle-seconds>49</idle-seconds>",
            "<idle-seconds>49</idle-seconds>",
        ),
        (
            "<idle-seconds>50</idle-seconds>",
            "<idle-seconds>50</idle-seconds>",
        ),
        ("<idle-seconds>51</idle-seconds>", ours),
        ("<idle-seconds>x</idle-seconds>", ours),
        ("", ours),
    ] {
        assert_eq!(
            filtered(idle, &limits(&format!("{bytes}{theirs}"))),
            features(&limits(&format!("{bytes}{shown}"))),
            "{theirs}"
        );
    }
    let mut with = config(Tls::None);
    idle(&mut with);
    let mut scene = Scene::with(with);
    scene.server(&format!("{HEADER}{MECHANISMS}"));
    scene.web("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>");
    scene.server("<success xmlns='urn:xmpp:sasl:2'/>");
    assert_eq!(
        scene.server("<stream:features/>"),
        features(&format!(
            "<limits xmlns=\"urn:xmpp:stream-limits:0\"><max-bytes xmlns=\"urn:xmpp:stream-limits:0\">262144</max-bytes>{ours}</limits>"
        ))
    );
}

/// XEP-0478: a server that ends idle streams hears a space from us in time.
#[test]
fn a_server_with_an_idle_limit_is_kept_awake() {
    let mut scene = Scene::authenticated();
    scene.server("<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><idle-seconds>60</idle-seconds></limits></stream:features>");
    let silent_since = scene.now;
    assert_eq!(
        scene.relay.poll_timeout(),
        Some(silent_since + Duration::from_secs(30))
    );
    scene.after(30);
    assert_eq!(scene.sent(), " ");
}

/// W-R-477: what an operator should know of the lists, each once for a list.
#[test]
fn the_operator_hears_of_lists_that_do_not_fit_a_gateway() {
    let mut scene = Scene::plain();
    let orders = scene.server(&format!(
        "{HEADER}<stream:features>{PROFILES}</stream:features>"
    ));
    assert_eq!(orders[1..3], ["warn ChannelBinding", "warn External"]);
    assert_eq!(orders.len(), 4);
    let anonymous = MECHANISMS.replace("PLAIN", "ANONYMOUS");
    let orders = Scene::plain().server(&format!("{HEADER}{anonymous}"));
    assert_eq!(orders[1], "warn Anonymous");
    // The recommended set-up deserves none.
    let orders = Scene::plain().server(&format!("{HEADER}{MECHANISMS}"));
    assert!(
        !orders.iter().any(|order| order.starts_with("warn")),
        "{orders:?}"
    );
}

/// W-R-426
#[test]
fn limits_are_lowered_and_added() {
    let limits = |bytes: usize| {
        format!(
            "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>{bytes}</max-bytes><idle-seconds>60</idle-seconds></limits>"
        )
    };
    let lowered = |bytes: usize| {
        format!(
            "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes xmlns=\"urn:xmpp:stream-limits:0\">{bytes}</max-bytes><idle-seconds>60</idle-seconds></limits>"
        )
    };
    assert_eq!(filtered(|_| {}, &limits(16_384)), features(&limits(16_384)));
    assert_eq!(
        filtered(|_| {}, &limits(16_385)),
        features(&lowered(16_384))
    );
    let mut scene = Scene::authenticated();
    for (theirs, ours) in [(262_144, limits(262_144)), (262_145, lowered(262_144))] {
        assert_eq!(
            scene.server(&format!(
                "<stream:features>{}</stream:features>",
                limits(theirs)
            )),
            features(&ours)
        );
    }
    assert_eq!(
        scene.server("<stream:features/>"),
        features(
            "<limits xmlns=\"urn:xmpp:stream-limits:0\"><max-bytes xmlns=\"urn:xmpp:stream-limits:0\">262144</max-bytes></limits>"
        )
    );
}

/// W-R-427: an empty list would say that negotiation is complete.
#[test]
fn a_server_that_leaves_nothing_to_authenticate_with_is_refused() {
    for inside in [
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        // The server's own lists may be empty, too.
        "",
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<x xmlns='u'/><authentication xmlns='urn:xmpp:sasl:2'></authentication>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><x xmlns='u'/><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>",
    ] {
        assert_eq!(
            filtered(|_| {}, inside),
            ["close refused policy-violation"],
            "{inside}"
        );
    }
    assert_eq!(
        filtered(|_| {}, "<x xmlns='u'/>"),
        features("<x xmlns='u'/>")
    );
}

/// A server that supports channel binding and judges as RFC 5802 §6 and XEP-0474 ask: what becomes of a client that saw `list` and says `flag`.
fn judged(offered: &str, shown: &str, flag: &str, hashes: Hashes) -> Result<(), &'static str> {
    let offers_plus = offered.contains("-PLUS");
    match flag {
        // Bound to the gateway's TLS, which is not the server's.
        "p=tls-exporter" => Err("invalid channel binding"),
        "y" if offers_plus => Err("the client saw no -PLUS"),
        _ if hashes == Hashes::Yes && offered != shown => Err("the lists differ"),
        _ => Ok(()),
    }
}

/// Whether a client checks the list of mechanisms (XEP-0474).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hashes {
    Yes,
    No,
}

/// W-R-424: what follows for each kind of client, and that with the recommended set-up all of them get through.
#[test]
fn clients_behind_a_gateway_and_channel_binding() {
    const PLUS: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism></mechanisms>";
    let external = PLUS.replace(
        "<mechanism>SCRAM-SHA-1-PLUS",
        "<mechanism>EXTERNAL</mechanism><mechanism>SCRAM-SHA-1-PLUS",
    );
    let plain = PLUS.replace("<mechanism>SCRAM-SHA-1-PLUS</mechanism>", "");
    // What a client that can bind says, by what it sees.
    let binding = |shown: &str| {
        if shown.contains("-PLUS") {
            "p=tls-exporter"
        } else {
            "y"
        }
    };
    for (offered, hidden, able, hashes, expected) in [
        // (a) A client without binding signs in, hidden or not.
        (PLUS, false, false, Hashes::No, true),
        (PLUS, true, false, Hashes::No, true),
        // (b) Shown, a client that binds is refused ...
        (PLUS, false, true, Hashes::No, false),
        // (c) ... and hidden, too: it says `y`.
        (PLUS, true, true, Hashes::No, false),
        // (d) A client that hashes the lists: as long as nothing was cut.
        (PLUS, false, false, Hashes::Yes, true),
        (PLUS, true, false, Hashes::Yes, false),
        (&external, false, false, Hashes::Yes, false),
        // The recommended set-up: neither -PLUS nor EXTERNAL is offered to the gateway.
        (&plain, false, false, Hashes::Yes, true),
        (&plain, false, true, Hashes::Yes, true),
        (&plain, true, true, Hashes::Yes, true),
    ] {
        let mut with = config(Tls::None);
        with.hide_channel_binding = hidden;
        let mut scene = Scene::with(with);
        let orders = scene.server(&format!(
            "{HEADER}<stream:features>{offered}</stream:features>"
        ));
        let shown = orders.last().expect("features");
        let shown = shown
            .replace(&format!("<stream:features {ST}>"), "")
            .replace("</stream:features>", "");
        let flag = if able { binding(&shown) } else { "n" };
        let mechanism = if flag.starts_with('p') {
            "SCRAM-SHA-1-PLUS"
        } else {
            "SCRAM-SHA-1"
        };
        let auth = format!("<auth {SASL} mechanism='{mechanism}'>{flag},,n=u,r=x</auth>");
        scene.sent();
        // Whatever the client chose, it is the server that judges it.
        assert_eq!(scene.web(&auth), [""; 0]);
        assert_eq!(scene.sent(), auth);
        let answer = match judged(offered, &shown, flag, hashes) {
            Ok(()) => format!("<success {SASL}/>"),
            Err(_) => format!("<failure {SASL}><not-authorized/></failure>"),
        };
        assert_eq!(scene.server(&answer), [answer.as_str()]);
        assert_eq!(
            answer.starts_with("<success"),
            expected,
            "{offered} {hidden} {able}"
        );
    }
}
