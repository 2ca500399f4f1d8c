//! A session at rest as bytes, and back.
//!
//! Our own text form instead of a serialisation framework: the value is a secret that crosses trust boundaries (a page's storage, a shared
//! cache), so that the reader must be total and bounded and must know its version, and two hundred lines that do this need no dependency.
//! A first line names the form and its version; then come fields, `name length:bytes` and a line end each, in a fixed order; a group's bytes
//! are fields again. Times are milliseconds. What a later version adds it names in its first line; this one reads only itself.

use bytes::Bytes;
use xmpp_machine::{Clock, Moment};

use super::{
    Action, Config, Event, Pause,
    export::Exported,
    fields::{DecodeError, Encoder, Fields, element},
    outbox::Outbox,
    receive::{Answer, Parked},
    session::{Hint, Kind, Pending, Phase, Restart, Session, Way},
    terms::Terms,
};
use crate::{body::Body, keys::Chain, rid::Rid};

const FIRST_LINE: &[u8] = b"xmpp-web bosh session 1\n";

/// The most keys that an exported sequence may have left.
const KEYS: usize = 4096;
/// The most requests without an answer: the window, and what may be beyond it.
const PENDING: usize = 32;

impl Exported {
    /// The largest value that is read: queues, answers and requests at the bounds of a generous configuration.
    pub const MAX_BYTES: usize = 64 << 20;

