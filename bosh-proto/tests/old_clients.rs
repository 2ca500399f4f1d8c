//! What deployed clients of many years send: header fields and spellings that no specification has, each as its client writes it.
#![cfg(feature = "binding")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bosh_proto::{
    Channel, ConnectionId, Request,
    binding::{self, Config, Inbound},
    server::{Action, Config as Server, Event, Manager},
};
use bytes::Bytes;
use xmpp_http1::{RequestHead, Version};

/// A client: the fields of its POSTs, its creation request, and a later one.
struct Client {
    name: &'static str,
    version: Version,
    fields: &'static [(&'static str, &'static str)],
    creation: &'static str,
    /// With `SID` where the session's stands.
    request: &'static str,
    /// What the server gets of it.
    delivered: &'static str,
}

/// A request that Strophe, and most others, write like this.
const PLAIN: &str = "<body rid='8' xmlns='http://jabber.org/protocol/httpbind' sid='SID'><presence xmlns='jabber:client'/></body>";
const PRESENCE: &str = "<presence xmlns='jabber:client'/>";
const CREATION: &str = "<body rid='7' xmlns='http://jabber.org/protocol/httpbind' to='lantern.example' xml:lang='en' wait='60' hold='1' content='text/xml; charset=utf-8' ver='1.6' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>";
const RESTARTED: &str = "restarted";

