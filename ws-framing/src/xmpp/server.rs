//! The server's end: it answers `<open/>`, holds the client to the order of the negotiation, and
//! redirects (RFC 7395 §3.4, §3.6).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use xmpp_machine::{Moment, SendError};
use xmpp_wire::{Element, StreamHeader, XmlError, XmlLimits, ns};

use super::{
    Config, Event, Messages, Role, WebSocket, content, framing,
    ids::Ids,
    receive::speaks_1_0,
    role::Rules,
    session::{Auth, Phase},
};
use crate::{Connection, Instant, Reason};

/// White space is forgiven once in this time (W-R-302).
const WHITE_SPACE_INTERVAL: Duration = Duration::from_secs(10);

/// A server's end of a stream. It sends nothing before the client's `<open/>`.
pub type Session<W = Connection> = super::Session<Server, W>;

/// What only a server's session knows.
#[derive(Debug)]
pub struct Server {
    /// The client's latest `<open/>`.
    asked: Option<Box<StreamHeader>>,
    /// What we called ourselves in our first `<open/>`.
    from: Option<String>,
    /// The one message that came before the features (W-R-443).
    early: Option<Box<Element>>,
    /// When white space last came (W-R-302).
    white_space_at: Option<Moment>,
    ids: Ids,
}

/// How far a server's stream has come.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The client's `<open/>` has come; the application answers.
    Opened,
    /// It was answered; the features have not been sent.
    FeaturesDue,
    /// The features have been sent; elements go both ways.
    Running,
    /// SASL has succeeded; the client starts over.
    AwaitingRestart,
}

impl Server {
    fn new(seed: [u8; 32]) -> Self {
        Self {
            asked: None,
            from: None,
            early: None,
            white_space_at: None,
            ids: Ids::new(seed),
        }
    }
}

impl Session {
    /// A server's end of a WebSocket whose handshake is done. `seed`: ids of streams that the
    /// application does not name. An `Arc` shares the configuration between sessions.
    pub fn new(config: impl Into<Arc<Config>>, seed: [u8; 32], now: Instant) -> Self {
        let config = config.into();
        let connection = Connection::server(config.connection.clone(), now);
        Self::awaiting_open(connection, config, seed, now)
    }
}

impl Session<Messages> {
    /// A server's end of a WebSocket that somebody else runs; `seed` as in `new`.
    pub fn over_messages(config: impl Into<Arc<Config>>, seed: [u8; 32], now: Instant) -> Self {
        let config = config.into();
        let messages = Messages::new(&config, now);
        Self::awaiting_open(messages, config, seed, now)
    }
}

impl<W: WebSocket> Session<W> {
    fn awaiting_open(mut websocket: W, config: Arc<Config>, seed: [u8; 32], now: Instant) -> Self {
        let most = config.connection.message_bytes;
        websocket.set_message_bytes(config.message_bytes_before_auth.min(most));
        let mut session = Self::with_role(Server::new(seed), websocket, config);
        let now = session.read_clock(now);
        session.negotiation = session.config.open_timeout.map(|timeout| now + timeout);
        session
    }

