//! Answers: how they are written, and that they leave in rid order.
//!
//! An answer is *composed* once, shared with the replay buffer, and *issued* as an action. n+1 is
//! issued when the bytes of n left, or a second later (B-R-125, TR-21), or at once where both are
//! on one connection, whose HTTP order rules (B-R-015).

use std::time::Duration;

use bytes::Bytes;
use xmpp_machine::Moment;
use xmpp_wire::xml::escape_text;

use super::{
    Action, Event,
    create::Version,
    hold::{Fill, Spared},
    outbox::Queued,
    replay::{Answered, Bounds},
    session::{Context, CreationAnswer, Phase, Session},
};
use crate::{
    Coding, Condition, ExchangeId, Response, ascii,
    body::{self, Writer},
    rid::Rid,
};

/// An answer that waits for those before it.
#[derive(Debug)]
pub(super) struct WaitingAnswer {
    pub(super) rid: Rid,
    pub(super) exchange: ExchangeId,
    status: u16,
    body: Bytes,
}

/// An answer issued, whose bytes have not left as far as we know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsent {
    pub(super) rid: Rid,
    pub(super) exchange: ExchangeId,
    pub(super) since: Moment,
}

/// The longest that an answer waits for the bytes of the one before.
pub(super) const SENT_PATIENCE: Duration = Duration::from_secs(1);

/// An answer issued less than this ago counts as having left: another thread, which a loaded machine keeps waiting, may be about to say so, and
/// the client's next request must not overtake that report into a violation.
const REPORT_DELAY: Duration = Duration::from_millis(500);

/// Answers watched at once; a driver that never reports costs no more memory than this.
const WATCHED: usize = 8;

/// The type and condition of a wrapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type<'a> {
    Ordinary,
    Terminate(Option<Condition>),
    /// `see-other-uri`, and where.
    Redirect(&'a str),
}

impl Type<'_> {
    /// The condition of a terminal body.
    pub(super) fn condition(self) -> Option<Condition> {
        match self {
            Self::Ordinary => None,
            Self::Terminate(condition) => condition,
            Self::Redirect(_) => Some(Condition::SeeOtherUri),
        }
    }
}