const CLIENTS: &[Client] = &[
    Client {
        name: "libpurple 2.14: its content type is in the wrong field",
        version: Version::Http11,
        fields: &[
            ("User-Agent", "libpurple 2.14.12"),
            ("Content-Encoding", "text/xml; charset=utf-8"),
        ],
        creation: "<body content='text/xml; charset=utf-8' secure='true' to='lantern.example' xml:lang='en' xmpp:version='1.0' ver='1.6' xmlns:xmpp='urn:xmpp:xbosh' rid='7' wait='60' hold='1' xmlns='http://jabber.org/protocol/httpbind'/>",
        request: "<body rid='8' sid='SID' to='lantern.example' xml:lang='en' xmpp:restart='true' xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'/>",
        delivered: RESTARTED,
    },
    Client {
        name: "libpurple 2.6: and its namespace is no one's",
        version: Version::Http11,
        fields: &[("Content-Encoding", "text/xml; charset=utf-8")],
        creation: "<body content='text/xml; charset=utf-8' secure='true' to='lantern.example' xml:lang='en' xmpp:version='1.0' ver='1.6' xmlns:xmpp='urn:xmpp:bosh' rid='7' wait='60' hold='1' xmlns='http://jabber.org/protocol/httpbind'/>",
        request: PLAIN,
        delivered: PRESENCE,
    },
    Client {
        name: "charsets as a coding",
        version: Version::Http11,
        fields: &[("Content-Encoding", "UTF-8"), ("Content-Type", "text/xml")],
        creation: CREATION,
        request: PLAIN,
        delivered: PRESENCE,
    },
    Client {
        name: "an empty coding",
        version: Version::Http11,
        fields: &[("Content-Encoding", ""), ("Content-Type", "text/xml")],
        creation: CREATION,
        request: PLAIN,
        delivered: PRESENCE,
    },
    Client {
        name: "several codings that are none",
        version: Version::Http11,
        fields: &[
            ("Content-Encoding", "none, identity"),
            ("Content-Encoding", "8bit"),
        ],
        creation: CREATION,
        request: PLAIN,
        delivered: PRESENCE,
    },
    Client {
        name: "JSJaC: a route, keys, polling where the browser can do no more",
        version: Version::Http11,
        fields: &[("Content-Type", "text/xml")],
        creation: "<body content='text/xml; charset=utf-8' hold='1' xmlns='http://jabber.org/protocol/httpbind' to='lantern.example' wait='60' rid='7' route='xmpp:lantern.example:5222' secure='false' newkey='88eb899051c6bd817163386eb396db6d928a5204' xml:lang='en' ver='1.6' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'/>",
        request: "<body rid='8' sid='SID' xmlns='http://jabber.org/protocol/httpbind' key='12862cffad80fcbc7c657d5dc07587878154c291' ><presence xmlns='jabber:client'/></body>",
        delivered: PRESENCE,
    },
    Client {
        name: "XDomainRequest of Internet Explorer 8: no type at all",
        version: Version::Http11,
        fields: &[("Origin", "http://chat.example")],
        creation: CREATION,
        request: PLAIN,
        delivered: PRESENCE,
    },
    Client {
        name: "Python's requests: text/plain, and text behind the body",
        version: Version::Http11,
        fields: &[
            ("Content-type", "text/plain; charset=UTF-8"),
            ("Accept", "text/xml"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ],
        creation: "<?xml version='1.0' encoding='UTF-8'?>\n<body rid='7' xmlns='http://jabber.org/protocol/httpbind' to='lantern.example' wait='60' hold='1'/>\r\n\r\n",
        request: PLAIN,
        delivered: PRESENCE,
    },
    Client {
        name: "XIFF of Flash: a form's type, stanzas without a namespace",
        version: Version::Http11,
        fields: &[("Content-Type", "application/x-www-form-urlencoded")],
        creation: "<body ver=\"1.6\" to=\"lantern.example\" secure=\"false\" xmlns=\"http://jabber.org/protocol/httpbind\" wait=\"20\" hold=\"1\" rid=\"7\" xml:lang=\"en\" xmpp:version=\"1.0\" xmlns:xmpp=\"urn:xmpp:xbosh\"/>",
        request: "<body rid=\"8\" sid=\"SID\" xmlns=\"http://jabber.org/protocol/httpbind\"><presence/></body>",
        delivered: "<presence xmlns=\"jabber:client\"/>",
    },
    Client {
        name: "emite, jaxmpp: acks, a cache that no one has",
        version: Version::Http11,
        fields: &[("Content-Type", "text/xml; charset=utf-8")],
        creation: "<body xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0' content='text/xml; charset=utf-8' xml:lang='en' to='lantern.example' secure='true' wait='30' ack='1' hold='1' cache='on' rid='7'/>",
        request: PLAIN,
        delivered: PRESENCE,
    },
    Client {
        name: "jbosh (Smack): a coding that it asks for, a prefix of its own",
        version: Version::Http11,
        fields: &[
            ("Content-Type", "text/xml; charset=utf-8"),
            ("Accept-Encoding", "deflate, gzip"),
            ("Expect", "100-continue"),
        ],
        creation: "<b:body xmlns:b='http://jabber.org/protocol/httpbind' xmlns:x='urn:xmpp:xbosh' x:version='1.0' hold='1' rid='7' to='lantern.example' ver='1.8' wait='60' ack='1'/>",
        request: "<b:body xmlns:b='http://jabber.org/protocol/httpbind' xmlns:x='urn:xmpp:xbosh' rid='8' sid='SID' x:restart='1'/>",
        delivered: RESTARTED,
    },
    Client {
        name: "HTTP/1.0, prefixes that nobody declared",
        version: Version::Http10,
        fields: &[("Content-Type", "text/html")],
        creation: "<body rid='7' xmlns='http://jabber.org/protocol/httpbind' to='lantern.example' wait='60' hold='1' ver='1' xmpp:version='1.0'/>",
        request: "<body rid='8' xmlns='http://jabber.org/protocol/httpbind' sid='SID' xmpp:restart='true'/>",
        delivered: RESTARTED,
    },
];

/// The manager, behind the binding.
struct Behind {
    manager: Manager,
    now: Instant,
    answer: String,
    delivered: Vec<String>,
}

impl Behind {
    fn post(&mut self, client: &Client, body: &str) -> &str {
        let head = RequestHead::new("POST", "/http-bind", client.version);
        let head = client
            .fields
            .iter()
            .fold(head, |head, (name, value)| head.with_field(name, value));
        let config = Config::default();
        assert_eq!(
            binding::inbound(&config, &head),
            Inbound::Exchange,
            "{}",
            client.name
        );
        let body = Bytes::copy_from_slice(body.as_bytes());
        let body = binding::content(&config, &head, body)
            .unwrap_or_else(|refusal| panic!("{}: {}", client.name, refusal.status));
        let request = Request {
            body,
            connection: ConnectionId(1),
            address: None,
            channel: Channel::Plain,
        };
        self.manager.handle_request(request, self.now);
        // The creation is answered without features; what is held is, too, when its time is over.
        self.now += Duration::from_secs(5);
        self.manager.handle_timeout(self.now);
        while let Some(action) = self.manager.poll_action() {
            match action {
                Action::Respond { id, response } => {
                    let dressed = binding::outbound(&config, &head, response);
                    assert_eq!(dressed.status, 200, "{}", client.name);
                    self.answer = String::from_utf8(dressed.body.to_vec()).expect("UTF-8");
                    self.manager.handle_sent(id, self.now);
                }
                Action::Deliver { session, event } => match event {
                    Event::Opening(opening) => {
                        let accept = bosh_proto::server::Accept {
                            header: opening.header,
                        };
                        self.manager.accept(session, accept, self.now);
                    }
                    Event::Element(element) => {
                        let raw = String::from_utf8(element.raw().to_vec());
                        self.delivered.push(raw.expect("UTF-8"));
                    }
                    Event::Restarted(_) => self.delivered.push(RESTARTED.to_owned()),
                    event @ (Event::Paused(_) | Event::Writable | Event::Closed(_)) => {
                        panic!("{}: {event:?}", client.name)
                    }
                },
                Action::Abort { .. } => panic!("{}: aborted", client.name),
            }
        }
        &self.answer
    }
}

/// B-R-006: no field and no spelling of theirs keeps an old client out (also B-R-022, B-R-024, B-R-025, B-R-027, B-R-035, B-X-004).
#[test]
fn old_clients_are_let_in() {
    for client in CLIENTS {
        #[expect(clippy::disallowed_methods, reason = "any instant does")]
        let now = Instant::now();
        let mut behind = Behind {
            manager: Manager::new(Arc::new(Server::default()), [7; 32]),
            now,
            answer: String::new(),
            delivered: Vec::new(),
        };
        let created = behind.post(client, client.creation);
        let sid = created
            .split(" sid='")
            .nth(1)
            .and_then(|rest| rest.split('\'').next());
        let sid = sid
            .unwrap_or_else(|| panic!("{}: {created}", client.name))
            .to_owned();
        behind.post(client, &client.request.replace("SID", &sid));
        assert_eq!(behind.delivered, [client.delivered], "{}", client.name);
        assert_eq!(behind.manager.sessions(), 1, "{}", client.name);
    }
}

/// B-R-006, B-R-011: 415 is for codings that are registered and not offered, whatever is written beside them.
#[test]
fn registered_codings_that_are_not_offered_are_refused() {
    for name in [
        "gzip",
        "x-gzip",
        "deflate",
        "compress",
        "X-Compress",
        "br",
        "zstd",
        "dcb",
        "dcz",
        "aes128gcm",
        "exi",
        "pack200-gzip",
        "identity, br",
        "utf-8, gzip",
    ] {
        let head = RequestHead::new("POST", "/http-bind", Version::Http11)
            .with_field("Content-Encoding", name);
        let refusal = binding::content(&Config::default(), &head, "<body/>".into()).unwrap_err();
        assert_eq!(refusal.status, 415, "{name}");
    }
}
