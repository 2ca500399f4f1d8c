//! One stream to the domain: SASL, binding, then stanzas.

use std::{collections::VecDeque, sync::Arc};

use bytes::BytesMut;
use tokio::io::DuplexStream;
use xmpp_stream::{
    SendError,
    server::{self, Event, Stream},
};
use xmpp_web_tokio::{
    Io, Tokio,
    driver::{Pump, Runtime as _, Step},
    seed,
};
use xmpp_wire::{Element, NestedElement, StreamError, StreamHeader, ns};

use super::{
    account, iq,
    jid::{self, Jid},
    mailbox::Letters,
    registry::Registry,
    sasl::{self, Login},
};

/// Failed logins before the stream is ended (RFC 6120 §6.4.5 recommends a limit).
const LOGINS: u32 = 5;

type Pipe = Pump<Stream, Io<DuplexStream>, Tokio>;

/// How far a client is.
enum Stage {
    /// Logging in; this many tries failed.
    Login { failed: u32 },
    /// PLAIN waits for its response.
    Challenged { failed: u32 },
    /// Logged in under this name, not bound.
    Named(String),
    /// Logged in, with a resource bound: the full JID, and what comes for it.
    Bound(Jid, Letters),
}

struct Session {
    registry: Arc<Registry>,
    pipe: Pipe,
    stage: Stage,
    /// What the stream had no room for.
    waiting: VecDeque<Element>,
}

/// Serves one stream until it is over.
pub(super) async fn serve(registry: Arc<Registry>, stream: DuplexStream) {
    let runtime = Tokio::current();
    let machine = Stream::new(server::Config::default(), runtime.now());
    let pipe = Pump::new(machine, Io(stream), BytesMut::new(), runtime);
    let stage = Stage::Login { failed: 0 };
    let mut session = Session {
        registry,
        pipe,
        stage,
        waiting: VecDeque::new(),
    };
    session.run().await;
    if let Stage::Bound(jid, _) = &session.stage {
        session.registry.leave(jid);
    }
}

impl Session {
    async fn run(&mut self) {
        loop {
            let room = self.waiting.is_empty();
            let step = match &mut self.stage {
                // Letters wait where the stream has no room.
                Stage::Bound(_, letters) if room => tokio::select! {
                    step = self.pipe.next() => step,
                    Some(letter) = letters.next() => {
                        self.send(letter);
                        continue;
                    }
                },
                Stage::Login { .. }
                | Stage::Challenged { .. }
                | Stage::Named(_)
                | Stage::Bound(..) => self.pipe.next().await,
            };
            match step {
                Some(Step::Event(Event::Opened(header))) => self.open(&header),
                Some(Step::Event(Event::Element(element))) => self.element(&element),
                Some(Step::Event(Event::Ended)) => {
                    let now = self.pipe.now();
                    self.pipe.machine_mut().close(now);
                }
                Some(Step::Event(Event::Writable)) => self.flush(),
                Some(
                    Step::Event(Event::Closed(_) | Event::Repaired { .. }) | Step::Handover(_),
                ) => {}
                None => return,
            }
        }
    }

    fn open(&mut self, header: &StreamHeader) {
        let now = self.pipe.now();
        let domain = self.registry.domain.clone();
        let wanted = header.to.as_deref().and_then(Jid::parse);
        if wanted.is_none_or(|wanted| wanted.domain != domain) {
            self.fail("host-unknown");
            return;
        }
        let Some(id) = random() else {
            return self.fail("internal-server-error");
        };
        let answer = StreamHeader {
            from: Some(domain),
            to: header.from.clone(),
            id: Some(id),
            version: Some("1.0".to_owned()),
            lang: Some("en".to_owned()),
        };
        if let Err(error) = self.pipe.machine_mut().open(answer, now) {
            // It has ended meanwhile: `Closed` follows.
            tracing::debug!(%error, "a stream of the demonstration domain is not opened");
            return;
        }
        let features = Element::build("stream:features", ns::STREAM);
        let features = match &self.stage {
            Stage::Login { .. } | Stage::Challenged { .. } => features.child(sasl::mechanisms()),
            Stage::Named(_) | Stage::Bound(..) => {
                let optional = Element::build("optional", ns::SESSION).finish();
                features
                    .child(Element::build("bind", ns::BIND).finish())
                    .child(
                        Element::build("session", ns::SESSION)
                            .child(optional)
                            .finish(),
                    )
            }
        };
        self.send(features.finish());
    }

