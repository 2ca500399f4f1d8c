//! A session at rest as bytes, and back.
//!
//! Our own text form instead of a serialisation framework: the value is a secret that crosses trust boundaries (a page's storage, a shared
//! cache), so that the reader must be total and bounded and must know its version, and two hundred lines that do this need no dependency.
//! A first line names the form and its version; then come fields, `name length:bytes` and a line end each, in a fixed order; a group's bytes
//! are fields again. Times are milliseconds. What a later version adds it names in its first line; this one reads only itself.

use bytes::Bytes;

use super::{
    Config,
    export::{AnswerAtRest, EventAtRest, Exported, PendingAtRest, PhaseAtRest, RestartAtRest},
    fields::{DecodeError, Encoder, Fields, element},
    session::Kind,
    terms::Terms,
};
use crate::rid::Rid;

const FIRST_LINE: &[u8] = b"xmpp-web bosh session 1\n";

/// The longest key sequence.
const KEYS: u64 = 4096;
/// The most requests without an answer: the window, and what may be beyond it.
const PENDING: usize = 32;

impl Exported {
    /// The largest value that is read: queues, answers and requests at the bounds of a generous configuration.
    pub const MAX_BYTES: usize = 64 << 20;

    /// Writes it as bytes. They hold the session's secrets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Encoder {
            out: FIRST_LINE.to_vec(),
        };
        out.number("generation", self.generation);
        out.group("config", |out| write_config(&self.config, out));
        out.group("terms", |out| write_terms(&self.terms, out));
        out.group("phase", |out| write_phase(&self.phase, out));
        out.group("restart", |out| match self.restart {
            RestartAtRest::None => out.text("is", "none"),
            RestartAtRest::Due => out.text("is", "due"),
            RestartAtRest::Sent(rest) => {
                out.text("is", "sent");
                out.time("rest", rest);
            }
            RestartAtRest::Done => out.text("is", "done"),
        });
        out.option("from", self.from.as_deref());
        out.option("host", self.host.as_deref());
        out.number("exchanges", self.exchanges);
        out.number("next", self.next);
        out.number("acked", self.acked);
        out.group("doubled", |out| {
            for (rid, rest) in &self.doubled {
                out.number("rid", *rid);
                out.time("rest", *rest);
            }
        });
        out.group("pending", |out| {
            for pending in &self.pending {
                out.group("request", |out| write_pending(pending, out));
            }
        });
        out.elements("outbox", &self.outbox);
        out.flag("refused", self.refused);
        out.group("keys", |out| {
            if let Some((seed, left)) = &self.chain {
                out.text("seed", seed);
                out.number("left", *left);
            }
        });
        out.elements("skipped", &self.skipped);
        out.optional_time("lost", self.lost);
        out.time("spaced", self.spaced);
        out.optional_time("idle", self.idle);
        out.optional_time("held", self.held);
        out.optional_time("linger", self.linger);
        out.flag("fallen", self.has_fallen);
        out.flag("must", self.must_send);
        out.number("quick", self.quick.into());
        out.number("refusals", self.refusals.into());
        out.group("events", |out| {
            for event in &self.events {
                write_event(event, out);
            }
        });
        out.out
    }

    /// Reads what `to_bytes` wrote.
    ///
    /// # Errors
    ///
    /// Where the bytes are of another form or version, cut short, or contradict themselves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(DecodeError::TooBig);
        }
        let rest = bytes.strip_prefix(FIRST_LINE).ok_or(DecodeError::Version)?;
        let mut fields = Fields { rest };
        let exported = Self {
            generation: fields.number("generation")?,
            config: fields.group("config", read_config)?,
            terms: fields.group("terms", read_terms)?,
            phase: fields.group("phase", read_phase)?,
            restart: fields.group("restart", |fields| {
                Ok(match fields.text("is")? {
                    "none" => RestartAtRest::None,
                    "due" => RestartAtRest::Due,
                    "sent" => RestartAtRest::Sent(fields.time("rest")?),
                    "done" => RestartAtRest::Done,
                    _ => return Err(DecodeError::Field { field: "restart" }),
                })
            })?,
            from: fields.option("from")?,
            host: fields.option("host")?,
            exchanges: fields.number("exchanges")?.min(u64::MAX / 2),
            next: fields.number("next")?,
            acked: fields.number("acked")?,
            doubled: fields.list("doubled", |fields| {
                Ok((fields.number("rid")?, fields.time("rest")?))
            })?,
            pending: fields.list("pending", |fields| fields.group("request", read_pending))?,
            outbox: fields.elements("outbox")?,
            refused: fields.flag("refused")?,
            chain: fields.group("keys", |fields| {
                if fields.rest.is_empty() {
                    return Ok(None);
                }
                let seed = fields.text("seed")?;
                let left = fields.number("left")?;
                if left > KEYS {
                    return Err(DecodeError::Field { field: "left" });
                }
                Ok(Some((seed.to_owned(), left)))
            })?,
            skipped: fields.elements("skipped")?,
            lost: fields.optional_time("lost")?,
            spaced: fields.time("spaced")?,
            idle: fields.optional_time("idle")?,
            held: fields.optional_time("held")?,
            linger: fields.optional_time("linger")?,
            has_fallen: fields.flag("fallen")?,
            must_send: fields.flag("must")?,
            quick: fields.small("quick")?,
            refusals: fields.small("refusals")?,
            events: fields.list("events", read_event)?,
        };
        fields.end("end")?;
        exported.check()?;
        Ok(exported)
    }

    /// What the machine relies on.
    fn check(&self) -> Result<(), DecodeError> {
        let wrong = |field| Err(DecodeError::Field { field });
        let count = u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
        if self.pending.len() > PENDING {
            return wrong("pending");
        }
        if !(count + 1..=Rid::MAX).contains(&self.next) || self.acked >= self.next {
            return wrong("next");
        }
        let pending = self.next - count..self.next;
        let sent = match self.phase {
            PhaseAtRest::Creating | PhaseAtRest::Open | PhaseAtRest::Paused { .. } => None,
            PhaseAtRest::Pausing { sent, .. } => sent.map(|(rid, _)| rid),
            PhaseAtRest::Closing { sent, .. } => sent,
        };
        if sent.is_some_and(|sent| !pending.contains(&sent)) {
            return wrong("phase");
        }
        let is_creating = self.phase == PhaseAtRest::Creating;
        if is_creating != self.terms.sid.is_empty() || (is_creating && count > 0) {
            return wrong("sid");
        }
        let is_creation = |pending: &PendingAtRest| pending.kind == Kind::Creation;
        if self.pending.iter().any(is_creation) {
            return wrong("pending");
        }
        Ok(())
    }
}

