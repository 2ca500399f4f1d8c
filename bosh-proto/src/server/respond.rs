//! Answers: how they are written, and that they leave in rid order.
//!
//! An answer is *composed* once, shared with the replay buffer, *staged*, and *issued* as an action. n+1 is issued when the bytes of n
//! left, or a second later (B-R-125, TR-21), or at once where both are on one connection, whose HTTP order rules (B-R-015).

use std::time::Duration;

use bytes::Bytes;

use super::{
    Action, Event,
    create::Version,
    hold::Fill,
    outbox::Queued,
    replay::Answered,
    session::{Context, Opening, Phase, Session},
};
use crate::{
    Condition, ExchangeId, Instant, Response,
    body::{self, Writer},
    rid::Rid,
};

/// An answer that waits for those before it.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) rid: Rid,
    pub(super) exchange: ExchangeId,
    status: u16,
    body: Bytes,
}

/// An answer issued, whose bytes have not left as far as we know.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) rid: Rid,
    pub(super) exchange: ExchangeId,
    pub(super) since: Instant,
}

/// The longest that an answer waits for the bytes of the one before.
pub(super) const SENT_PATIENCE: Duration = Duration::from_secs(1);

/// An answer issued less than this ago counts as having left: another thread may be about to say so, and the client's next request
/// must not overtake that report into a violation.
const REPORT_DELAY: Duration = Duration::from_millis(100);

/// Answers watched at once; a driver that never reports costs no more memory than this.
const WATCHED: usize = 8;

/// The type and condition of a wrapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Ordinary,
    Terminate(Option<Condition>),
}