    /// Answers the client's `<open/>`; features follow by `send`. What the header lacks is filled
    /// in: an unpredictable `id`, `to` as the client's `from`, the default language; `version` is
    /// the lower of both sides' (RFC 6120 §4.7).
    ///
    /// # Errors
    ///
    /// `Closed` where no `<open/>` is due.
    #[expect(
        clippy::result_large_err,
        reason = "the header comes back as it was given"
    )]
    pub fn open(
        &mut self,
        mut header: StreamHeader,
        now: Instant,
    ) -> Result<(), SendError<StreamHeader>> {
        self.read_clock(now);
        if !matches!(self.phase, Phase::Streaming(Step::Opened)) {
            return Err(SendError::Closed(header));
        }
        self.complete_header(&mut header);
        self.websocket.send_last(framing::open(&header));
        self.role.from = self.role.from.take().or(header.from);
        self.phase = Phase::Streaming(Step::FeaturesDue);
        Ok(())
    }

    /// `<close see-other-uri=".."/>` (W-R-350). Deployed clients heed it before the features only.
    /// Does nothing before the client's `<open/>`, and where the stream is closing.
    pub fn redirect(&mut self, uri: &str, now: Instant) {
        let now = self.read_clock(now);
        if matches!(self.phase, Phase::Streaming(_)) {
            self.send_close(framing::redirect(uri), now);
        }
    }

    /// Fills in what our `<open/>` must have (W-R-325).
    fn complete_header(&mut self, header: &mut StreamHeader) {
        let peer = self.role.asked.as_deref();
        let version = |header: &StreamHeader| header.version.as_deref().and_then(framing::version);
        let ours = version(header).unwrap_or((1, 0)).min((1, 0));
        let (major, minor) = peer.and_then(version).unwrap_or(ours).min(ours);
        header.version = Some(format!("{major}.{minor}"));
        if header.to.is_none() {
            header.to = peer.and_then(|peer| peer.from.clone());
        }
        header.lang.get_or_insert_with(|| self.config.lang.clone());
        header.id.get_or_insert_with(|| self.role.ids.next());
    }

    /// Keeps one element until the features are sent, within the bound before authentication; more
    /// would be a queue (W-R-443).
    fn keep_early(&mut self, element: Element, now: Moment) {
        let fits = element.raw().len() <= self.config.message_bytes_before_auth;
        match self.check_authenticated(element) {
            Ok(element) if fits && self.role.early.is_none() => {
                self.role.early = Some(Box::new(element.detached()));
            }
            Ok(_) => self.fail_for_reason(Reason::ElementBeforeFeatures, now),
            Err(reason) => self.fail_for_reason(reason, now),
        }
    }

    /// Rejects what may not come yet, or not at all.
    fn check_authenticated(&self, element: Element) -> Result<Element, Reason> {
        let element = content::check_namespace(element, self.config.namespaces)?;
        let refused = self.auth == Auth::Awaited
            && self.config.refuse_early_stanzas
            && !element.may_come_before_authentication();
        if refused {
            Err(Reason::StanzaBeforeAuthentication)
        } else {
            Ok(element)
        }
    }

    fn note_success(&mut self) {
        self.mark_authenticated();
        self.negotiation = None;
    }
}

impl Role for Server {}

impl Rules for Server {
    type Step = Step;

    fn parse(message: Bytes, limits: &XmlLimits) -> Result<Element, XmlError> {
        Element::parse(message, limits)
    }

    fn handle_white_space<W: WebSocket>(session: &mut Session<W>, now: Moment) {
        let last = session.role.white_space_at;
        if last.is_none_or(|at| now.since(at) >= WHITE_SPACE_INTERVAL) {
            session.role.white_space_at = Some(now);
        } else {
            session.fail_for_reason(Reason::TooMuchWhiteSpace, now);
        }
    }

    fn handle_open<W: WebSocket>(session: &mut Session<W>, element: &Element, now: Moment) {
        let restart = match session.phase {
            Phase::Unopened => false,
            Phase::Streaming(Step::AwaitingRestart) => true,
            // It crossed our `<close/>`.
            Phase::CloseSent { .. } => return,
            Phase::Streaming(_)
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => return session.fail_for_reason(Reason::SecondOpen, now),
        };
        let first_to = session.role.asked.take().and_then(|asked| asked.to);
        let mut header = StreamHeader {
            // A client's id means nothing (RFC 6120 §4.7.3).
            id: None,
            ..StreamHeader::from_element(element)
        };
        if header.to.is_none() {
            header.to.clone_from(&session.config.domain);
        }
        session.role.asked = Some(Box::new(header.clone()));
        let broken = if restart && header.to != first_to {
            // W-R-358.
            Some(Reason::RestartForOtherDomain)
        } else if !speaks_1_0(&header) {
            Some(Reason::UnsupportedVersion)
        } else if !header.to.as_deref().is_some_and(framing::is_domain) {
            Some(Reason::ImproperAddressing)
        } else {
            None
        };
        if let Some(reason) = broken {
            return session.fail_for_reason(reason, now);
        }
        if !restart {
            session.negotiation = session.config.auth_timeout.map(|timeout| now + timeout);
        }
        session.phase = Phase::Streaming(Step::Opened);
        session.deliver(Event::Opened { header, restart });
    }