impl Session {
    /// New requests that count as unanswered (B-R-125): not more than there would be without the linger (B-R-071).
    pub(super) fn count_unanswered(&self, now: Moment) -> u64 {
        let unsent = self
            .unsent
            .iter()
            .filter(|unsent| {
                (unsent.since + REPORT_DELAY..unsent.since + SENT_PATIENCE).contains(&now)
            })
            .map(|unsent| unsent.rid);
        let waiting = self.waiting_answers().map(|waiting| waiting.rid);
        let counted = unsent
            .chain(waiting)
            .filter(|rid| !self.is_delayed(*rid))
            .count();
        let spared = usize::from(self.spared != Spared::Nothing);
        let count = self.open.len().saturating_sub(spared) + self.deferred().len() + counted;
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Whether an answer left later than it would have without the linger.
    fn is_delayed(&self, rid: Rid) -> bool {
        let age = self.answered.get().saturating_sub(rid.get());
        age >= u64::from(self.punctual)
    }

    /// Whether an answer on that exchange waits for one that a linger delayed.
    fn is_behind_delayed(&self, exchange: ExchangeId, ctx: &Context<'_>) -> bool {
        self.waiting_answers()
            .any(|waiting| self.is_delayed(waiting.rid))
            || self.unsent.iter().any(|unsent| {
                self.is_delayed(unsent.rid) && Self::is_in_the_way(unsent, exchange, ctx)
            })
    }

    /// Answers the oldest open request.
    pub(super) fn answer_front(&mut self, fill: Fill, ctx: &mut Context<'_>) {
        self.answer(fill, None, ctx);
    }

    /// Answers the creation request (B-R-053 to 062).
    pub(super) fn answer_creation(&mut self, ctx: &mut Context<'_>) {
        if let Phase::Creating(creation) = std::mem::replace(&mut self.phase, Phase::Open) {
            self.answer(Fill::Queue, Some(&creation), ctx);
        }
    }

    fn answer(&mut self, fill: Fill, creation: Option<&CreationAnswer>, ctx: &mut Context<'_>) {
        if self.open.is_empty() {
            return;
        }
        let open = self.open.remove(0);
        if self.open.is_empty() {
            self.open.shrink_to_fit();
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        let is_live = open.exchange.is_live();
        let batch = match fill {
            Fill::Queue if is_live => outbox.batch(ctx.config.response_bytes),
            Fill::Queue | Fill::Nothing => &[],
        };
        let count = batch.len();
        let lingered = self.linger.end(count > 0);
        let is_delayed = lingered
            || self.spared == Spared::Oldest
            || open
                .exchange
                .live()
                .is_some_and(|exchange| self.is_behind_delayed(exchange, ctx));
        self.punctual = if is_delayed {
            0
        } else {
            self.punctual.saturating_add(1)
        };
        self.spared = self.spares(&open, fill, count > 0, lingered);
        let body = if is_live {
            self.compose(open.rid, Type::Ordinary, batch, creation, ctx)
        } else {
            body::empty()
        };
        outbox.drop_batch(count);
        self.outbox = outbox;
        let answered = Answered {
            body: body.clone(),
            at: ctx.now,
            digest: open.digest,
            has_payload: count > 0,
            duplicates: open.duplicates,
        };
        self.record(open.rid, answered, ctx);
        if let Some(exchange) = open.exchange.live() {
            self.issue_or_queue(open.rid, exchange, 200, body, ctx);
        }
        self.tell_writable(ctx);
    }

    /// Keeps an answer for duplicates (B-R-089).
    fn record(&mut self, rid: Rid, answered: Answered, ctx: &Context<'_>) {
        self.answered = rid;
        self.police.note_answer(answered.has_payload);
        let least = usize::from(self.terms.hold) + 2;
        let bounds = if self.terms.client_acks {
            Bounds {
                count: ctx.config.replay_responses.max(least),
                bytes: ctx.config.replay_bytes,
                least,
            }
        } else {
            Bounds {
                count: least,
                bytes: usize::MAX,
                least,
            }
        };
        self.replay.push(answered, bounds);
    }

    fn tell_writable(&mut self, ctx: &mut Context<'_>) {
        if self.outbox.take_writable(ctx.config.outbox_bytes) && !self.is_over() {
            ctx.deliver(self.key, Event::Writable);
        }
    }

    /// Issues an answer, or queues it behind those before it.
    pub(super) fn issue_or_queue(
        &mut self,
        rid: Rid,
        exchange: ExchangeId,
        status: u16,
        body: Bytes,
        ctx: &mut Context<'_>,
    ) {
        let waiting = WaitingAnswer {
            rid,
            exchange,
            status,
            body,
        };
        if !self.has_waiting_answers() && self.is_clear(exchange, ctx) {
            self.issue(waiting, ctx);
        } else {
            self.rare().waiting_answers.push_back(waiting);
            self.issue_in_order(ctx);
        }
    }

    /// Issues the answers that wait, in the order of their rids, as far as those before them have
    /// left.
    pub(super) fn issue_in_order(&mut self, ctx: &mut Context<'_>) {
        while let Some(first) = self
            .rare
            .as_ref()
            .and_then(|rare| rare.waiting_answers.front())
        {
            if !self.is_clear(first.exchange, ctx) {
                return;
            }
            let Some(waiting) = self.rare().waiting_answers.pop_front() else {
                return;
            };
            self.issue(waiting, ctx);
        }
    }

    /// Whether nothing before an answer on that exchange is still under way.
    fn is_clear(&self, exchange: ExchangeId, ctx: &Context<'_>) -> bool {
        let mut unsent = self.unsent.iter();
        !unsent.any(|unsent| Self::is_in_the_way(unsent, exchange, ctx))
    }

    /// Whether an answer on that exchange must wait until the bytes of one issued before have left.
    fn is_in_the_way(unsent: &Unsent, exchange: ExchangeId, ctx: &Context<'_>) -> bool {
        let connection = |id| ctx.exchanges.get(id).map(|exchange| exchange.connection);
        ctx.now < unsent.since + SENT_PATIENCE
            && connection(unsent.exchange) != connection(exchange)
    }

    fn issue(&mut self, waiting: WaitingAnswer, ctx: &mut Context<'_>) {
        if self.unsent.len() >= WATCHED {
            let oldest = self.unsent.remove(0);
            ctx.exchanges.remove(oldest.exchange);
        }
        self.unsent.push(Unsent {
            rid: waiting.rid,
            exchange: waiting.exchange,
            since: ctx.now,
        });
        self.idle_since = ctx.now;
        let response = self.response(waiting.status, waiting.body);
        ctx.actions.push_back(Action::Respond {
            id: waiting.exchange,
            response,
        });
    }

    /// The bytes of that answer left.
    pub(super) fn note_sent(&mut self, id: ExchangeId, ctx: &mut Context<'_>) {
        let before = self.unsent.len();
        self.unsent.retain(|unsent| unsent.exchange != id);
        if self.unsent.len() < before {
            self.unsent.shrink_to_fit();
            self.idle_since = ctx.now;
            self.issue_in_order(ctx);
        }
    }

    pub(super) fn response(&self, status: u16, body: Bytes) -> Response {
        Response {
            status,
            content_type: self.terms.content.as_str(),
            body,
        }
    }

    /// The status of a terminal answer (B-R-140).
    pub(super) fn status(&self, condition: Condition) -> u16 {
        let legacy = condition.legacy_status().filter(|_| self.terms.is_legacy);
        legacy.unwrap_or(200)
    }

    /// Writes a wrapper, attributes in the order of XEP-0124's examples.
    pub(super) fn compose(
        &mut self,
        rid: Rid,
        kind: Type<'_>,
        payloads: &[Queued],
        creation: Option<&CreationAnswer>,
        ctx: &Context<'_>,
    ) -> Bytes {
        let is_acked = self.received != rid && ctx.config.server_ack;
        let is_plain = payloads.is_empty()
            && creation.is_none()
            && kind == Type::Ordinary
            && !is_acked
            && !self.from_is_due
            && !self.has_report();
        if is_plain {
            return body::empty();
        }
        let bytes: usize = payloads.iter().map(Queued::len).sum();
        // The body is kept for replay, so its room is what it needs: `</body>`, and the longest spelling of each attribute.
        let needs_stream = creation.is_some() || payloads.iter().any(Queued::needs_stream);
        let room = match (creation, kind) {
            (Some(_), _) => 416,
            (None, Type::Terminate(_)) => 128,
            (None, Type::Redirect(uri)) => 160 + uri.len(),
            (None, Type::Ordinary) => 8,
        } + if needs_stream { 48 } else { 0 }
            + if is_acked { 24 } else { 0 }
            + if self.has_report() { 48 } else { 0 }
            + match &self.from {
                Some(from) if self.from_is_due => from.len() + 8,
                Some(_) | None => 0,
            };
        let mut writer = Writer::new(bytes + room);
        if creation.is_some() {
            writer.declare_xmpp();
        }
        if needs_stream {
            writer.declare_stream();
        }
        if let Some(creation) = creation {
            self.write_creation(&mut writer, rid, creation, ctx);
        } else {
            if kind != Type::Ordinary {
                writer.attribute("type", "terminate");
                if let Some(condition) = kind.condition() {
                    writer.attribute("condition", condition.as_str());
                }
            }
            if std::mem::take(&mut self.from_is_due)
                && let Some(from) = &self.from
            {
                writer.attribute("from", from);
            }
            if is_acked {
                writer.number("ack", self.received.get());
            }
            if let Some((missing, at)) = self.take_report() {
                let age = ctx.now.since(at).as_millis();
                writer.number("report", missing.get());
                writer.number("time", u64::from(u16::try_from(age).unwrap_or(u16::MAX)));
            }
        }
        let mut last = Vec::new();
        if let Type::Redirect(uri) = kind {
            // In the wrapper's namespace, as XEP-0124 §17.2 has it.
            last.extend_from_slice(b"<uri>");
            escape_text(uri, &mut last);
            last.extend_from_slice(b"</uri>");
        }
        let pieces = payloads.iter().flat_map(Queued::pieces);
        let body = writer.finish(pieces.chain([last.as_slice()]));
        if self.terms.content.is_ascii() && !body.is_ascii() {
            let spelled = std::str::from_utf8(&body).ok().and_then(ascii::spell);
            return spelled.map_or(body, Bytes::from);
        }
        body
    }

    fn take_report(&mut self) -> Option<(Rid, Moment)> {
        self.rare.as_mut().and_then(|rare| rare.report.take())
    }

    fn write_creation(
        &mut self,
        writer: &mut Writer,
        rid: Rid,
        creation: &CreationAnswer,
        ctx: &Context<'_>,
    ) {
        let config = ctx.config;
        let terms = &self.terms;
        writer.attribute("sid", &self.secret.spell(config.node_tag.as_deref()));
        writer.number("wait", u64::from(terms.wait));
        writer.number("hold", u64::from(terms.hold));
        writer.number("requests", terms.requests());
        if terms.polling > 0 {
            writer.number("polling", u64::from(terms.polling));
        }
        writer.number("inactivity", u64::from(terms.inactivity));
        if terms.maxpause > 0 {
            writer.number("maxpause", u64::from(terms.maxpause));
        }
        if let Some(Version { major, minor }) = creation.version {
            writer.attribute("ver", &format!("{major}.{minor}"));
        }
        if std::mem::take(&mut self.from_is_due)
            && let Some(from) = &self.from
        {
            writer.attribute("from", from);
        }
        if config.server_ack {
            writer.number("ack", rid.get());
        }
        if !config.accept.is_empty() {
            writer.attribute("accept", &Coding::list(&config.accept, ","));
        }
        if let Some(host) = &config.host {
            writer.attribute("host", host);
        }
        if config.authid
            && let Some(id) = &creation.header.id
        {
            writer.attribute("authid", id);
        }
        let version = creation.header.version.as_deref().unwrap_or("1.0");
        writer.attribute("xmpp:version", version);
        writer.attribute("xmpp:restartlogic", "true");
    }
}
