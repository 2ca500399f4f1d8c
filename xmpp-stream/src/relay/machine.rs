//! The relay's state. Rules:
//!
//! * The verbs are here; what a server says is in `from_server`, the search for it in `redial`.
//! * The client's session is `Open` until the relay ordered `Order::End` or heard `Closed`; after that it gets no orders.
//!   `Closing` is between: the client ended its stream, what the server still sends is passed on.
//! * The client may be heard (`ready`) from the server's features until a restart; what comes at other times waits in a
//!   bounded queue.
//! * SASL success restarts the stream, SASL2 success does not; only success that answers a forwarded `<auth/>` counts.
//! * A client that is lost leaves a resumable stream without an end tag, any other stream with one.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use xmpp_wire::{Element, StreamError, StreamHeader, ns};

use super::{
    Config, Event, RelayAction, ServerAction,
    bounce::error_return,
    login::{Attempt, begins_login},
    redial::{Followed, Search},
    resumption::Management,
};
use crate::{
    Action, Cause, Instant, Reason,
    client::{self, Stream},
    features::Filter,
    session::{self, Closed, Ending, Order},
};

/// How long a header waits for the features or the redirect that servers send right behind it.
pub(super) const HEADER_PATIENCE: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    Open,
    Closing,
    Gone,
}

/// How far authentication is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authentication {
    None,
    /// `<auth/>` (or SASL2's `<authenticate/>`) was forwarded.
    Running,
    /// SASL succeeded: the client's restart is due.
    RestartDue,
    Done,
}

/// One client's session tied to one stream.
#[derive(Debug)]
pub struct Relay {
    pub(super) stream: Stream,
    pub(super) config: client::Config,
    pub(super) filter: Filter,
    pub(super) foreign: bool,
    pub(super) header: StreamHeader,
    actions: VecDeque<RelayAction>,
    pub(super) accepted: Accepted,
    pub(super) authentication: Authentication,
    pub(super) attempt: Attempt,
    /// Until when nothing is delivered.
    paused: Option<Instant>,
    pub(super) management: Management,
    pub(super) search: Search,
    /// The server's header, and until when it waits for what comes behind it.
    pub(super) withheld: Option<(StreamHeader, Instant)>,
    /// The features of this stream have been passed on.
    pub(super) features_passed: bool,
    /// The client may be heard: the features of the stream, or of the restarted stream, have come.
    pub(super) ready: bool,
    pub(super) early: VecDeque<Element>,
    pub(super) early_room: usize,
    pub(super) early_bytes: usize,
    /// The server's `<stream:error/>`, until the stream says that it is over.
    pub(super) error: Option<Element>,
    /// Why the stream ended.
    pub(super) cause: Option<Cause>,
    /// The rule that ended the stream or the client's session.
    pub(super) reason: Option<Reason>,
    /// Above this many queued bytes the client is held, at half of it released.
    mark: usize,
    holding: bool,
    /// The client's session cannot take more.
    pub(super) session_full: bool,
}

impl Relay {
    /// A relay for a client that opened with `header`; its `to` names the XMPP domain.
    pub fn new(config: Config, header: StreamHeader, now: Instant) -> Self {
        let mark = config.stream.outbox_bytes;
        Self {
            stream: Stream::new(config.stream.clone(), header.clone(), now),
            config: config.stream,
            filter: Filter {
                idle: config.web_idle,
                protected: config.protected,
                hide_channel_binding: config.hide_channel_binding,
                early_bytes: config.early_bytes,
                element_bytes: config.web_element_bytes,
            },
            foreign: config.foreign,
            header,
            actions: VecDeque::new(),
            accepted: Accepted::Open,
            authentication: Authentication::None,
            attempt: Attempt::default(),
            paused: None,
            management: Management::None,
            search: Search::new(config.redirects, now),
            withheld: None,
            features_passed: false,
            ready: false,
            early: VecDeque::new(),
            early_room: config.early_bytes,
            early_bytes: config.early_bytes,
            error: None,
            cause: None,
            reason: None,
            mark,
            holding: false,
            session_full: false,
        }
    }