    fn handle_element<W: WebSocket>(session: &mut Session<W>, element: Element, now: Moment) {
        match session.phase {
            Phase::Streaming(Step::AwaitingRestart) => {
                session.fail_for_reason(Reason::RestartExpected, now);
            }
            Phase::Streaming(Step::Opened | Step::FeaturesDue) => session.keep_early(element, now),
            Phase::Streaming(Step::Running) | Phase::CloseSent { .. } => {
                match session.check_authenticated(element) {
                    Ok(element) => session.deliver(Event::Element(element)),
                    Err(reason) => session.fail_for_reason(reason, now),
                }
            }
            Phase::Unopened
            | Phase::Failed { .. }
            | Phase::CloseReceived { .. }
            | Phase::CloseAnswered { .. }
            | Phase::Over => {}
        }
    }

    fn note_sent<W: WebSocket>(session: &mut Session<W>, element: &Element) {
        let name = element.name();
        match (name.namespace, name.local) {
            (ns::STREAM, "features") => {
                if let Phase::Streaming(Step::FeaturesDue) = session.phase {
                    session.phase = Phase::Streaming(Step::Running);
                    if let Some(early) = session.role.early.take() {
                        session.deliver(Event::Element(*early));
                    }
                }
            }
            (ns::SASL, "success") if session.auth == Auth::Awaited => {
                session.note_success();
                if let Phase::Streaming(_) = session.phase {
                    session.phase = Phase::Streaming(Step::AwaitingRestart);
                }
            }
            (ns::SASL2, "success") if session.auth == Auth::Awaited => session.note_success(),
            _ => {}
        }
        session.note_bound(element);
    }

    /// Sends our `<open/>` in front of a stream error where it has not been sent. Its `from` is a
    /// domain of ours, or empty where we know none (W-R-334).
    fn prepare_error<W: WebSocket>(
        session: &mut Session<W>,
        asked_by_application: bool,
        condition: &str,
    ) {
        if let Phase::Streaming(Step::FeaturesDue | Step::Running) = session.phase {
            return;
        }
        // The application knows the domain unless it says that it does not.
        let vouched = asked_by_application
            && !matches!(
                condition,
                "host-unknown" | "host-gone" | "improper-addressing"
            );
        let role = &session.role;
        let wanted = role.asked.as_ref().and_then(|asked| asked.to.clone());
        let from = role
            .from
            .clone()
            .or_else(|| session.config.domain.clone())
            .or_else(|| wanted.filter(|_| vouched));
        let mut header = StreamHeader {
            from: Some(from.unwrap_or_default()),
            ..StreamHeader::default()
        };
        session.complete_header(&mut header);
        session.websocket.send_last(framing::open(&header));
    }

    fn handle_silence<W: WebSocket>(session: &mut Session<W>, reason: Reason, now: Moment) {
        session.fail_for_reason(reason, now);
    }

    fn forget_early(&mut self) {
        self.early = None;
    }

    fn may_send(step: Step) -> bool {
        matches!(step, Step::FeaturesDue | Step::Running)
    }

    fn overdue(step: Option<Step>) -> Reason {
        match step {
            None => Reason::OpenTimeout,
            Some(_) => Reason::AuthTimeout,
        }
    }
}
