//! What a server passes on of other users, and what it may not cost: the recipient's session.

use crate::support::{Gateway, bosh::Bosh, scripted::Scripted, websocket::WebSocket};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";
/// What the recipient says when it can be talked to.
const HERE: &str = "<presence xmlns='jabber:client' id='here'/>";

/// A server at which another user has sent something odd to whoever signs in.
fn passes_on() -> Scripted {
    let deep = format!("{}{}", "<a>".repeat(80), "</a>".repeat(80));
    let large = "x".repeat(600_000);
    let from = "from='mallory@localhost/a b'";
    let odd = [
        format!("<message id='one' {from}><x xmlns='u:x' q:y='1'/></message>"),
        format!("<message id='two' {from}><x xmlns='u:x' q:y='1'/></message>"),
        format!("<message id='three' from='deep&#10;@localhost'>{deep}</message>"),
        format!("<iq id='four' type='get' {from}><body>{large}</body></iq>"),
        "<message id='last' from='bob@localhost'><body>hello</body></message>".to_owned(),
    ];
    Scripted::start(move |peer| {
        peer.sign_in("odd")?;
        peer.until("id='here'")?;
        for stanza in &odd {
            peer.say(stanza)?;
        }
        peer.until("id='still'").map(drop)
    })
}

/// W-R-445, W-R-305 (from a server): over both transports the session lives, hears each stanza once, and the log says who sent what.
#[test]
fn another_users_stanza_does_not_end_the_recipients_session() {
    let server = passes_on();
    let address = server.address.to_string();
    let gateway = Gateway::with(&["--domain", "localhost", "--upstream", &address]);

    let mut socket = WebSocket::signed_in(gateway.address, ADA);
    socket.send(HERE);
    let one = socket.until("id='one'");
    assert!(
        one.contains("xmlns:q=\"urn:xmpp-web:undeclared:q\""),
        "{one}"
    );
    socket.until("id='two'");
    assert!(!socket.until("id='three'").contains("<a>"));
    assert!(
        socket
            .until("id='four'")
            .contains("<removed xmlns=\"urn:xmpp-web:removed\"/>")
    );
    socket.until("hello");
    socket.send("<presence xmlns='jabber:client' id='still'/>");

    let mut session = Bosh::signed_in(gateway.address, ADA);
    let mut heard = session.exchange("", HERE);
    while !heard.contains("hello") {
        assert!(!heard.contains("terminate"), "{heard}");
        heard += &session.exchange("", "");
    }
    for id in ["one", "two", "three", "four", "last"] {
        assert_eq!(heard.matches(&format!("id='{id}'")).count(), 1, "{heard}");
    }
    session.exchange("", "<presence xmlns='jabber:client' id='still'/>");
    for heard in server.heard() {
        // Nothing is answered by the gateway.
        assert!(!heard.contains("error"), "{heard}");
    }
    for line in [
        "breaks Namespaces in XML; its prefixes were declared anew domain=localhost reason=\"from mallory@localhost\"",
        "nested deeper than limits.xml_depth; its content was dropped domain=localhost reason=\"from deep\\n@localhost: 82 levels, at most 64 may be\"",
        "beyond upstream.element_bytes; its content was dropped; raise that key to let it pass domain=localhost \
         reason=\"from mallory@localhost: 600072 bytes, at most 524288 may be\"",
    ] {
        gateway.logs(line);
        let cause = line.split(" reason=").next().unwrap_or_default();
        // What comes behind the first in ten seconds is counted.
        let log = gateway.log();
        let told = log.lines().filter(|line| line.contains(cause));
        assert_eq!(
            told.filter(|line| !line.contains(" count=")).count(),
            1,
            "{log}"
        );
    }
}