    /// The accepted session told something.
    pub fn handle_session<E>(&mut self, event: session::Event<E>, now: Instant) {
        match event {
            session::Event::Closed(closed) => self.session_closed(closed, now),
            session::Event::Closing if self.accepted == Accepted::Open => {
                self.accepted = Accepted::Closing;
                self.drop_held_answer();
                self.stream.close(now);
            }
            session::Event::Element(element) if self.accepted == Accepted::Open => {
                self.take_from_client(element, now)
            }
            session::Event::Restarted(header) if self.accepted == Accepted::Open => {
                self.restart(header, now)
            }
            session::Event::Closing
            | session::Event::Element(_)
            | session::Event::Restarted(_)
            | session::Event::Opened(_)
            | session::Event::Writable => {
                // W-R-416: after the server's end tag (not its error) what the client still sends is forwarded.
                if let (session::Event::Element(element), true) = (event, self.stream.is_open()) {
                    self.take_late(&element);
                }
            }
        }
    }

    /// Delivers nothing until then, so that an answer of the server's is held back (`ServerAction::LoginFailed`). What the client sends meanwhile
    /// waits as before the server's features. A client that leaves before does not get the answer.
    pub fn pause(&mut self, until: Instant) {
        if self.accepted == Accepted::Open {
            self.paused = Some(until);
        }
    }

    /// The client may not try to authenticate any more: ends the session with `policy-violation`.
    pub fn refuse_login(&mut self, now: Instant) {
        if self.accepted == Accepted::Open {
            let error = StreamError::new("policy-violation")
                .with_text("too many failed attempts to sign in from this address");
            self.fault(Reason::TooManyLogins, error, now);
        }
    }

    /// The client's session has no room: read no more from the server.
    pub fn hold_input(&mut self, now: Instant) {
        self.session_full = true;
        self.stream.hold_input(now);
    }

    /// It has room again.
    pub fn release_input(&mut self, now: Instant) {
        self.session_full = false;
        self.stream.release_input(now);
    }

    /// The gateway is going down (W-R-473): the driver tells the client's session by itself; this ends the stream, without an end tag where it can be resumed.
    pub fn shutdown(&mut self, now: Instant) {
        self.leave(now);
    }

    /// Whether the server has said that the client is authenticated.
    pub fn is_authenticated(&self) -> bool {
        matches!(
            self.authentication,
            Authentication::RestartDue | Authentication::Done
        )
    }

    /// Whether XEP-0198 resumption is active (W-R-447).
    pub fn resumable(&self) -> bool {
        self.management == Management::Resumable
    }

    /// Why the stream to the server ended, once it has; for logs.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// The rule that ended the stream or the client's session first, once one has; for logs.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The server could not be reached (DNS, TCP, TLS).
    pub fn handle_unreachable(&mut self, now: Instant) {
        let error = self.loss();
        self.end_session(Ending::Unreachable(error));
        self.stream.abort(now);
    }

    /// TLS is up.
    pub fn handle_tls(&mut self, now: Instant) {
        self.stream.handle_tls(now);
    }

    /// Bytes came from the server, appended to `input`; all are taken.
    pub fn handle_input(&mut self, input: &mut BytesMut, now: Instant) {
        self.stream.handle_input(input, now);
    }

    /// The server's connection ended.
    pub fn handle_eof(&mut self, now: Instant) {
        self.stream.handle_eof(now);
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.stream.handle_timeout(now);
        let now = self.stream.now();
        if self.paused.is_some_and(|until| now >= until) {
            self.paused = None;
            self.forward_early();
        }
        if self.withheld.as_ref().is_some_and(|(_, at)| now >= *at) {
            self.show_header();
        }
    }

    /// Whether reading from the server is useful now.
    pub fn wants_input(&self) -> bool {
        self.paused.is_none() && self.stream.wants_input()
    }

