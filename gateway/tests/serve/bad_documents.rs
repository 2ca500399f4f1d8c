//! The documents that no reader may accept, at each door of the running gateway: in a BOSH body, as a WebSocket message, and
//! from the server.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    path::Path,
    thread,
};

use xmpp_wire::{Wrapped, XmlLimits};

use crate::support::{
    Gateway,
    bosh::{Bosh, attribute, creation, post},
    websocket::{Frame, OPEN, WebSocket, handshake},
};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";
/// `\0witness\0x`
const WITNESS: &str = "AHdpdG5lc3MAeA==";

/// The files of `xmpp-wire`, by name.
fn documents() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xmpp-wire/tests/bad");
    let mut found: Vec<_> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read(path).expect("a file"))
        })
        .collect();
    found.sort();
    assert!(found.len() >= 35);
    found
}

/// Whether the file is two good elements where several may stand.
fn is_two_elements(name: &str) -> bool {
    name.starts_with("03-")
}

/// B-R-020, B-R-021, B-R-022, B-R-023, B-R-024, B-R-025.
#[test]
fn a_bosh_body_with_one_ends_its_session_with_bad_request() {
    let gateway = Gateway::start();
    let mut witness = Bosh::signed_in(gateway.address, WITNESS);
    for (name, document) in documents() {
        let mut session = Bosh::create(gateway.address);
        let front = format!(
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='{}' sid='{}'>",
            session.rid + 1,
            session.sid
        );
        let body = [front.as_bytes(), &document, b"</body>"].concat();
        let head = format!(
            "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        session
            .http
            .stream
            .write_all(&[head.as_bytes(), &body].concat())
            .expect("written");
        if is_two_elements(&name) {
            continue;
        }
        let answer = session.http.receive();
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(
            attribute(&answer.body, "type").as_deref(),
            Some("terminate"),
            "{name}"
        );
        assert_eq!(
            attribute(&answer.body, "condition").as_deref(),
            Some("bad-request"),
            "{name}"
        );
        witness.echo(&name);
    }
}

/// W-R-118, W-R-300, W-R-301, W-R-302, W-R-303, W-R-304, W-R-305, W-R-306, the table of W-R-360.
#[test]
fn a_websocket_message_with_one_ends_its_stream() {
    let gateway = Gateway::start();
    let mut witness = WebSocket::signed_in(gateway.address, WITNESS);
    for (name, document) in documents() {
        let mut socket = WebSocket::signed_in(gateway.address, ADA);
        socket.frame(0x81, &document);
        let rest = socket.rest();
        let said = format!("{rest:?}");
        if std::str::from_utf8(&document).is_err() {
            assert_eq!(rest, [Frame::Close(1007)], "{name}");
        } else {
            let text = String::from_utf8_lossy(&document).into_owned();
            let restricted = [
                "<!--",
                "<?",
                "<!DOCTYPE",
                "<!ENTITY",
                "&bogus;",
                "&nbsp;",
                "&AMP;",
                "&LT;",
                "&Amp;",
                "&Lt;",
            ]
            .iter()
            .any(|part| text.contains(part))
                || name.contains("entity");
            let condition = if restricted {
                "restricted-xml"
            } else {
                "not-well-formed"
            };
            assert!(
                said.contains(condition),
                "{name}: {said} instead of {condition}"
            );
            assert!(
                said.contains("urn:ietf:params:xml:ns:xmpp-framing"),
                "{name}: {said}"
            );
            assert_eq!(rest.last(), Some(&Frame::Close(1000)), "{name}: {said}");
        }
        witness.echo(&name);
    }
}

/// A server that sends a document behind its header, the same to every client, and closes.
fn server(document: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for _ in 0..2 {
            let (mut client, _) = listener.accept().expect("a client");
            let mut header = [0; 1024];
            let _ = client.read(&mut header);
            let answer = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='bad.test' id='1' version='1.0'>";
            let _ = client.write_all(&[&answer[..], &document].concat());
            let _ = client.shutdown(std::net::Shutdown::Write);
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
    address
}

/// Whether it only breaks Namespaces in XML inside: such an element of a server's is mended.
fn is_mended(document: &[u8]) -> bool {
    let document = [b"<w>", document, b"</w>"].concat();
    let limits = XmlLimits::default();
    Wrapped::parse_from_server(document.into(), &[], &limits).is_ok()
}

/// W-R-411, W-R-445: what a client learns is that something behind the gateway failed.
#[test]
fn a_server_that_sends_one_is_left() {
    for (name, document) in documents() {
        if is_two_elements(&name) {
            continue;
        }
        // The server goes away behind what it sends.
        let mended = is_mended(&document);
        let address = server(document).to_string();
        let gateway = Gateway::with(&["--domain", "bad.test", "--upstream", &address]);
        let mut answer = post(gateway.address, &creation("bad.test"));
        if attribute(&answer.body, "type").is_none() {
            // A good element came before what is bad, and left on this answer.
            let sid = attribute(&answer.body, "sid").expect("a sid");
            let poll = format!(
                "<body xmlns='http://jabber.org/protocol/httpbind' rid='1001' sid='{sid}'/>"
            );
            answer = post(gateway.address, &poll);
        }
        let condition = attribute(&answer.body, "condition");
        // What is cut short is a server that was lost.
        let lost = mended || name.contains("unclosed") || name.contains("without-end");
        let expected = if lost {
            "remote-connection-failed"
        } else {
            "internal-server-error"
        };
        assert_eq!(
            condition.as_deref(),
            Some(expected),
            "{name}: {}",
            answer.body
        );
        let mut socket = WebSocket::connect(gateway.address, "/xmpp-websocket", &handshake("xmpp"))
            .expect("a 101");
        socket.send(&OPEN.replace("localhost", "bad.test"));
        let rest = socket.rest();
        assert!(
            format!("{rest:?}").contains("internal-server-error"),
            "{name}: {rest:?}"
        );
        assert_eq!(rest.last(), Some(&Frame::Close(1011)), "{name}: {rest:?}");
    }
}
