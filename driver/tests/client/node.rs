//! A node: BOSH and WebSocket on one port, and a small server behind them that echoes messages.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bosh_proto::{
    Channel, Condition, ConnectionId,
    server::{Accept, Config},
};
use ws_framing::{deflate, handshake::server::accept, xmpp};
use xmpp_http1::Response;
use xmpp_web_driver::{
    Pump, Runtime as _, Step,
    bosh::{Hub, Request, Session, Sessions},
    http,
};
use xmpp_wire::{Element, StreamHeader, ns};

use crate::{
    net::Net,
    support::{End, Manual},
};

pub(crate) const DOMAIN: &str = "lantern.example";

/// What a node does with those who come.
#[derive(Clone, Debug)]
pub(crate) enum Habit {
    /// Echoes messages.
    Echo,
    /// Takes messages, and says nothing.
    Mute,
    /// Takes nothing after the client has signed in.
    Deaf,
    /// Sends so many messages at once, and nothing else.
    Flood(usize),
    /// Sends them elsewhere.
    Redirect(String),
    /// Serves another domain.
    Other,
    /// Refuses them.
    Refuse,
}

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    net: Net,
    inner: Arc<Inner>,
}

struct Inner {
    habit: Mutex<Habit>,
    dead: AtomicBool,
    /// How often its connections were cut.
    cuts: AtomicU64,
    tasks: Mutex<Vec<Waker>>,
    /// What came: `to` of the stream, the HTTP Host, the transport.
    opened: Mutex<Vec<(String, String, &'static str)>>,
    /// The ids of messages that came.
    heard: Mutex<Vec<String>>,
    ended: Mutex<Vec<String>>,
    connections: Mutex<u64>,
}

/// A task that ends when its node is killed.
struct Mortal<F> {
    task: Pin<Box<F>>,
    node: Arc<Inner>,
    /// A connection lives until the next cut.
    cuts: Option<u64>,
}

impl<F: Future<Output = ()>> Future for Mortal<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let cuts = self.node.cuts.load(Ordering::SeqCst);
        if self.node.dead.load(Ordering::SeqCst) || self.cuts.is_some_and(|born| born < cuts) {
            return Poll::Ready(());
        }
        self.node
            .tasks
            .lock()
            .expect("no panic")
            .push(cx.waker().clone());
        self.task.as_mut().poll(cx)
    }
}

impl Node {
    /// Starts one at `name:port`.
    pub(crate) fn start(net: &Net, name: &str, last: u8, port: u16, habit: Habit) -> Self {
        Self::configured(net, name, last, port, habit, Config::default())
    }

    pub(crate) fn configured(
        net: &Net,
        name: &str,
        last: u8,
        port: u16,
        habit: Habit,
        config: Config,
    ) -> Self {
        let address = SocketAddr::new(net.host(name, last), port);
        let node = Self {
            address,
            net: net.clone(),
            inner: Arc::new(Inner {
                habit: Mutex::new(habit),
                dead: AtomicBool::new(false),
                cuts: AtomicU64::new(0),
                tasks: Mutex::default(),
                opened: Mutex::default(),
                heard: Mutex::default(),
                ended: Mutex::default(),
                connections: Mutex::default(),
            }),
        };
        let (hub, sessions) = Hub::new(Arc::new(config), [last; 32], net.runtime.clone());
        node.spawn(None, node.clone().accept_sessions(sessions));
        let serving = node.clone();
        net.serve(
            address,
            Arc::new(move |end| {
                let cuts = serving.inner.cuts.load(Ordering::SeqCst);
                serving.spawn(Some(cuts), serving.clone().serve(end, hub.clone()));
            }),
        );
        node
    }

    fn spawn(&self, cuts: Option<u64>, task: impl Future<Output = ()> + Send + 'static) {
        self.net.runtime.spawn(Mortal {
            task: Box::pin(task),
            node: Arc::clone(&self.inner),
            cuts,
        });
    }

