//! Servers in plain TCP that do what a test says, and remember what they heard.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::PATIENCE;

/// A server for the domain `localhost`.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Arc<Mutex<String>>>>>,
}

/// One of its connections.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    heard: Arc<Mutex<String>>,
    read: String,
}

/// A stream header with this id.
pub(crate) fn header(id: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
         id='{id}' from='localhost' version='1.0'>"
    )
}

/// Features with this inside.
pub(crate) fn features(inside: &str) -> String {
    format!("<stream:features>{inside}</stream:features>")
}

/// A list of mechanisms.
pub(crate) fn mechanisms(names: &[&str]) -> String {
    let names: String = names
        .iter()
        .map(|name| format!("<mechanism>{name}</mechanism>"))
        .collect();
    format!("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{names}</mechanisms>")
}

impl Scripted {
    /// Every connection is served by `serve` in a thread that ends with it.
    pub(crate) fn start(
        serve: impl Fn(&mut Peer) -> io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let heard = Arc::new(Mutex::new(String::new()));
                all.lock().expect("no panic").push(Arc::clone(&heard));
                let serve = serve.clone();
                thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
                    let mut peer = Peer {
                        stream,
                        heard,
                        read: String::new(),
                    };
                    // A gateway that goes away is what some tests are about.
                    let _ = serve(&mut peer);
                    let _ = peer.until("\u{0}");
                });
            }
        });
        Self { address, heard }
    }

    /// What each connection has heard so far; an ended one ends with `[end]`, a broken one with `[broken]`.
    pub(crate) fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("no panic");
        heard
            .iter()
            .map(|one| one.lock().expect("no panic").clone())
            .collect()
    }

    /// Waits until a connection has heard that.
    pub(crate) fn hears(&self, wanted: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.heard().iter().any(|heard| heard.contains(wanted)) {
            assert!(Instant::now() < until, "no {wanted} in {:?}", self.heard());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Peer {
    /// Reads until `wanted` has come; gives everything up to its end.
    pub(crate) fn until(&mut self, wanted: &str) -> io::Result<String> {
        let mut bytes = [0; 16_384];
        loop {
            if let Some(at) = self.read.find(wanted) {
                return Ok(self.read.drain(..at + wanted.len()).collect());
            }
            let read = self.stream.read(&mut bytes);
            let mut heard = self.heard.lock().expect("no panic");
            match read {
                Ok(0) => {
                    heard.push_str("[end]");
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(count) => {
                    let text = String::from_utf8_lossy(&bytes[..count]);
                    heard.push_str(&text);
                    self.read.push_str(&text);
                }
                Err(error) => {
                    heard.push_str("[broken]");
                    return Err(error);
                }
            }
        }
    }

    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// Reads a header, whatever is behind its version.
    fn header(&mut self) -> io::Result<()> {
        self.until(" version='1.0'")?;
        self.until(">").map(drop)
    }

    /// From the header to the features behind success: PLAIN lets everybody in.
    pub(crate) fn sign_in(&mut self, id: &str) -> io::Result<()> {
        self.header()?;
        self.say(&format!(
            "{}{}",
            header(id),
            features(&mechanisms(&["PLAIN"]))
        ))?;
        self.until("</auth>")?;
        self.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")?;
        self.header()?;
        self.say(&format!(
            "{}{}",
            header(&format!("{id}-again")),
            features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>")
        ))?;
        self.until("</iq>")?;
        self.say("<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ada@localhost/x</jid></bind></iq>")
    }

    /// Answers `<enable/>` with this.
    pub(crate) fn enable(&mut self, enabled: &str) -> io::Result<()> {
        self.until("<enable ")?;
        self.until(">")?;
        self.say(enabled)
    }
}