    /// The next order.
    pub fn poll_action(&mut self) -> Option<RelayAction> {
        if self.paused.is_some() {
            return None;
        }
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Some(action);
            }
            match self.stream.poll_action() {
                Some(Action::Deliver(event)) => self.take_event(event),
                Some(Action::Handover(tls)) => return Some(Action::Handover(tls)),
                Some(Action::Close) => return Some(Action::Close),
                Some(Action::Abort) => return Some(Action::Abort),
                None => {
                    self.forward_early();
                    self.mark_passed();
                    return self.actions.pop_front();
                }
            }
        }
    }

    /// The next bytes for the server; ask when the last have been written.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.stream.poll_transmit()
    }

    /// When to call `handle_timeout` at the latest. Any other call may change it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let header = self.withheld.as_ref().map(|(_, at)| *at);
        [self.stream.poll_timeout(), header, self.paused]
            .into_iter()
            .flatten()
            .min()
    }

    // What the client does.

    /// Takes an element whatever the marks: it has been read already.
    fn take_from_client(&mut self, element: Element, now: Instant) {
        if element.is("error", ns::STREAM) {
            // The client gives up; an error is not answered with one (W-R-434).
            self.end_session(Ending::Clean);
            self.stream.close(now);
        } else if let Err((reason, condition)) = judge(&element) {
            self.fault(reason, StreamError::new(condition), now);
        } else if self.early.is_empty() && self.may_forward(&element) {
            self.forward(&element);
        } else if let Some(room) = self.early_room.checked_sub(element.raw().len()) {
            self.early_room = room;
            self.early.push_back(element.detached());
        } else {
            let error = StreamError::new("policy-violation")
                .with_text("too much before the stream is open");
            self.fault(Reason::TooMuchEarly, error, now);
        }
    }

    /// What a client sends behind the server's end tag still has to be right.
    fn take_late(&mut self, element: &Element) {
        if self.ready && judge(element).is_ok() && element.name().namespace != ns::STREAM {
            self.forward(element);
        }
    }

    /// What waited for the features; again held back where it asks for something first.
    pub(super) fn forward_early(&mut self) {
        while let Some(element) = self.early.pop_front() {
            if !self.may_forward(&element) {
                self.early.push_front(element);
                return;
            }
            self.forward(&element);
        }
    }

    /// One attempt to sign in at a time: the next waits for the answer, so that answers that are held back slow a guesser down.
    fn may_forward(&self, element: &Element) -> bool {
        let again = self.authentication == Authentication::Running && begins_login(element);
        self.ready && self.paused.is_none() && !again
    }

    /// A client that leaves early does not learn sooner what it was not to learn yet.
    fn drop_held_answer(&mut self) {
        if self.paused.take().is_some() {
            self.actions.retain(|action| {
                !matches!(action, Action::Deliver(Event::Session(Order::Element(_))))
            });
        }
    }

    fn forward(&mut self, element: &Element) {
        let name = element.name();
        match (name.namespace, name.local) {
            (ns::SASL, "auth") | (ns::SASL2, "authenticate") => {
                let mechanism = element.attribute("mechanism").unwrap_or_default();
                if !self.filter.permits(mechanism.trim()) {
                    let failure = sasl_failure(name.namespace);
                    return self.tell(Order::Element(failure));
                }
                if self.ask_for_node(element) == Followed::Yes {
                    return;
                }
                if self.authentication == Authentication::None {
                    self.authentication = Authentication::Running;
                }
                self.attempt = Attempt::new(element);
            }
            (ns::SASL | ns::SASL2, "response") => self.attempt.take_response(element),
            (ns::COMPRESS, "compress") => {
                let setup_failed = Element::build("setup-failed", ns::COMPRESS).finish();
                let failure = Element::build("failure", ns::COMPRESS).child(setup_failed);
                return self.tell(Order::Element(failure.finish()));
            }
            _ => {}
        }
        self.search.forwarded = true;
        self.stream.push(element);
    }

    /// A new stream on the same connection (W-R-438), for the same domain.
    fn restart(&mut self, header: StreamHeader, now: Instant) {
        if self.authentication != Authentication::RestartDue {
            let error = StreamError::new("not-authorized");
            return self.fault(Reason::RestartNotDue, error, now);
        }
        self.authentication = Authentication::Done;
        self.header.from = header.from.or(self.header.from.take());
        self.header.lang = header.lang.or(self.header.lang.take());
        self.stream.restart(self.header.clone(), now);
    }

    fn session_closed<E>(&mut self, closed: Closed<E>, now: Instant) {
        if closed.clean {
            self.management = self.management.min(Management::Active);
        }
        if self.management == Management::None && self.stream.is_open() {
            for stanza in closed.undelivered.iter().filter_map(error_return) {
                self.stream.push(&stanza);
            }
        }
        self.leave(now);
    }

    /// Ends the stream for a client that is gone.
    fn leave(&mut self, now: Instant) {
        self.accepted = Accepted::Gone;
        self.drop_held_answer();
        self.early = VecDeque::new();
        // Nobody is left to wait for.
        self.stream.release_input(now);
        if self.resumable() {
            self.stream.abort(now);
        } else {
            self.stream.close(now);
        }
    }

    /// The client broke a rule: both sides end, and nothing may be resumed.
    fn fault(&mut self, reason: Reason, error: StreamError, now: Instant) {
        self.reason.get_or_insert(reason);
        self.end_session(Ending::Fault(error));
        self.stream.close(now);
    }

    // Orders to the client's session.

    pub(super) fn tell(&mut self, order: Order) {
        if self.accepted != Accepted::Gone {
            self.actions
                .push_back(Action::Deliver(Event::Session(order)));
        }
    }

    /// Asks for something about the way to the server.
    pub(super) fn ask(&mut self, action: ServerAction) {
        if self.accepted != Accepted::Gone {
            self.actions
                .push_back(Action::Deliver(Event::Server(action)));
        }
    }

    pub(super) fn manage(&mut self, said: Management) {
        let was = self.resumable();
        self.management = said;
        if was != self.resumable() {
            self.tell(Order::Resumable(self.resumable()));
        }
    }

    /// Orders the end of the client's session, once. But for `Lost` nothing can be resumed after it.
    pub(super) fn end_session(&mut self, close: Ending) {
        let close = match self.accepted {
            Accepted::Open => close,
            // The client left first, and is answered whatever happened.
            Accepted::Closing => Ending::Clean,
            Accepted::Gone => return,
        };
        if close != Ending::Lost && self.resumable() {
            self.manage(Management::Active);
        }
        self.tell(Order::End(close));
        self.accepted = Accepted::Gone;
        self.early = VecDeque::new();
    }

    fn mark_passed(&mut self) {
        let queued = self.stream.queued();
        if !self.holding && queued >= self.mark {
            self.holding = true;
            self.tell(Order::Hold);
        } else if self.holding && queued <= self.mark / 2 {
            self.holding = false;
            self.tell(Order::Release);
        }
    }
}

