//! A relay that changes its server before anything of the client's has reached one: redirects (RFC 6120 §4.9.3.19), and the node that keeps a
//! session to be resumed (XEP-0198 §4). The client sees one stream.
//!
//! Rules:
//! * Only on a first stream on which nothing of the client's was forwarded, `Config::redirects` times at most, within the one deadline for features.
//! * The header of such a stream is shown with what comes behind it (or a little later), so that the client sees the `id` of the stream that it gets
//!   (W-R-415).
//! * Where a header or features were shown already, those of the next server are not.
//! * The place decides how TLS is done there, so its stream begins anew when it is reached (`handle_redialed`).

use xmpp_wire::{Element, StreamError, ns};

use super::{
    ServerAction, Target,
    machine::{Accepted, Authentication, Relay},
};
use crate::{
    Instant,
    client::{Stream, Tls},
};

/// How far a relay is with finding its server.
#[derive(Debug)]
pub(super) struct Search {
    /// How many more places may be tried.
    pub(super) left: u8,
    /// When the first stream began.
    pub(super) since: Instant,
    /// Something of the client's was forwarded on this connection.
    pub(super) forwarded: bool,
    /// A connection to another place was ordered, and is not made yet.
    pub(super) redialing: bool,
    /// The client has seen a header.
    pub(super) header_shown: bool,
    /// The client has seen features of another server.
    pub(super) features_shown: bool,
    /// The application was asked where a session is.
    pub(super) asked: bool,
    /// What waits for the answer.
    pub(super) waiting: Option<Box<Element>>,
}

impl Search {
    pub(super) fn new(left: u8, since: Instant) -> Self {
        Self {
            left,
            since,
            forwarded: false,
            redialing: false,
            header_shown: false,
            features_shown: false,
            asked: false,
            waiting: None,
        }
    }
}

impl Relay {
    /// Where a session of XEP-0198 is kept, as `ServerAction::Locate` asked; `None` where nobody knows, or where the configured server is right.
    /// Without effect where nothing was asked.
    pub fn handle_located(&mut self, node: Option<Target>, now: Instant) {
        let Some(element) = self.search.waiting.take() else {
            return;
        };
        if self.accepted != Accepted::Open || !self.stream.is_open() {
            return;
        }
        self.early.push_front(*element);
        match node {
            Some(node) if self.may_redial() => self.redial(node, now),
            Some(_) | None => {
                self.ready = true;
                self.forward_early();
            }
        }
    }

    /// The place that `ServerAction::Redial` named is reached, and TLS is done there as `tls` says: its stream begins now. Bytes that were polled
    /// since the order are to be thrown away. Without effect where nothing was ordered, or where the client has left meanwhile.
    pub fn handle_redialed(&mut self, tls: Tls, now: Instant) {
        let first = self.authentication == Authentication::None && !self.search.forwarded;
        if std::mem::take(&mut self.search.redialing) && self.accepted == Accepted::Open && first {
            self.config.tls = tls;
            self.begin_stream(now);
        }
    }

    /// Follows this stream error of a server's where it may be; says whether it is.
    pub(super) fn follow(&mut self, error: Option<&StreamError>) -> Followed {
        let target = error
            .and_then(|error| error.see_other_host.as_deref())
            .and_then(Target::parse);
        match target {
            Some(target) if self.may_redial() => {
                self.redial(target, self.stream.now());
                Followed::Yes
            }
            Some(_) | None => Followed::No,
        }
    }

    /// Asks where the session is that this request wants to resume, if it does; the request waits meanwhile.
    pub(super) fn ask_for_node(&mut self, element: &Element) -> Followed {
        if self.search.asked || !self.may_redial() || !element.is("authenticate", ns::SASL2) {
            return Followed::No;
        }
        let id = element
            .child("resume", ns::SM)
            .and_then(|resume| resume.attribute("previd").map(|id| id.into_owned()));
        let Some(id) = id else {
            return Followed::No;
        };
        self.search.asked = true;
        self.search.waiting = Some(Box::new(element.detached()));
        self.ready = false;
        self.ask(ServerAction::Locate { id });
        Followed::Yes
    }

    fn may_redial(&self) -> bool {
        self.accepted == Accepted::Open
            && self.authentication == Authentication::None
            && !self.search.forwarded
            && self.search.left > 0
    }

    fn redial(&mut self, target: Target, now: Instant) {
        self.search.left -= 1;
        self.search.redialing = true;
        self.begin_stream(now);
        self.ask(ServerAction::Redial(target));
    }

    /// A first stream, with what is left of the time for features.
    fn begin_stream(&mut self, now: Instant) {
        self.search.features_shown |= self.features_passed;
        self.ready = false;
        self.features_passed = false;
        self.withheld = None;
        self.error = None;
        let mut config = self.config.clone();
        let spent = now.saturating_duration_since(self.search.since);
        config.features_timeout = config.features_timeout.saturating_sub(spent);
        self.stream = Stream::new(config, self.header.clone(), now);
        if self.session_full {
            self.stream.hold_input(now);
        }
    }
}

/// Whether something was seen to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    Yes,
    No,
}
