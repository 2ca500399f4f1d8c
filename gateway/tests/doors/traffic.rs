//! Ten sessions, five of each transport, that send numbered messages to themselves or to the echo contact all the time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::support::{
    bosh::Bosh,
    websocket::{Frame, OPEN, WebSocket},
};

/// How late an answer may be.
const LATE: Duration = Duration::from_secs(1);
/// Messages that are sent before the first of them is waited for.
const AT_ONCE: u64 = 3;
/// Between two rounds of a session.
const PAUSE: Duration = Duration::from_millis(40);

const BIND: &str = "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
<resource>door</resource></bind></iq>";

/// The ten.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    sessions: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Signs them in; they talk from now on.
    pub(crate) fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sessions = (0..5).flat_map(|number| {
            let bosh = Client::Bosh(signed_in_bosh(address, &format!("bosh{number}")));
            let websocket = Client::WebSocket(signed_in(address, &format!("web{number}")));
            [
                (bosh, format!("bosh{number}")),
                (websocket, format!("web{number}")),
            ]
        });
        let sessions: Vec<_> = sessions.collect();
        let sessions = sessions
            .into_iter()
            .enumerate()
            .map(|(place, (client, name))| {
                let to = if place % 4 < 2 {
                    "echo@localhost".to_owned()
                } else {
                    format!("{name}@localhost/door")
                };
                let stop = Arc::clone(&stop);
                thread::spawn(move || talk(client, &to, &stop))
            });
        Self {
            sessions: sessions.collect(),
            stop,
        }
    }

    /// Ends them after one more round, and says what was wrong with any of them.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for session in self.sessions {
            if let Err(panic) = session.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// `PLAIN` for that name.
pub(crate) fn auth(name: &str) -> String {
    let initial = BASE64_STANDARD.encode(format!("\0{name}\0password"));
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{initial}</auth>")
}

/// A WebSocket that is bound to `name@localhost/door`.
pub(crate) fn signed_in(address: SocketAddr, name: &str) -> WebSocket {
    sign_in(WebSocket::open(address), name)
}

/// Signs in and binds to that name.
pub(crate) fn sign_in(mut socket: WebSocket, name: &str) -> WebSocket {
    socket.send(&auth(name));
    socket.until("<success");
    socket.send(OPEN);
    socket.until("urn:ietf:params:xml:ns:xmpp-bind");
    socket.send(BIND);
    socket.until(&format!("{name}@localhost/door</jid>"));
    socket
}

/// The same over BOSH.
pub(crate) fn signed_in_bosh(address: SocketAddr, name: &str) -> Bosh {
    sign_in_bosh(Bosh::create(address), name)
}

/// Signs in and binds to that name.
pub(crate) fn sign_in_bosh(mut session: Bosh, name: &str) -> Bosh {
    let answer = session.exchange("", &auth(name));
    session.until(answer, "<success");
    let answer = session.exchange("xmpp:restart='true' to='localhost'", "");
    session.until(answer, "urn:ietf:params:xml:ns:xmpp-bind");
    let answer = session.exchange("", BIND);
    session.until(answer, &format!("{name}@localhost/door</jid>"));
    session
}

enum Client {
    Bosh(Bosh),
    WebSocket(WebSocket),
}

impl Client {
    /// Sends these messages; gives what has come by then.
    fn send(&mut self, messages: &[String]) -> String {
        match self {
            Self::Bosh(session) => session.exchange("", &messages.concat()),
            Self::WebSocket(socket) => {
                for message in messages {
                    socket.send(message);
                }
                String::new()
            }
        }
    }

    /// What comes next.
    fn more(&mut self) -> String {
        match self {
            Self::Bosh(session) => session.exchange("", ""),
            Self::WebSocket(socket) => match socket.receive() {
                Some(Frame::Text(text)) => text,
                Some(Frame::Ping) => String::new(),
                other => panic!("{other:?} for a session that did nothing wrong"),
            },
        }
    }
}

/// Talks until it is told to stop, and once more then.
fn talk(mut client: Client, to: &str, stop: &AtomicBool) {
    let mut rounds = 0;
    let mut last = false;
    while !last {
        last = stop.load(Ordering::Relaxed);
        let first = rounds * AT_ONCE;
        let wanted: Vec<u64> = (first..first + AT_ONCE).collect();
        let messages: Vec<String> = wanted
            .iter()
            .map(|number| {
                format!("<message xmlns='jabber:client' to='{to}' type='chat'><body>number {number}</body></message>")
            })
            .collect();
        let asked = Instant::now();
        let mut heard = numbers(&client.send(&messages));
        while heard.len() < wanted.len() {
            heard.extend(numbers(&client.more()));
            assert_eq!(heard.get(..), wanted.get(..heard.len()), "to {to}");
            assert!(asked.elapsed() < LATE, "{heard:?} of {wanted:?} to {to}");
        }
        assert_eq!(heard, wanted, "to {to}");
        let took = asked.elapsed();
        assert!(took < LATE, "{took:?} to {to}");
        rounds += 1;
        thread::sleep(PAUSE);
    }
}

/// The numbers that a text says, in order.
fn numbers(text: &str) -> Vec<u64> {
    assert!(!text.contains("type='terminate'"), "{text}");
    text.split(">number ")
        .skip(1)
        .map(|rest| {
            rest.split('<')
                .next()
                .and_then(|number| number.parse().ok())
                .expect("a number")
        })
        .collect()
}