/// What a client must not send, whatever the state: the condition of the stream error that it gets.
fn judge(element: &Element) -> Result<(), (Reason, &'static str)> {
    let name = element.name();
    match (name.namespace, name.local) {
        // W-R-432: inside the stream it would fall into `jabber:client`.
        ("", _) => Err((Reason::NoNamespace, "invalid-namespace")),
        (ns::SERVER, "message" | "presence" | "iq") => {
            Err((Reason::ServerStanza, "invalid-namespace"))
        }
        // W-R-441: TLS is between the gateway and the server.
        (ns::TLS, _) => Err((Reason::StartTlsFromClient, "not-authorized")),
        (ns::STREAM, _) => Err((Reason::StreamElement, "bad-format")),
        (ns::CLIENT, _) if element.prefix().is_some() => {
            Err((Reason::PrefixedStanza, "bad-namespace-prefix"))
        }
        _ => Ok(()),
    }
}

/// The failure that a mechanism gets which the gateway does not let through (W-R-423), in either profile.
fn sasl_failure(namespace: &str) -> Element {
    let condition = Element::build("invalid-mechanism", ns::SASL).finish();
    Element::build("failure", namespace)
        .child(condition)
        .finish()
}

/// What a client learns of a fault behind the gateway: a fixed text (W-R-445).
pub(super) fn internal() -> StreamError {
    StreamError::new("internal-server-error").with_text("the connection to the server failed")
}

xmpp_machine::machine!(Relay, Event, crate::StartTls);