    fn element(&mut self, element: &Element) {
        match &self.stage {
            Stage::Login { failed } => {
                let failed = *failed;
                if element.is("auth", ns::SASL) {
                    self.judge(sasl::auth(element), failed);
                } else {
                    self.fail("not-authorized");
                }
            }
            Stage::Challenged { failed } => {
                let failed = *failed;
                if element.is("response", ns::SASL) {
                    self.judge(sasl::plain(&element.text()), failed);
                } else if element.is("abort", ns::SASL) {
                    self.judge(Err("aborted"), failed);
                } else {
                    self.fail("not-authorized");
                }
            }
            Stage::Named(name) => match element.child("bind", ns::BIND) {
                Some(bind) if element.is("iq", ns::CLIENT) => {
                    let name = name.clone();
                    self.bind(&name, element, &bind);
                }
                Some(_) | None => self.fail("not-authorized"),
            },
            Stage::Bound(jid, _) if element.is_stanza() => {
                for answer in account::route(&self.registry, jid, element) {
                    self.send(answer);
                }
            }
            Stage::Bound(..) => self.fail("unsupported-stanza-type"),
        }
    }

    fn judge(&mut self, login: Result<Login, sasl::Failure>, failed: u32) {
        let name = match login {
            Ok(Login::Named(name)) => Some(name),
            Ok(Login::Anonymous) => {
                random().map(|id| format!("guest-{}", id.get(..8).unwrap_or(&id)))
            }
            Ok(Login::Challenge) => {
                self.stage = Stage::Challenged { failed };
                self.send(Element::build("challenge", ns::SASL).finish());
                return;
            }
            Err(condition) => {
                let failed = failed + 1;
                self.stage = Stage::Login { failed };
                let condition = Element::build(condition, ns::SASL).finish();
                self.send(
                    Element::build("failure", ns::SASL)
                        .child(condition)
                        .finish(),
                );
                if failed >= LOGINS {
                    self.fail("policy-violation");
                }
                return;
            }
        };
        let Some(name) = name else {
            return self.fail("internal-server-error");
        };
        self.send(Element::build("success", ns::SASL).finish());
        self.stage = Stage::Named(name);
        let now = self.pipe.now();
        self.pipe.machine_mut().expect_restart(now);
    }

    fn bind(&mut self, name: &str, request: &Element, bind: &NestedElement) {
        let asked = bind
            .child("resource", ns::BIND)
            .map(|resource| resource.text());
        if asked
            .as_deref()
            .is_some_and(|asked| !asked.is_empty() && !jid::is_resource(asked))
        {
            return self.send(iq::error(request, "modify", "bad-request"));
        }
        let Some(made) = random() else {
            return self.fail("internal-server-error");
        };
        let made = made.get(..8).unwrap_or(&made);
        let asked = asked.as_deref().filter(|asked| !asked.is_empty());
        let Some((jid, letters)) = self.registry.bind(name, asked, made) else {
            return self.send(iq::error(request, "wait", "resource-constraint"));
        };
        let bound = Element::build("jid", ns::BIND)
            .text(&jid.to_string())
            .finish();
        self.stage = Stage::Bound(jid, letters);
        self.send(iq::result(
            request,
            Some(Element::build("bind", ns::BIND).child(bound).finish()),
        ));
    }

    /// Sends behind what waits; while something waits, the client is not read.
    fn send(&mut self, element: Element) {
        self.waiting.push_back(element);
        self.flush();
    }

    fn flush(&mut self) {
        let now = self.pipe.now();
        let stream = self.pipe.machine_mut();
        while let Some(element) = self.waiting.pop_front() {
            match stream.send(element, now) {
                Ok(()) => {}
                Err(SendError::Full(element)) => {
                    self.waiting.push_front(element);
                    stream.hold_input(now);
                    return;
                }
                // The stream is over: so are we, soon.
                Err(_) => self.waiting.clear(),
            }
        }
        stream.release_input(now);
    }

    fn fail(&mut self, condition: &str) {
        let now = self.pipe.now();
        self.pipe
            .machine_mut()
            .fail(StreamError::new(condition), now);
    }
}

/// 128 random bits in hexadecimal; `None` where the system has no entropy.
fn random() -> Option<String> {
    let seed = seed().ok()?;
    Some(
        seed.iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}