fn write_config(config: &Config, out: &mut Encoder) {
    let size = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    out.text("to", &config.to);
    out.option("from", config.from.as_deref());
    out.option("lang", config.lang.as_deref());
    out.time("wait", config.wait);
    out.number("hold", config.hold.into());
    out.option("route", config.route.as_deref());
    out.flag("acks", config.client_ack);
    out.flag("keys", config.keys);
    out.flag("serialise", config.serialise);
    out.time("delay", config.poll_delay);
    out.number("attempts", config.creation_attempts.into());
    out.time("restart", config.restart_timeout);
    out.time("patience", config.patience);
    out.number("request", size(config.request_bytes));
    out.number("outbox", size(config.outbox_bytes));
    out.number("response", size(config.response_bytes));
    out.number("held", size(config.held_bytes));
    out.number("element", size(config.xml.element_bytes));
    out.number("depth", size(config.xml.depth));
    out.number("attributes", size(config.xml.attributes));
    out.number("declarations", size(config.xml.declarations));
}

fn read_config(fields: &mut Fields<'_>) -> Result<Config, DecodeError> {
    let mut config = Config::new(fields.text("to")?);
    config.from = fields.option("from")?;
    config.lang = fields.option("lang")?;
    config.wait = fields.time("wait")?;
    config.hold = fields.small("hold")?;
    config.route = fields.option("route")?;
    config.client_ack = fields.flag("acks")?;
    config.keys = fields.flag("keys")?;
    config.serialise = fields.flag("serialise")?;
    config.poll_delay = fields.time("delay")?;
    config.creation_attempts = fields.small("attempts")?;
    config.restart_timeout = fields.time("restart")?;
    config.patience = fields.time("patience")?;
    config.request_bytes = fields.size("request")?;
    config.outbox_bytes = fields.size("outbox")?;
    config.response_bytes = fields.size("response")?;
    config.held_bytes = fields.size("held")?;
    config.xml.element_bytes = fields.size("element")?;
    config.xml.depth = fields.size("depth")?;
    config.xml.attributes = fields.size("attributes")?;
    config.xml.declarations = fields.size("declarations")?;
    Ok(config)
}

