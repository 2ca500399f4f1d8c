//! A BOSH client that asks one thing after another.

use std::net::SocketAddr;

use super::http::{Answer, Http};

/// A session.
pub(crate) struct Bosh {
    pub(crate) http: Http,
    pub(crate) sid: String,
    pub(crate) rid: u64,
}

/// The namespaces of every body.
const NAMESPACES: &str = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'";

/// Posts a body as it is.
pub(crate) fn post(address: SocketAddr, body: &str) -> Answer {
    Http::connect(address).ask("POST", "/http-bind", "Content-Type: text/xml\r\n", body)
}

/// A creation request for that domain.
pub(crate) fn creation(to: &str) -> String {
    format!(
        "<body rid='1000' to='{to}' wait='5' hold='1' ver='1.6' xml:lang='en' content='text/xml; charset=utf-8' xmpp:version='1.0' {NAMESPACES}/>"
    )
}

/// An attribute of the first tag.
pub(crate) fn attribute(body: &str, name: &str) -> Option<String> {
    let tag = body.split('>').next()?;
    let (_, rest) = tag.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next()?;
    Some(rest.get(1..)?.split(quote).next()?.to_owned())
}

impl Bosh {
    /// A session that got its features.
    pub(crate) fn create(address: SocketAddr) -> Self {
        Self::create_by(Http::connect(address), &creation("localhost"))
    }

    /// The same by a creation request of one's own, on a connection that is there already.
    pub(crate) fn create_by(mut http: Http, creation: &str) -> Self {
        let answer = http.ask("POST", "/http-bind", "", creation);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let sid = attribute(&answer.body, "sid").expect("a sid");
        let mut session = Self {
            http,
            sid,
            rid: 1000,
        };
        session.until(answer.body, "<mechanism");
        session
    }

    /// Signed in under that name and bound.
    pub(crate) fn signed_in(address: SocketAddr, initial: &str) -> Self {
        Self::signed_in_on(Http::connect(address), initial)
    }

    /// The same on a connection that is there already.
    pub(crate) fn signed_in_on(http: Http, initial: &str) -> Self {
        let mut session = Self::create_by(http, &creation("localhost"));
        session.sign_in(initial);
        session
    }

    /// Signs in under that name and binds; gives the answer that names the resource.
    pub(crate) fn sign_in(&mut self, initial: &str) -> String {
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{initial}</auth>"
        );
        let answer = self.exchange("", &auth);
        self.until(answer, "<success");
        let answer = self.exchange("xmpp:restart='true' to='localhost'", "");
        self.until(answer, "urn:ietf:params:xml:ns:xmpp-bind");
        let answer = self.exchange(
            "",
            "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        );
        self.until(answer, "</jid>")
    }

    /// Posts the next body without waiting for its answer.
    pub(crate) fn send(&mut self, attributes: &str, payload: &str) {
        self.rid += 1;
        let body = format!(
            "<body rid='{}' sid='{}' {attributes} {NAMESPACES}>{payload}</body>",
            self.rid, self.sid
        );
        self.http.send("POST", "/http-bind", "", &body);
    }

    /// Posts the next body; gives the answer's.
    pub(crate) fn exchange(&mut self, attributes: &str, payload: &str) -> String {
        self.send(attributes, payload);
        let answer = self.http.receive();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// Asks until something says `wanted`.
    pub(crate) fn until(&mut self, mut answer: String, wanted: &str) -> String {
        for _ in 0..8 {
            if answer.contains(wanted) {
                return answer;
            }
            assert!(!answer.contains("terminate"), "{answer}");
            answer = self.exchange("", "");
        }
        panic!("no {wanted}");
    }

    /// Says something to the echo contact and hears it.
    pub(crate) fn echo(&mut self, said: &str) {
        let message = format!(
            "<message xmlns='jabber:client' to='echo@localhost' type='chat'><body>{said}</body></message>"
        );
        let answer = self.exchange("", &message);
        let answer = self.until(answer, said);
        assert!(answer.contains("from=\"echo@localhost"), "{answer}");
    }
}