impl Session {
    /// New requests that count as unanswered (B-R-125).
    pub(super) fn unanswered(&self, now: Instant) -> u64 {
        let unsent = self
            .unsent
            .iter()
            .filter(|unsent| {
                (unsent.since + REPORT_DELAY..unsent.since + SENT_PATIENCE).contains(&now)
            })
            .count();
        let count = self.open.len() + self.deferred.len() + self.stage.len() + unsent;
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Answers the oldest open request.
    pub(super) fn answer_front(&mut self, fill: Fill, ctx: &mut Context<'_>) {
        self.answer(fill, None, ctx);
    }

    /// Answers the creation request (B-R-053 to 062).
    pub(super) fn answer_creation(&mut self, ctx: &mut Context<'_>) {
        if let Phase::Opening(opening) = std::mem::replace(&mut self.phase, Phase::Open) {
            self.answer(Fill::Queue, Some(&opening), ctx);
        }
    }

    fn answer(&mut self, fill: Fill, creation: Option<&Opening>, ctx: &mut Context<'_>) {
        self.linger.until = None;
        let Some(open) = self.open.pop_front() else {
            return;
        };
        let is_live = open.exchange.is_some();
        let batch = match fill {
            Fill::Queue if is_live => self.outbox.take_batch(ctx.config.response_bytes),
            Fill::Queue | Fill::Nothing => Vec::new(),
        };
        let body = if is_live {
            self.compose(open.rid, Type::Ordinary, &batch, creation, ctx)
        } else {
            body::empty()
        };
        self.record(
            Answered {
                rid: open.rid,
                body: body.clone(),
                at: ctx.now,
                has_payload: !batch.is_empty(),
                digest: open.digest,
                duplicates: open.duplicates,
            },
            ctx,
        );
        if let Some(exchange) = open.exchange {
            self.stage(open.rid, exchange, 200, body, ctx);
        }
        self.tell_writable(ctx);
    }

    /// Keeps an answer for duplicates (B-R-089).
    fn record(&mut self, answered: Answered, ctx: &Context<'_>) {
        self.answered = answered.rid;
        self.police.note_answer(answered.rid, answered.has_payload);
        self.replay.push(answered);
        let least = usize::from(self.terms.hold) + 2;
        if self.terms.client_acks {
            let config = ctx.config;
            let count = config.replay_responses.max(least);
            self.replay.trim(count, config.replay_bytes, least);
        } else {
            self.replay.trim(least, usize::MAX, least);
        }
    }

    fn tell_writable(&mut self, ctx: &mut Context<'_>) {
        if self.outbox.take_writable(ctx.config.outbox_bytes) && !self.is_over() {
            ctx.deliver(self.key, Event::Writable);
        }
    }

    /// Queues an answer behind those before it.
    pub(super) fn stage(
        &mut self,
        rid: Rid,
        exchange: ExchangeId,
        status: u16,
        body: Bytes,
        ctx: &mut Context<'_>,
    ) {
        self.stage.push_back(Staged {
            rid,
            exchange,
            status,
            body,
        });
        self.pump(ctx);
    }

    /// Issues the answers whose turn has come.
    pub(super) fn pump(&mut self, ctx: &mut Context<'_>) {
        while let Some(staged) = self.stage.front() {
            let connection = |id| ctx.exchanges.get(id).map(|exchange| exchange.connection);
            let own = connection(staged.exchange);
            let is_clear = self.unsent.iter().all(|unsent| {
                ctx.now >= unsent.since + SENT_PATIENCE || connection(unsent.exchange) == own
            });
            if !is_clear {
                return;
            }
            let Some(staged) = self.stage.pop_front() else {
                return;
            };
            if self.unsent.len() >= WATCHED {
                let oldest = self.unsent.remove(0);
                ctx.exchanges.remove(oldest.exchange);
            }
            self.unsent.push(Unsent {
                rid: staged.rid,
                exchange: staged.exchange,
                since: ctx.now,
            });
            self.idle_since = ctx.now;
            let response = self.response(staged.status, staged.body);
            ctx.actions.push_back(Action::Respond {
                id: staged.exchange,
                response,
            });
        }
    }

    /// The bytes of that answer left.
    pub(super) fn note_sent(&mut self, id: ExchangeId, ctx: &mut Context<'_>) {
        let before = self.unsent.len();
        self.unsent.retain(|unsent| unsent.exchange != id);
        if self.unsent.len() < before {
            self.idle_since = ctx.now;
            self.pump(ctx);
        }
    }

    pub(super) fn response(&self, status: u16, body: Bytes) -> Response {
        Response {
            status,
            content_type: self.terms.content_type,
            body,
        }
    }

    /// The status of a terminal answer (B-R-140).
    pub(super) fn status(&self, condition: Condition) -> u16 {
        match self.terms.version {
            Some(_) => 200,
            None => condition.legacy_status().unwrap_or(200),
        }
    }

    /// Writes a wrapper, attributes in the order of ledger §16.
    pub(super) fn compose(
        &mut self,
        rid: Rid,
        kind: Type,
        payloads: &[Queued],
        creation: Option<&Opening>,
        ctx: &Context<'_>,
    ) -> Bytes {
        let is_acked = self.received != rid && ctx.config.server_ack;
        let is_plain = payloads.is_empty()
            && creation.is_none()
            && kind == Type::Ordinary
            && !is_acked
            && !self.from_is_due
            && self.report.is_none();
        if is_plain {
            return body::empty();
        }
        let bytes: usize = payloads.iter().map(Queued::len).sum();
        let room = if creation.is_some() { 512 } else { 192 };
        let mut writer = Writer::new(bytes + room);
        if creation.is_some() {
            writer.declare_xmpp();
        }
        if creation.is_some() || payloads.iter().any(Queued::needs_stream) {
            writer.declare_stream();
        }
        if let Some(opening) = creation {
            self.write_creation(&mut writer, rid, opening, ctx);
        } else {
            if let Type::Terminate(condition) = kind {
                writer.attribute("type", "terminate");
                if let Some(condition) = condition {
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
            if let Some((missing, at)) = self.report.take() {
                let age = ctx.now.saturating_duration_since(at).as_millis();
                writer.number("report", missing.get());
                writer.number("time", u64::from(u16::try_from(age).unwrap_or(u16::MAX)));
            }
        }
        writer.finish(payloads.iter().flat_map(Queued::pieces))
    }

    fn write_creation(
        &mut self,
        writer: &mut Writer,
        rid: Rid,
        opening: &Opening,
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
        if let Some(Version { major, minor }) = terms.version {
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
        if let Some(host) = &config.host {
            writer.attribute("host", host);
        }
        if config.authid
            && let Some(id) = &opening.header.id
        {
            writer.attribute("authid", id);
        }
        let version = opening.header.version.as_deref().unwrap_or("1.0");
        writer.attribute("xmpp:version", version);
        writer.attribute("xmpp:restartlogic", "true");
    }
}