fn write_terms(terms: &Terms, out: &mut Encoder) {
    out.text("sid", &terms.sid);
    out.time("wait", terms.wait);
    out.number("hold", terms.hold.into());
    out.number("requests", terms.requests.into());
    out.time("polling", terms.polling);
    out.optional_time("inactivity", terms.inactivity);
    out.optional_time("maxpause", terms.maxpause);
    let version = terms
        .version
        .map(|(major, minor)| format!("{major}.{minor}"));
    out.option("ver", version.as_deref());
    out.flag("acks", terms.server_ack);
}

fn read_terms(fields: &mut Fields<'_>) -> Result<Terms, DecodeError> {
    Ok(Terms {
        sid: fields.text("sid")?.to_owned(),
        wait: fields.seconds("wait")?,
        hold: fields.small("hold")?,
        requests: fields.small("requests")?.max(1),
        polling: fields.seconds("polling")?,
        inactivity: fields.optional_time("inactivity")?,
        maxpause: fields.optional_time("maxpause")?,
        version: match fields.option("ver")? {
            None => None,
            Some(text) => {
                let version = text
                    .split_once('.')
                    .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
                Some(version.ok_or(DecodeError::Field { field: "ver" })?)
            }
        },
        server_ack: fields.flag("acks")?,
    })
}

fn write_phase(phase: &PhaseAtRest, out: &mut Encoder) {
    match phase {
        PhaseAtRest::Creating => out.text("is", "creating"),
        PhaseAtRest::Open => out.text("is", "open"),
        PhaseAtRest::Pausing { period, sent } => {
            out.text("is", "pausing");
            out.time("period", *period);
            out.optional_number("rid", sent.map(|(rid, _)| rid));
            out.optional_time("rest", sent.map(|(_, rest)| rest));
        }
        PhaseAtRest::Paused { period, rest } => {
            out.text("is", "paused");
            out.time("period", *period);
            out.time("rest", *rest);
        }
        PhaseAtRest::Closing { rest, sent } => {
            out.text("is", "closing");
            out.time("rest", *rest);
            out.optional_number("rid", *sent);
        }
    }
}

fn read_phase(fields: &mut Fields<'_>) -> Result<PhaseAtRest, DecodeError> {
    Ok(match fields.text("is")? {
        "creating" => PhaseAtRest::Creating,
        "open" => PhaseAtRest::Open,
        "pausing" => PhaseAtRest::Pausing {
            period: fields.seconds("period")?,
            sent: fields
                .optional_number("rid")?
                .zip(fields.optional_time("rest")?),
        },
        "paused" => PhaseAtRest::Paused {
            period: fields.seconds("period")?,
            rest: fields.time("rest")?,
        },
        "closing" => PhaseAtRest::Closing {
            rest: fields.time("rest")?,
            sent: fields.optional_number("rid")?,
        },
        _ => return Err(DecodeError::Field { field: "phase" }),
    })
}