    /// Kills it without notice: its connections break, and nobody listens there.
    pub(crate) fn kill(&self) {
        self.net.stop(self.address);
        self.inner.dead.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Breaks its connections; it lives, and so do its BOSH sessions.
    pub(crate) fn cut(&self) {
        self.inner.cuts.fetch_add(1, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        for task in self.inner.tasks.lock().expect("no panic").drain(..) {
            task.wake();
        }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.inner.heard.lock().expect("no panic").clone()
    }

    pub(crate) fn opened(&self) -> Vec<(String, String, &'static str)> {
        self.inner.opened.lock().expect("no panic").clone()
    }

    pub(crate) fn ended(&self) -> Vec<String> {
        self.inner.ended.lock().expect("no panic").clone()
    }

    fn habit(&self) -> Habit {
        self.inner.habit.lock().expect("no panic").clone()
    }

    fn note(&self, to: Option<&str>, host: &str, transport: &'static str) {
        let to = to.unwrap_or_default().to_owned();
        let mut opened = self.inner.opened.lock().expect("no panic");
        opened.push((to, host.to_owned(), transport));
    }

    fn hear(&self, element: &Element) {
        let id = element.attribute("id").unwrap_or_default().into_owned();
        self.inner.heard.lock().expect("no panic").push(id);
    }

    fn end(&self, how: String) {
        self.inner.ended.lock().expect("no panic").push(how);
    }

    async fn serve(self, end: End, hub: Hub<Manual>) {
        let id = {
            let mut connections = self.inner.connections.lock().expect("no panic");
            *connections += 1;
            *connections
        };
        let runtime = self.net.runtime.clone();
        let mut connection = http::Connection::new(end, Arc::default(), runtime);
        while let Some(request) = connection.next().await {
            let host = request.head.field("host").unwrap_or_default();
            let host = String::from_utf8_lossy(host).into_owned();
            if request.head.field("upgrade").is_some() {
                match accept(&request.head, request.surplus, &server_config()) {
                    Ok(accepted) => {
                        let upgraded = connection.upgrade(request.id, accepted.response).await;
                        // The client may have gone meanwhile.
                        let Ok((stream, unread)) = upgraded else {
                            return;
                        };
                        let agreed = accepted.compression;
                        return self.websocket(stream, unread, agreed, &host).await;
                    }
                    Err(rejected) => connection.respond(request.id, rejected.response),
                }
                continue;
            }
            self.note(None, &host, "request");
            let body = Request {
                body: request.body,
                connection: ConnectionId(id),
                address: None,
                channel: Channel::Plain,
            };
            connection.exchange(request.id, &hub, body, |answer| {
                Response::new(answer.status).with_body(answer.content_type, answer.body)
            });
        }
    }

    async fn accept_sessions(self, mut sessions: Sessions<Manual>) {
        while let Some(session) = sessions.next().await {
            self.spawn(None, self.clone().bosh(session));
        }
    }

    async fn bosh(self, mut session: Session<Manual>) {
        use bosh_proto::server::Event;
        let habit = self.habit();
        self.note(session.opening().header.to.as_deref(), "", "bosh");
        let key = session.key();
        let hub = session.hub().clone();
        let send = |element: Element| {
            hub.with(|manager, now| manager.send(key, element, now))
                .ok()
        };
        match &habit {
            Habit::Redirect(uri) => hub.with(|manager, now| manager.redirect(key, uri, now)),
            Habit::Refuse => {
                hub.with(|manager, now| {
                    manager.close(key, Some(Condition::HostUnknown), None, now)
                });
            }
            Habit::Echo | Habit::Mute | Habit::Deaf | Habit::Flood(_) | Habit::Other => {
                let header = header(&habit);
                hub.with(|manager, now| manager.accept(key, Accept { header }, now));
                send(features());
            }
        }
        let mut flood = flood(&habit);
        loop {
            while let Some(next) = flood.last().cloned() {
                if send(next).is_none() {
                    break;
                }
                flood.pop();
            }
            match session.next().await {
                Some(Event::Element(element)) if element.is("message", ns::CLIENT) => {
                    self.hear(&element);
                    if matches!(habit, Habit::Echo) {
                        send(element);
                    }
                }
                Some(Event::Element(element)) if element.is("auth", ns::SASL) => {
                    send(Element::build("success", ns::SASL).finish());
                }
                Some(Event::Restarted(_)) => {
                    if matches!(habit, Habit::Deaf) {
                        hub.with(|manager, now| manager.hold_input(key, now));
                    }
                    send(features());
                }
                Some(Event::Closed(closed)) => self.end(format!("{:?}", closed.cause)),
                Some(_) => {}
                None => return,
            }
        }
    }

    async fn websocket(
        self,
        stream: End,
        unread: bytes::BytesMut,
        agreed: Option<deflate::Agreed>,
        host: &str,
    ) {
        use xmpp::{Event, server::Session};
        let habit = self.habit();
        let runtime = self.net.runtime.clone();
        let mut machine = Session::new(xmpp::Config::default(), [7; 32], runtime.now());
        if let Some(agreed) = agreed {
            self.note(None, "", "compressed");
            machine = machine.with_deflate(agreed);
        }
        let mut pump = Pump::new(machine, stream, unread, runtime);
        let mut flood = flood(&habit);
        let mut opened = false;
        while let Some(step) = pump.next().await {
            let now = pump.now();
            let Step::Event(event) = step;
            match event {
                Event::Opened {
                    header: asked,
                    restart,
                } => {
                    self.note(asked.to.as_deref(), host, "websocket");
                    if let Habit::Redirect(uri) = &habit {
                        pump.machine_mut().redirect(uri, now);
                        continue;
                    }
                    if matches!(habit, Habit::Refuse) {
                        let error = xmpp_wire::StreamError::new("host-unknown");
                        let code = ws_framing::CloseCode::NORMAL;
                        pump.machine_mut().fail(error, code, now);
                        continue;
                    }
                    pump.machine_mut().open(header(&habit), now).expect("due");
                    pump.machine_mut().send(features(), now).expect("room");
                    opened = true;
                    if matches!(habit, Habit::Deaf) && restart {
                        pump.machine_mut().hold_input(now);
                    }
                }
                Event::Element(element) if element.is("message", ns::CLIENT) => {
                    self.hear(&element);
                    if matches!(habit, Habit::Echo) {
                        pump.machine_mut().send(element, now).expect("room");
                    }
                }
                Event::Element(element) if element.is("auth", ns::SASL) => {
                    let success = Element::build("success", ns::SASL).finish();
                    pump.machine_mut().send(success, now).expect("room");
                }
                Event::Element(_) | Event::Writable => {}
                Event::Closing => pump.machine_mut().close(now),
                Event::Closed(closed) => self.end(closed.connection.code.to_string()),
            }
            while let Some(next) = flood.last().cloned().filter(|_| opened) {
                if pump.machine_mut().send(next, now).is_err() {
                    break;
                }
                flood.pop();
            }
        }
    }
}

fn server_config() -> ws_framing::handshake::server::Config {
    let mut config = ws_framing::handshake::server::Config::default();
    // For clients that offer it.
    config.compression = Some(deflate::Config::default());
    config
}

fn header(habit: &Habit) -> StreamHeader {
    let from = if matches!(habit, Habit::Other) {
        "other.example"
    } else {
        DOMAIN
    };
    StreamHeader {
        from: Some(from.to_owned()),
        version: Some("1.0".to_owned()),
        ..StreamHeader::default()
    }
}

fn features() -> Element {
    let mechanism = Element::build("mechanism", ns::SASL).text("ANONYMOUS");
    let mechanisms = Element::build("mechanisms", ns::SASL).child(mechanism.finish());
    Element::build("stream:features", ns::STREAM)
        .child(mechanisms.finish())
        .finish()
}

/// The last first.
fn flood(habit: &Habit) -> Vec<Element> {
    let Habit::Flood(count) = habit else {
        return Vec::new();
    };
    (0..*count).rev().map(large).collect()
}

/// A message of a kilobyte.
pub(crate) fn large(id: usize) -> Element {
    let body = Element::build("body", ns::CLIENT).text(&"x".repeat(1_000));
    Element::build("message", ns::CLIENT)
        .attribute("id", &id.to_string())
        .child(body.finish())
        .finish()
}

pub(crate) fn message(id: usize) -> Element {
    Element::build("message", ns::CLIENT)
        .attribute("id", &id.to_string())
        .finish()
}

/// A page instead of XMPP, whatever is asked for.
pub(crate) fn page(
    net: &Net,
    address: SocketAddr,
    status: u16,
    body: &'static str,
    content_type: &'static str,
) {
    let runtime = net.runtime.clone();
    let service = move |end: End| {
        let mut connection = http::Connection::new(end, Arc::default(), runtime.clone());
        runtime.spawn(async move {
            while let Some(request) = connection.next().await {
                let answer = Response::new(status).with_body(content_type, body);
                connection.respond(request.id, answer);
            }
        });
    };
    net.serve(address, Arc::new(service));
}
