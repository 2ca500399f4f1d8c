//! What answers carry: elements for the application, and the few that the transport knows itself (B-X-025).

use xmpp_wire::{Element, NestedElement, StreamError, ns};

use super::{
    Cause, Event, Reason, Redirect,
    session::{Kind, Pending, Phase, Restart, Session},
};
use crate::{Condition, body::Body};

/// Bounds of a redirect's target.
const URI_BYTES: usize = 2048;
const TARGET_BYTES: usize = 1023;

impl Session {
    /// Delivers the elements of an ordinary answer, and says whether there were any.
    pub(super) fn take_payloads(&mut self, request: &Pending, body: Body) -> bool {
        let is_echo = body.attribute("rid").is_some();
        let mut has_payload = false;
        for element in body.elements {
            // An answer with a `rid` is an echo of the request, and so may its payloads be (TR-18).
            if is_echo && is_echoed(&element, &request.payload) {
                continue;
            }
            has_payload = true;
            if element.is("stream", ns::STREAM) {
                // Streams are the connection manager's business (B-X-009).
                self.terminate(Cause::Fault, Some(Reason::StreamElement), None);
                return true;
            }
            if is_stream_error(&element) {
                let (error, redirect) = stream_error(&element);
                self.terminate(Cause::StreamError(Some(error)), None, redirect);
                return true;
            }
            self.take_element(&element);
        }
        has_payload
    }

    fn take_element(&mut self, element: &NestedElement) {
        let element = adopt(element);
        if self.input_held {
            self.held_bytes = self.held_bytes.saturating_add(element.raw().len());
        }
        if element.is("features", ns::STREAM) && matches!(self.restart, Restart::Sent(_)) {
            // In whichever answer they come (B-X-022).
            self.restart = Restart::Done;
            self.deliver(Event::Restarted);
        }
        // SASL2 continues on the same stream (XEP-0388), and what succeeds once cannot succeed again.
        if element.is("success", ns::SASL)
            && self.phase == Phase::Open
            && self.restart == Restart::None
        {
            self.restart = Restart::Due;
        }
        self.deliver(Event::Element(element));
    }

    /// A terminal answer: what it carries is delivered first (B-R-138, B-X-028).
    pub(super) fn take_terminal(&mut self, request: Pending, body: Body) {
        let name = body
            .attribute("condition")
            .map(std::borrow::Cow::into_owned);
        let condition = name.as_deref().map(|name| {
            // A condition that we do not know is undefined to us.
            Condition::from_wire(name).unwrap_or(Condition::UndefinedCondition)
        });
        let mut details = Vec::new();
        let is_ours = matches!(self.phase, Phase::Closing { .. });
        for element in body.elements {
            let name = element.name();
            let is_stanza = matches!(name.local, "message" | "presence" | "iq");
            let is_detail = is_stream_error(&element)
                || name.namespace == ns::STREAM_ERRORS
                || (name.namespace == ns::HTTPBIND && !is_stanza);
            if is_detail {
                details.push(element);
            } else {
                self.take_element(&element);
            }
        }
        let (cause, redirect) = match condition {
            _ if is_ours => (Cause::Ours, None),
            None if details.iter().any(is_stream_error) => read_stream_error(&details),
            None => (Cause::Terminated, None),
            Some(Condition::RemoteStreamError) => read_stream_error(&details),
            Some(Condition::SeeOtherUri) => {
                let uri = details
                    .iter()
                    .find(|element| element.name().local == "uri")
                    .map(|element| element.text().trim().to_owned());
                let uri = uri.filter(|uri| !uri.is_empty() && uri.len() <= URI_BYTES);
                (
                    Cause::Condition(Condition::SeeOtherUri),
                    uri.map(Redirect::Uri),
                )
            }
            Some(condition) => (Cause::Condition(condition), None),
        };
        let acked = self.acked;
        let crosses = |pending: &Pending| {
            pending.kind == Kind::Terminate && pending.rid > acked && !pending.payload.is_empty()
        };
        if is_ours
            && matches!(condition, None | Some(Condition::OtherRequest))
            && self.pending.iter().any(crosses)
        {
            // The end is told on what was held as well, as Prosody and ejabberd do: whether our last request was taken is told by its own answer.
            if condition.is_none() {
                self.acked = self.acked.max(request.rid);
            } else if request.rid > acked {
                self.skipped.extend(request.payload);
            }
            return self.await_missing_answers();
        }
        // The answer to our own last request, or an end without a fault, shows that what came before was taken. A fault shows nothing.
        if is_ours && (condition.is_none() || request.kind == Kind::Terminate) {
            self.acked = self.acked.max(request.rid);
        }
        if request.rid > self.acked {
            self.skipped.extend(request.payload);
        }
        if cause == Cause::Condition(Condition::OtherRequest) && !self.pending.is_empty() {
            self.fell_with_another = true;
            self.await_missing_answers();
            return;
        }
        self.end(cause, None, redirect);
    }
}

/// Stanzas in `jabber:client`, even where the peer left their namespace out (B-X-004); everything stands alone (B-R-028).
fn adopt(element: &NestedElement) -> Element {
    let name = element.name();
    let is_stanza = matches!(name.local, "message" | "presence" | "iq");
    match name.namespace {
        ns::HTTPBIND if is_stanza => element
            .adopt(ns::HTTPBIND, ns::CLIENT)
            .standalone_with_lang(),
        "" if is_stanza => element.adopt("", ns::CLIENT).standalone_with_lang(),
        ns::CLIENT if is_stanza => element.standalone_with_lang(),
        _ => element.standalone(),
    }
}

/// Whether an element is among those sent, which were made to stand alone.
fn is_echoed(element: &NestedElement, sent: &[Element]) -> bool {
    sent.iter()
        .any(|other| other.raw() == element.raw() || other.raw() == element.standalone().raw())
}

/// `<stream:error/>`, or the same without the prefix (B-X-028).
fn is_stream_error(element: &NestedElement) -> bool {
    let name = element.name();
    name.local == "error" && matches!(name.namespace, ns::STREAM | ns::HTTPBIND | "")
}

/// The stream error among a terminal answer's details: whole, or only its children, or none at all (B-X-028).
fn read_stream_error(details: &[NestedElement]) -> (Cause, Option<Redirect>) {
    let whole = details.iter().find(|element| is_stream_error(element));
    let error = whole.cloned().or_else(|| {
        let children: Vec<_> = details
            .iter()
            .filter(|element| element.name().namespace == ns::STREAM_ERRORS)
            .collect();
        (!children.is_empty()).then(|| {
            children
                .into_iter()
                .fold(
                    Element::build("stream:error", ns::STREAM),
                    |error, child| error.child(child.standalone()),
                )
                .finish()
                .into()
        })
    });
    match error {
        Some(element) => {
            let (error, redirect) = stream_error(&element);
            (Cause::StreamError(Some(error)), redirect)
        }
        None => (Cause::StreamError(None), None),
    }
}

fn stream_error(element: &NestedElement) -> (StreamError, Option<Redirect>) {
    let host = element
        .child("see-other-host", ns::STREAM_ERRORS)
        .map(|child| child.text().trim().to_owned())
        .filter(|host| !host.is_empty() && host.len() <= TARGET_BYTES);
    (StreamError::from_element(element), host.map(Redirect::Host))
}