const KINDS: [(&str, Kind); 5] = [
    ("creation", Kind::Creation),
    ("ordinary", Kind::Ordinary),
    ("restart", Kind::Restart),
    ("pause", Kind::Pause),
    ("terminate", Kind::Terminate),
];

fn write_pending(pending: &PendingAtRest, out: &mut Encoder) {
    let kind = KINDS.iter().find(|(_, kind)| *kind == pending.kind);
    out.text("kind", kind.map_or("ordinary", |(name, _)| name));
    out.bytes("body", &pending.body);
    out.elements("payload", &pending.payload);
    match &pending.answer {
        AnswerAtRest::None => out.text("answer", "none"),
        AnswerAtRest::Implied => out.text("answer", "implied"),
        AnswerAtRest::Document(document) => {
            out.text("answer", "document");
            out.bytes("document", document);
        }
    }
    out.number("errors", pending.errors.into());
    out.number("garbage", pending.garbage.into());
    out.number("failures", pending.failures.into());
}

fn read_pending(fields: &mut Fields<'_>) -> Result<PendingAtRest, DecodeError> {
    let name = fields.text("kind")?;
    let kind = KINDS.iter().find(|(kind, _)| *kind == name);
    Ok(PendingAtRest {
        kind: kind.ok_or(DecodeError::Field { field: "kind" })?.1,
        body: Bytes::copy_from_slice(fields.text("body")?.as_bytes()),
        payload: fields.elements("payload")?,
        answer: match fields.text("answer")? {
            "none" => AnswerAtRest::None,
            "implied" => AnswerAtRest::Implied,
            "document" => {
                AnswerAtRest::Document(Bytes::copy_from_slice(fields.text("document")?.as_bytes()))
            }
            _ => return Err(DecodeError::Field { field: "answer" }),
        },
        errors: fields.small("errors")?,
        garbage: fields.small("garbage")?,
        failures: u32::try_from(fields.number("failures")?).unwrap_or(u32::MAX),
    })
}

fn write_event(event: &EventAtRest, out: &mut Encoder) {
    match event {
        EventAtRest::Opened(from) => {
            out.text("is", "opened");
            out.option("from", from.as_deref());
        }
        EventAtRest::Element(element) => {
            out.text("is", "element");
            out.bytes("element", element.standalone().raw());
        }
        EventAtRest::Restarted => out.text("is", "restarted"),
        EventAtRest::Host(host) => {
            out.text("is", "host");
            out.text("host", host);
        }
        EventAtRest::Identified(from) => {
            out.text("is", "identified");
            out.text("from", from);
        }
        EventAtRest::Granted(period) => {
            out.text("is", "granted");
            out.time("period", *period);
        }
        EventAtRest::Unconfirmed(period) => {
            out.text("is", "unconfirmed");
            out.time("period", *period);
        }
        EventAtRest::Writable => out.text("is", "writable"),
    }
}

fn read_event(fields: &mut Fields<'_>) -> Result<EventAtRest, DecodeError> {
    Ok(match fields.text("is")? {
        "opened" => EventAtRest::Opened(fields.option("from")?),
        "element" => EventAtRest::Element(element(fields.bytes("element")?)?),
        "restarted" => EventAtRest::Restarted,
        "host" => EventAtRest::Host(fields.text("host")?.to_owned()),
        "identified" => EventAtRest::Identified(fields.text("from")?.to_owned()),
        "granted" => EventAtRest::Granted(fields.time("period")?),
        "unconfirmed" => EventAtRest::Unconfirmed(fields.time("period")?),
        "writable" => EventAtRest::Writable,
        _ => return Err(DecodeError::Field { field: "event" }),
    })
}
