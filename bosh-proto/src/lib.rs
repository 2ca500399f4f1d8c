//! BOSH (XEP-0124, XEP-0206) as pure state machines: they do no I/O, read no clock, draw no entropy and start no thread.
//!
//! [`server::Manager`] is the connection manager: it is told of requests, of bytes that left, of connections that died, of time; it is
//! asked for orders. With [`binding`] an HTTP request becomes an exchange and back. [`client::Session`] is the other end: it orders POSTs and
//! is told what came of them. What it is not: an HTTP server or client, an XMPP server or client.
//!
//! # The client's loop
//!
//! ```
//! use std::time::Instant;
//!
//! use bosh_proto::client::{Action, Cause, Config, Event, Response, Session};
//! use xmpp_wire::{Element, ns};
//!
//! /// Carries out every order: posts by `post`, which a real driver does while others are under way, and tells what happened.
//! fn drain(session: &mut Session, now: Instant, post: &mut dyn FnMut(&str) -> Option<String>, log: &mut Vec<String>) {
//!     while let Some(action) = session.poll_action() {
//!         match action {
//!             Action::Request { id, body } => {
//!                 let body = String::from_utf8(body.to_vec()).expect("UTF-8");
//!                 // No answer yet: a poll is held until there is something to say.
//!                 if let Some(answer) = post(&body) {
//!                     session.handle_response(id, Response { status: 200, body: answer.into() }, now);
//!                 }
//!             }
//!             Action::Abandon { id: _ } => { /* close that connection */ }
//!             Action::Deliver(Event::Opened(opened)) => log.push(format!("opened, {} at once", opened.requests)),
//!             Action::Deliver(Event::Element(element)) => log.push(element.name().local.to_owned()),
//!             Action::Deliver(Event::Closed(closed)) => {
//!                 assert_eq!((closed.cause, closed.undelivered.len()), (Cause::Ours, 0));
//!                 log.push("closed".to_owned());
//!             }
//!             Action::Deliver(_) => {}
//!         }
//!     }
//! }
//!
//! const BODY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'";
//! let mut post = |request: &str| {
//!     if request.contains("to='lantern.example'") {
//!         let features = "<features xmlns='http://etherx.jabber.org/streams'/>";
//!         return Some(format!("{BODY} sid='s' wait='50' hold='1' requests='2' inactivity='30'>{features}</body>"));
//!     }
//!     if request.contains("<presence") || request.contains("type='terminate'") {
//!         return Some(format!("{BODY}/>"));
//!     }
//!     None
//! };
//!
//! # #[expect(clippy::disallowed_methods)]
//! let now = Instant::now();
//! let mut log = Vec::new();
//! // The seed comes from the operating system.
//! let mut session = Session::new(Config::new("lantern.example"), [7; 32], now);
//! session.send(Element::build("presence", ns::CLIENT).finish(), now).expect("an empty outbox has room");
//! drain(&mut session, now, &mut post, &mut log);
//! session.close(now);
//! drain(&mut session, now, &mut post, &mut log);
//! // The poll is still held: its answer may carry something, and is waited for.
//! while let Some(at) = session.poll_timeout() {
//!     session.handle_timeout(at);
//!     drain(&mut session, at, &mut post, &mut log);
//! }
//! assert_eq!(log, ["opened, 2 at once", "features", "closed"]);
//! ```
//!
//! # The server's loop
//!
//! After any calls, drain [`poll_action`](server::Manager::poll_action), then read [`poll_timeout`](server::Manager::poll_timeout) and
//! call [`handle_timeout`](server::Manager::handle_timeout) at that time at the latest. Whoever writes an answer calls
//! [`handle_sent`](server::Manager::handle_sent) once its bytes left, or [`handle_disconnect`](server::Manager::handle_disconnect).
//!
//! ```
//! use std::{sync::Arc, time::Instant};
//!
//! use bosh_proto::{
//!     Channel, Condition, ConnectionId, ExchangeId, Request, Response,
//!     server::{Accept, Action, Cause, Closed, Config, Event, Manager, Opening, SendError, SessionKey},
//! };
//! use xmpp_wire::{Element, StreamHeader, ns};
//!
//! /// Carries out every order; gives the answers back.
//! fn drain(manager: &mut Manager, now: Instant) -> Vec<(ExchangeId, Response)> {
//!     let mut answers = Vec::new();
//!     while let Some(action) = manager.poll_action() {
//!         match action {
//!             // A real driver writes it, and then says so.
//!             Action::Respond { id, response } => {
//!                 answers.push((id, response));
//!                 manager.handle_sent(id, now);
//!             }
//!             Action::Abort { id: _ } => { /* close that connection */ }
//!             Action::Deliver { session, event } => deliver(manager, session, event, now),
//!         }
//!     }
//!     answers
//! }
//!
//! /// An application that says welcome, and echoes.
//! fn deliver(manager: &mut Manager, session: SessionKey, event: Event, now: Instant) {
//!     match event {
//!         Event::Opening(Opening { header, .. }) if header.to.as_deref() == Some("lantern.example") => {
//!             let header = StreamHeader { from: header.to, ..StreamHeader::default() };
//!             manager.accept(session, Accept { header }, now);
//!             let features = Element::build("stream:features", ns::STREAM).finish();
//!             manager.send(session, features, now).expect("an empty outbox has room");
//!         }
//!         Event::Opening(_) => manager.close(session, Some(Condition::HostUnknown), None, now),
//!         Event::Element(element) => match manager.send(session, element, now) {
//!             Ok(()) => {}
//!             Err(SendError::Full(_element)) => { /* again after `Event::Writable` */ }
//!             Err(_) => { /* closed */ }
//!         },
//!         Event::Closed(Closed { cause, undelivered, .. }) => {
//!             assert_eq!((cause, undelivered.len()), (Cause::Terminated, 0));
//!         }
//!         Event::Restarted(_) | Event::Paused(_) | Event::Writable => {}
//!     }
//! }
//!
//! # #[expect(clippy::disallowed_methods)]
//! let mut now = Instant::now();
//! // The seed comes from the operating system.
//! let mut manager = Manager::new(Arc::new(Config::default()), [7; 32]);
//! let mut post = |body: String| {
//!     let id = manager.handle_request(
//!         Request { body: body.into(), connection: ConnectionId(1), address: None, channel: Channel::Tls },
//!         now,
//!     );
//!     let answers = drain(&mut manager, now);
//!     let (_, response) = answers.into_iter().find(|(answered, _)| *answered == id).expect("an answer");
//!     String::from_utf8(response.body.to_vec()).expect("UTF-8")
//! };
//!
//! let created = post("<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='lantern.example' ver='1.11' wait='50' hold='1'/>".into());
//! let sid = created.split("sid='").nth(1).and_then(|rest| rest.split('\'').next()).expect("a sid").to_owned();
//! assert!(created.ends_with("<stream:features/></body>"));
//!
//! let echo = post(format!("<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='{sid}'><presence xmlns='jabber:client'/></body>"));
//! assert_eq!(echo, "<body xmlns='http://jabber.org/protocol/httpbind'><presence xmlns='jabber:client'/></body>");
//!
//! let end = post(format!("<body xmlns='http://jabber.org/protocol/httpbind' rid='3' sid='{sid}' type='terminate'/>"));
//! assert_eq!(end, "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate'/>");
//!
//! while let Some(at) = manager.poll_timeout() {
//!     now = now.max(at);
//!     manager.handle_timeout(now);
//! }
//! ```
//!
//! Decisions about this crate, in `docs/decisions/`: 0004, 0007, 0011, 0014, 0016, 0017, 0018,
//! 0021, 0022, 0027, 0028, 0029, 0030, 0032, 0037, 0042, 0051, 0057, 0058, 0060.
#![forbid(unsafe_code)]

mod ascii;
#[cfg(feature = "binding")]
pub mod binding;
mod body;
pub mod client;
mod coding;
mod condition;
mod exchange;
mod keys;
mod rid;
pub mod server;

pub use coding::Coding;
pub use condition::Condition;
pub use exchange::{Channel, ConnectionId, ExchangeId, Request, Response};
pub use xmpp_machine::Instant;
