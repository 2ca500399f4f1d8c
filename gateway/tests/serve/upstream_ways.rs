//! What a server says of redirect targets, of resumption and of its lists, and what the gateway makes of it.

use std::{fs, path::PathBuf};

use crate::support::{
    Gateway,
    bosh::{creation, post},
    certificates::{Authority, params},
    scripted::{Scripted, features, header, mechanisms},
    server::{Server, Way},
    websocket::{CLOSE, Frame, OPEN, WebSocket, handshake},
};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";

/// A gateway for `localhost` behind that server.
fn gateway(name: &str, server: &Scripted, domain: &str, more: &str) -> Gateway {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ways-{name}.toml"));
    let text = format!(
        "[domain.\"localhost\"]\nupstream = \"{}\"\n{domain}\n{more}\n",
        server.address
    );
    fs::write(&path, text).expect("a writable directory");
    let gateway = Gateway::with(&["--config", path.to_str().expect("UTF-8")]);
    let _ = fs::remove_file(path);
    gateway
}

fn connect(gateway: &Gateway) -> WebSocket {
    WebSocket::connect(gateway.address, "/ws", &handshake("xmpp")).expect("a 101")
}

/// A server that signs everybody in and then listens.
fn honest(id: &'static str) -> Scripted {
    Scripted::start(move |peer| peer.sign_in(id))
}

/// A server that sends everybody to that target.
fn sends_to(target: String) -> Scripted {
    Scripted::start(move |peer| {
        peer.until(" version='1.0'>")?;
        peer.say(&format!(
            "{}<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{target}</see-other-host></stream:error></stream:stream>",
            header("first")
        ))
    })
}

/// W-R-418, W-R-415: the second server is the only one that the client sees.
#[test]
fn a_redirect_is_followed_and_not_seen() {
    let second = honest("second");
    let first = sends_to(second.address.to_string());
    let gateway = gateway("redirect", &first, "", "");
    let mut socket = connect(&gateway);
    socket.send(OPEN);
    let Some(Frame::Text(open)) = socket.receive() else {
        panic!("no <open/>");
    };
    assert!(open.contains("id=\"second\""), "{open}");
    socket.until("<mechanism>PLAIN");
    socket.send(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{ADA}</auth>"
    ));
    socket.until("<success");
    socket.send(OPEN);
    socket.until("xmpp-bind");
    assert!(!first.heard().concat().contains("<auth"));
    for server in [&first, &second] {
        server.hears("to='localhost'");
    }
}

/// W-R-418: where targets are listed, no other is gone to; and never more than the limit.
#[test]
fn a_redirect_that_is_not_allowed_is_not_followed() {
    let second = honest("second");
    let first = sends_to(second.address.to_string());
    for (name, domain, more) in [
        ("unlisted", "redirect_targets = [\"other.example\"]", ""),
        ("none", "", "[upstream]\nredirects = 0"),
    ] {
        let gateway = gateway(name, &first, domain, more);
        let mut socket = connect(&gateway);
        socket.send(OPEN);
        let rest = socket.rest();
        let text: String = rest.iter().map(|frame| format!("{frame:?}")).collect();
        assert!(text.contains("<internal-server-error"), "{text}");
        assert!(!text.contains("see-other-host"), "{text}");
        assert!(!text.contains(&second.address.to_string()), "{text}");
        assert_eq!(rest.last(), Some(&Frame::Close(1011)));
    }
    assert_eq!(second.heard(), [""; 0]);
}

/// W-R-418: a server on loopback in plain TCP cannot lead passwords to another machine, whether targets are listed or not. One line says where to,
/// and which key.
#[test]
fn a_plain_server_leads_nobody_to_another_machine() {
    for (name, domain) in [
        ("away", ""),
        ("away-plain", "tls = \"none\""),
        ("away-listed", "redirect_targets = [\"127.0.0.1\"]"),
    ] {
        for target in ["192.0.2.1:5222", "[2001:db8::1]:5222"] {
            let first = sends_to(target.to_owned());
            let gateway = gateway(name, &first, domain, "");
            let started = std::time::Instant::now();
            for _ in 0..3 {
                let mut socket = connect(&gateway);
                socket.send(OPEN);
                assert_eq!(socket.rest().last(), Some(&Frame::Close(1011)));
            }
            // Nothing there was waited for.
            assert!(started.elapsed() < std::time::Duration::from_secs(5));
            let log = gateway.log();
            let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
            let [warning] = warnings.as_slice() else {
                panic!("{log}");
            };
            let target = target.replace(['[', ']'], "");
            for word in [&*target, "redirect_targets", "domain=localhost"] {
                assert!(warning.contains(word), "{word}: {log}");
            }
        }
    }
}