    /// Writes it as bytes. They hold the session's secrets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self(session) = self;
        let rest = |at: Moment| at.since(session.now);
        let mut out = Encoder {
            out: FIRST_LINE.to_vec(),
        };
        out.number("generation", session.generation);
        out.group("config", |out| write_config(&session.config, out));
        out.group("terms", |out| write_terms(&session.terms, out));
        out.group("phase", |out| write_phase(&session.phase, session.now, out));
        out.group("restart", |out| match session.restart {
            Restart::None => out.text("is", "none"),
            Restart::Due => out.text("is", "due"),
            Restart::Sent(until) => {
                out.text("is", "sent");
                out.time("rest", rest(until));
            }
            Restart::Done => out.text("is", "done"),
        });
        out.option("from", session.from.as_deref());
        out.option("host", session.host.as_deref());
        out.number("exchanges", session.exchanges);
        out.number("next", session.next.get());
        out.number("acked", session.acked.get());
        out.group("doubled", |out| {
            for (rid, until) in &session.doubled {
                out.number("rid", rid.get());
                out.time("rest", rest(*until));
            }
        });
        out.group("pending", |out| {
            for pending in &session.pending {
                out.group("request", |out| write_pending(pending, out));
            }
        });
        out.elements("outbox", session.outbox.iter());
        out.flag("refused", session.outbox.is_blocked());
        out.group("keys", |out| {
            if let Some((seed, left)) = session.chain.as_ref().map(Chain::parts) {
                out.text("seed", seed);
                out.number("left", u64::try_from(left).unwrap_or_default());
            }
        });
        out.elements("skipped", session.skipped.iter());
        out.optional_time("lost", session.lost_at.map(rest));
        out.time("spaced", rest(session.spaced_until));
        out.optional_time("idle", session.idle_until.map(rest));
        out.optional_time("held", session.held_until.map(rest));
        out.optional_time("linger", session.terminal_until.map(rest));
        out.flag("fallen", session.fell_with_another);
        out.flag("must", session.must_send);
        out.number("quick", session.quick.into());
        out.number("refusals", session.refusals.into());
        out.group("events", |out| {
            for action in &session.actions {
                if let Action::Deliver(event) = action {
                    write_event(event, out);
                }
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
        let generation = fields.number("generation")?;
        let config = fields.group("config", read_config)?;
        // The seed and the clock are the importer's.
        let mut session = Session::with_clock(config, [0; 32], Clock::default());
        session.generation = generation;
        session.terms = fields.group("terms", read_terms)?;
        session.phase = fields.group("phase", read_phase)?;
        session.restart = fields.group("restart", |fields| {
            Ok(match fields.text("is")? {
                "none" => Restart::None,
                "due" => Restart::Due,
                "sent" => Restart::Sent(fields.moment("rest")?),
                "done" => Restart::Done,
                _ => return Err(DecodeError::Field { field: "restart" }),
            })
        })?;
        session.from = fields.option("from")?;
        session.host = fields.option("host")?;
        session.exchanges = fields.number("exchanges")?.min(u64::MAX / 2);
        session.next = Rid::new(fields.number("next")?);
        session.acked = Rid::new(fields.number("acked")?);
        session.doubled = fields.list("doubled", |fields| {
            Ok((Rid::new(fields.number("rid")?), fields.moment("rest")?))
        })?;
        let config = &session.config;
        session.pending = fields.list("pending", |fields| {
            fields.group("request", |fields| read_pending(fields, config))
        })?;
        let count = u64::try_from(session.pending.len()).unwrap_or(u64::MAX);
        for (place, pending) in (0..).zip(&mut session.pending) {
            pending.rid = session.next.minus(count).plus(place);
        }
        session.outbox = Outbox::from_parts(fields.elements("outbox")?, fields.flag("refused")?);
        let keys = fields.group("keys", |fields| {
            if fields.rest.is_empty() {
                return Ok(None);
            }
            let seed = fields.text("seed")?;
            let left = usize::try_from(fields.number("left")?).unwrap_or(usize::MAX);
            if left > KEYS {
                return Err(DecodeError::Field { field: "left" });
            }
            Ok(Some((seed, left)))
        })?;
        session.skipped = fields.elements("skipped")?;
        session.lost_at = fields.optional_moment("lost")?;
        session.spaced_until = fields.moment("spaced")?;
        session.idle_until = fields.optional_moment("idle")?;
        session.held_until = fields.optional_moment("held")?;
        session.terminal_until = fields.optional_moment("linger")?;
        session.fell_with_another = fields.flag("fallen")?;
        session.must_send = fields.flag("must")?;
        session.quick = fields.small("quick")?;
        session.refusals = fields.small("refusals")?;
        let terms = &session.terms;
        session.actions = fields.list("events", |fields| {
            read_event(fields, terms).map(Action::Deliver)
        })?;
        fields.end("end")?;
        check(&session)?;
        session.chain = keys.map(|(seed, left)| Chain::new(seed, left));
        Ok(Self(session))
    }
}

/// What the machine relies on.
fn check(session: &Session) -> Result<(), DecodeError> {
    let wrong = |field| Err(DecodeError::Field { field });
    let next = session.next.get();
    let count = u64::try_from(session.pending.len()).unwrap_or(u64::MAX);
    if session.pending.len() > PENDING {
        return wrong("pending");
    }
    if !(count + 1..=Rid::MAX).contains(&next) || session.acked >= session.next {
        return wrong("next");
    }
    let sent = match session.phase {
        Phase::Creating { .. } | Phase::Open | Phase::Paused { .. } | Phase::Over => None,
        Phase::Pausing { sent, .. } => sent.map(|(rid, _)| rid),
        Phase::Closing { sent, .. } => sent,
    };
    if sent.is_some_and(|sent| !(next - count..next).contains(&sent.get())) {
        return wrong("phase");
    }
    let is_creating = matches!(session.phase, Phase::Creating { .. });
    if is_creating != session.terms.sid.is_empty() || (is_creating && count > 0) {
        return wrong("sid");
    }
    let is_creation = |pending: &Pending| pending.kind == Kind::Creation;
    if session.pending.iter().any(is_creation) {
        return wrong("pending");
    }
    Ok(())
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

fn write_phase(phase: &Phase, now: Moment, out: &mut Encoder) {
    match phase {
        Phase::Creating { .. } => out.text("is", "creating"),
        Phase::Open => out.text("is", "open"),
        Phase::Pausing { period, sent } => {
            out.text("is", "pausing");
            out.time("period", *period);
            out.optional_number("rid", sent.map(|(rid, _)| rid.get()));
            out.optional_time("rest", sent.map(|(_, until)| until.since(now)));
        }
        Phase::Paused { period, until } => {
            out.text("is", "paused");
            out.time("period", *period);
            out.time("rest", until.since(now));
        }
        Phase::Closing { until, sent } => {
            out.text("is", "closing");
            out.time("rest", until.since(now));
            out.optional_number("rid", sent.map(Rid::get));
        }
        // It is not exported.
        Phase::Over => out.text("is", "over"),
    }
}

fn read_phase(fields: &mut Fields<'_>) -> Result<Phase, DecodeError> {
    Ok(match fields.text("is")? {
        "creating" => Phase::Creating {
            attempts: 0,
            due: Moment::FIRST,
        },
        "open" => Phase::Open,
        "pausing" => Phase::Pausing {
            period: fields.seconds("period")?,
            sent: fields
                .optional_number("rid")?
                .map(Rid::new)
                .zip(fields.optional_moment("rest")?),
        },
        "paused" => Phase::Paused {
            period: fields.seconds("period")?,
            until: fields.moment("rest")?,
        },
        "closing" => Phase::Closing {
            until: fields.moment("rest")?,
            sent: fields.optional_number("rid")?.map(Rid::new),
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

fn write_pending(pending: &Pending, out: &mut Encoder) {
    let kind = KINDS.iter().find(|(_, kind)| *kind == pending.kind);
    out.text("kind", kind.map_or("ordinary", |(name, _)| name));
    out.bytes("body", &pending.body);
    out.elements("payload", pending.payload.iter());
    match &pending.way {
        Way::Out(..) | Way::Again(_) => out.text("answer", "none"),
        Way::Answered(parked) => match parked.answer {
            Answer::Implied => out.text("answer", "implied"),
            Answer::Ordinary(_) | Answer::Terminal(_) => {
                out.text("answer", "document");
                out.bytes("document", &parked.document);
            }
        },
    }
    out.number("errors", pending.errors.into());
    out.number("garbage", pending.garbage.into());
    out.number("failures", pending.failures.into());
}

/// A request but for its rid, which follows from its place.
fn read_pending(fields: &mut Fields<'_>, config: &Config) -> Result<Pending, DecodeError> {
    let name = fields.text("kind")?;
    let kind = KINDS.iter().find(|(kind, _)| *kind == name);
    let now = Moment::FIRST;
    Ok(Pending {
        rid: Rid::LAST,
        kind: kind.ok_or(DecodeError::Field { field: "kind" })?.1,
        body: Bytes::copy_from_slice(fields.text("body")?.as_bytes()),
        payload: fields.elements("payload")?,
        way: match fields.text("answer")? {
            "none" => Way::Again(now),
            "implied" => Way::Answered(Box::new(Parked {
                answer: Answer::Implied,
                document: Bytes::new(),
            })),
            "document" => {
                let document = Bytes::copy_from_slice(fields.text("document")?.as_bytes());
                match Body::parse_from_server(document.clone(), &config.xml) {
                    Ok(body) => {
                        let answer = if body.is_terminate() {
                            Answer::Terminal(body)
                        } else {
                            Answer::Ordinary(body)
                        };
                        Way::Answered(Box::new(Parked { answer, document }))
                    }
                    // It was read before; should the value have been tampered with, it is asked for
                    // again.
                    Err(_) => Way::Again(now),
                }
            }
            _ => return Err(DecodeError::Field { field: "answer" }),
        },
        stale: Vec::new(),
        since: now,
        sent: now,
        broken: None,
        hint: Hint::None,
        errors: fields.small("errors")?,
        garbage: fields.small("garbage")?,
        failures: u32::try_from(fields.number("failures")?).unwrap_or(u32::MAX),
    })
}

fn write_event(event: &Event, out: &mut Encoder) {
    match event {
        Event::Opened(opened) => {
            out.text("is", "opened");
            out.option("from", opened.from.as_deref());
        }
        Event::Element(element) => {
            out.text("is", "element");
            out.bytes("element", element.raw());
        }
        Event::Restarted => out.text("is", "restarted"),
        Event::Host(host) => {
            out.text("is", "host");
            out.text("host", host);
        }
        Event::Identified(from) => {
            out.text("is", "identified");
            out.text("from", from);
        }
        Event::Paused(Pause::Granted(period)) => {
            out.text("is", "granted");
            out.time("period", *period);
        }
        Event::Paused(Pause::Unconfirmed(period)) => {
            out.text("is", "unconfirmed");
            out.time("period", *period);
        }
        Event::Writable => out.text("is", "writable"),
        // The session is not over.
        Event::Closed(_) => {}
    }
}

fn read_event(fields: &mut Fields<'_>, terms: &Terms) -> Result<Event, DecodeError> {
    Ok(match fields.text("is")? {
        "opened" => Event::Opened(terms.opened(fields.option("from")?)),
        "element" => Event::Element(element(fields.bytes("element")?)?),
        "restarted" => Event::Restarted,
        "host" => Event::Host(fields.text("host")?.to_owned()),
        "identified" => Event::Identified(fields.text("from")?.to_owned()),
        "granted" => Event::Paused(Pause::Granted(fields.time("period")?)),
        "unconfirmed" => Event::Paused(Pause::Unconfirmed(fields.time("period")?)),
        "writable" => Event::Writable,
        _ => return Err(DecodeError::Field { field: "event" }),
    })
}