/// W-R-418: a target that is listed is connected to as the domain's `tls` is written, by verified TLS here, although it was named before TLS.
#[test]
fn a_listed_target_is_reached_by_the_written_tls() {
    let authority = Authority::new("redirect-target");
    for (name, identity, works) in [
        ("listed-right", "localhost", true),
        ("listed-wrong", "other.example", false),
    ] {
        let second = Server::start(Way::StartTls, authority.sign(&params(identity)));
        let first = sends_to(second.address.to_string());
        let gateway = gateway(
            name,
            &first,
            &format!(
                "tls = \"starttls\"\nca = \"{}\"\nredirect_targets = [\"{}\"]",
                authority.file, second.address
            ),
            "",
        );
        if works {
            WebSocket::signed_in(gateway.address, ADA).echo("behind TLS, redirected");
        } else {
            let mut socket = connect(&gateway);
            socket.send(OPEN);
            assert_eq!(socket.rest().last(), Some(&Frame::Close(1011)));
            gateway.logs("the certificate is not for");
        }
        assert!(second.plain().contains("<starttls"), "{}", second.plain());
        for word in ["from=", "<auth", ADA] {
            assert!(!second.plain().contains(word), "{}", second.plain());
        }
    }
}

/// W-R-418: what counts as loopback is the address that a name has, on both ends.
#[test]
fn a_name_of_this_machine_is_a_target_of_this_machine() {
    let second = honest("second");
    let first = sends_to(format!("localhost:{}", second.address.port()));
    let gateway = gateway("named", &first, "", "");
    let mut socket = connect(&gateway);
    socket.send(OPEN);
    let Some(Frame::Text(open)) = socket.receive() else {
        panic!("no <open/>");
    };
    assert!(open.contains("id=\"second\""), "{open}");
}

/// W-R-419: the location is not shown, and the session is resumed where it is, once.
#[test]
fn a_session_is_resumed_at_its_node() {
    let sasl2 = "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><sm xmlns='urn:xmpp:sm:3'/></inline></authentication>";
    let node = Scripted::start(move |peer| {
        peer.until(" version='1.0'>")?;
        peer.say(&format!("{}{}", header("node"), features(sasl2)))?;
        peer.until("</authenticate>")?;
        peer.say("<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' previd='some' h='0'/></success>")
    });
    let location = node.address;
    let entrance = Scripted::start(move |peer| {
        peer.until(" version='1.0'>")?;
        peer.say(&format!("{}{}", header("entrance"), features(sasl2)))?;
        peer.until("</authenticate>")?;
        peer.say(&format!(
            "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='some' resume='true' location='{location}'/></bound></success>"
        ))
    });
    let gateway = gateway(
        "node",
        &entrance,
        &format!("redirect_targets = [\"{location}\"]"),
        "",
    );
    let authenticate = |resume: &str| {
        format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>{ADA}</initial-response>{resume}</authenticate>"
        )
    };
    let mut socket = connect(&gateway);
    socket.send(OPEN);
    socket.until("<mechanism");
    socket.send(&authenticate(""));
    let enabled = socket.until("<enabled");
    assert!(!enabled.contains("location"), "{enabled}");
    drop(socket);
    let mut socket = connect(&gateway);
    socket.send(OPEN);
    socket.until("<mechanism");
    let resume = "<resume xmlns='urn:xmpp:sm:3' previd='some' h='0'/>";
    socket.send(&authenticate(resume));
    socket.until("<resumed");
    node.hears(resume);
    assert!(!entrance.heard().concat().contains("previd"));
}

/// W-R-424: the operator is warned of lists that do not fit, once for all sessions; a client without channel binding gets through.
#[test]
fn lists_that_do_not_fit_are_warned_of_once() {
    let server = Scripted::start(|peer| {
        peer.until(" version='1.0'>")?;
        let names = ["EXTERNAL", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"];
        peer.say(&format!("{}{}", header("x"), features(&mechanisms(&names))))?;
        peer.until("</auth>")?;
        peer.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    });
    let gateway = gateway("warned", &server, "", "");
    for _ in 0..3 {
        let mut socket = connect(&gateway);
        socket.send(OPEN);
        let list = socket.until("<mechanism");
        assert!(
            list.contains("SCRAM-SHA-256-PLUS") && !list.contains("EXTERNAL"),
            "{list}"
        );
        socket.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
        socket.until("<invalid-mechanism");
        socket.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>{ADA}</auth>"
        ));
        socket.until("<success");
    }
    let log = gateway.log();
    assert_eq!(
        log.matches("offers SASL channel binding").count(),
        1,
        "{log}"
    );
    assert_eq!(log.matches("offers SASL EXTERNAL").count(), 1, "{log}");
    assert!(!server.heard().concat().contains("EXTERNAL"));
}

fn enabled(socket: &mut WebSocket) {
    socket.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    socket.until("<enabled");
}

/// W-R-473: a session that can be resumed gets the Close frame alone, and its server no end tag; the others are told, and end.
#[test]
fn shutdown_leaves_what_can_be_resumed() {
    let server = Scripted::start(|peer| {
        peer.sign_in("x")?;
        peer.enable("<enabled xmlns='urn:xmpp:sm:3' id='some' resume='true'/>")
    });
    let mut gateway = gateway("shutdown", &server, "", "");
    let mut resumable = WebSocket::signed_in(gateway.address, ADA);
    enabled(&mut resumable);
    let mut other = WebSocket::signed_in(gateway.address, ADA);
    gateway.terminate();
    assert_eq!(resumable.rest(), [Frame::Close(1001)]);
    let rest = other.rest();
    let text: String = rest.iter().map(|frame| format!("{frame:?}")).collect();
    assert!(text.contains("<system-shutdown"), "{text}");
    assert_eq!(rest.last(), Some(&Frame::Close(1001)));
    drop((resumable, other));
    assert_eq!(gateway.ended().code(), Some(0));
    let heard = server.heard();
    let (with, without): (Vec<_>, Vec<_>) =
        heard.iter().partition(|heard| heard.contains("<enable "));
    assert!(
        with.iter().all(|heard| !heard.contains("</stream:stream>")),
        "{with:?}"
    );
    assert!(
        without
            .iter()
            .all(|heard| heard.contains("</stream:stream>")),
        "{without:?}"
    );
    assert_eq!((with.len(), without.len()), (1, 1));
}

/// W-R-437, W-R-355, W-R-372: a client that is lost leaves a session that can be resumed, one that says `<close/>` does not.
#[test]
fn the_servers_end_tag_says_whether_a_session_may_be_resumed() {
    let server = Scripted::start(|peer| {
        peer.sign_in("x")?;
        peer.enable("<enabled xmlns='urn:xmpp:sm:3' id='some' resume='true'/>")?;
        peer.until("</stream:stream>")?;
        peer.say("</stream:stream>")
    });
    let gateway = gateway("endings", &server, "", "");
    let ended = |end: &dyn Fn(&mut WebSocket)| {
        let before = server.heard().len();
        let mut socket = WebSocket::signed_in(gateway.address, ADA);
        enabled(&mut socket);
        end(&mut socket);
        drop(socket);
        let until = std::time::Instant::now() + crate::support::PATIENCE;
        loop {
            let heard = server.heard()[before].clone();
            if heard.ends_with("[end]") || heard.ends_with("[broken]") {
                return heard;
            }
            assert!(std::time::Instant::now() < until, "{heard}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    assert!(!ended(&|_| {}).contains("</stream:stream>"));
    assert!(
        !ended(&|socket| {
            socket.close(1001);
            assert_eq!(socket.rest(), [Frame::Close(1001)]);
        })
        .contains("</stream:stream>")
    );
    assert!(
        ended(&|socket| {
            socket.send(CLOSE);
            socket.until("<close");
            socket.close(1000);
        })
        .contains("</stream:stream>")
    );
}

/// W-R-476: a session beyond the rate is refused before anything is dialled for it, over both transports.
#[test]
fn handshakes_have_a_rate() {
    let server = honest("x");
    let gateway = gateway("rate", &server, "", "[limits]\nsessions_per_second = 1");
    let mut sockets = Vec::new();
    let refused = (0..20)
        .find_map(|_| {
            let made = WebSocket::connect(gateway.address, "/ws", &handshake("xmpp"));
            made.map(|socket| sockets.push(socket)).err()
        })
        .expect("a refusal");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.field("Retry-After"), Some("5"));
    assert!((5..=8).contains(&sockets.len()), "{}", sockets.len());
    assert_eq!(server.heard(), [""; 0]);
    let bodies: Vec<_> = (0..3)
        .map(|_| post(gateway.address, &creation("localhost")).body)
        .collect();
    let is_refused = |body: &String| body.contains("condition='policy-violation'");
    assert!(bodies.iter().any(is_refused), "{bodies:?}");
}

/// W-R-477: what a browser sends along with a handshake signs nobody in.
#[test]
fn cookies_and_credentials_of_the_handshake_sign_nobody_in() {
    let server = honest("x");
    let gateway = gateway("ambient", &server, "", "");
    let fields = format!(
        "{}Cookie: session=ada\r\nAuthorization: Basic YWRhOmNvcnJlY3QgaG9yc2U=\r\n",
        handshake("xmpp")
    );
    let mut socket = WebSocket::connect(gateway.address, "/ws", &fields).expect("a 101");
    socket.send(OPEN);
    socket.until("<mechanism");
    socket.send("<message xmlns='jabber:client' to='b@localhost'/>");
    let rest = socket.rest();
    let text: String = rest.iter().map(|frame| format!("{frame:?}")).collect();
    assert!(text.contains("<not-authorized"), "{text}");
    assert!(!server.heard().concat().contains("<message"));
    let heard = server.heard().concat();
    for secret in ["session=ada", "YWRhOmNvcnJlY3QgaG9yc2U"] {
        assert!(!heard.contains(secret) && !gateway.log().contains(secret));
    }
}

/// W-R-471: a server whose header declares as much as it may makes every stanza large; what waits for a client that does not read stays bounded, and
/// all of it comes in the end.
#[cfg(target_os = "linux")]
#[test]
fn amplified_stanzas_cost_bounded_memory() {
    const STANZAS: usize = 20_000;
    let server = Scripted::start(|peer| {
        peer.until(" version='1.0'>")?;
        let long = "x".repeat(430);
        let declarations: String = (0..8)
            .map(|number| format!(" xmlns:p{number}='u:{number}{long}'"))
            .collect();
        let header = header("x").replace(" id=", &format!("{declarations} id="));
        peer.say(&format!("{header}{}", features(&mechanisms(&["PLAIN"]))))?;
        peer.until("</auth>")?;
        for number in 0..STANZAS {
            peer.say(&format!("<iq id='n{number}' type='result'/>"))?;
        }
        Ok(())
    });
    let gateway = gateway("amplified", &server, "", "");
    let resident = || {
        let status =
            fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        number
            .and_then(|number| number.parse::<u64>().ok())
            .expect("kB")
    };
    let mut socket = connect(&gateway);
    socket.send(OPEN);
    socket.until("<mechanism");
    let before = resident();
    socket.send(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{ADA}</auth>"
    ));
    // 70 MB for the client, which waits before it reads.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let held = resident();
    assert!(held < before + 8 * 1_024, "{before} kB, then {held} kB");
    for number in 0..STANZAS {
        let stanza = socket.until("<iq ");
        assert!(
            stanza.contains(&format!("id='n{number}'")),
            "{number}: {stanza}"
        );
    }
    assert!(resident() < before + 8 * 1_024);
}

/// W-R-430: what a client asks for chooses among the configured domains and nothing else.
#[test]
fn no_address_is_dialled_for_a_domain_that_is_not_served() {
    let server = honest("x");
    let gateway = gateway("unmapped", &server, "", "");
    for domain in ["169.254.169.254", "elsewhere.example", "127.0.0.1", "[::1]"] {
        let mut socket = connect(&gateway);
        socket.send(&OPEN.replace("localhost", domain));
        let rest = socket.rest();
        let text: String = rest.iter().map(|frame| format!("{frame:?}")).collect();
        assert!(text.contains("<host-unknown"), "{domain}: {text}");
        assert_eq!(rest.last(), Some(&Frame::Close(1000)));
    }
    assert_eq!(server.heard(), [""; 0]);
}
