//! Stream management as a client does it (XEP-0198), beside a session: which stanzas have arrived, and how a stream goes on where another broke.
//!
//! It sends nothing itself: the application passes what it gives to [`Session::send`](super::Session::send). `location` in `<enabled/>` names a TCP
//! address and means nothing here: a client comes back to its WebSocket's URI.
//!
//! ```
//! use ws_framing::xmpp::{Management, Progress};
//! use xmpp_wire::{Element, XmlLimits, ns};
//!
//! let element = |xml: &'static str| Element::parse(xml.into(), &XmlLimits::default());
//! let mut management = Management::new(65_536);
//! assert!(management.enable().is("enable", ns::SM));
//! management.handle_received(&element("<enabled xmlns='urn:xmpp:sm:3' id='some' resume='true'/>")?);
//! management.handle_sent(&element("<message xmlns='jabber:client'/>")?);
//! // The connection breaks; another process goes on.
//! let state = management.export().expect("it can be resumed");
//! let mut management = Management::import(state, 65_536)?;
//! assert_eq!(management.resume().raw(), r#"<resume xmlns="urn:xmpp:sm:3" previd="some" h="0"/>"#);
//! let Progress::Resumed(again) = management.handle_received(&element("<resumed xmlns='urn:xmpp:sm:3' previd='some' h='0'/>")?) else { panic!() };
//! assert_eq!(again.len(), 1);
//! # Ok::<(), xmpp_wire::XmlError>(())
//! ```

use std::collections::VecDeque;

use xmpp_wire::{Element, XmlError, XmlLimits, ns};

/// One stream's management.
#[derive(Debug)]
pub struct Management {
    state: State,
    /// The session's id, where it can be resumed.
    id: Option<String>,
    /// Stanzas received, modulo 2^32.
    handled: u32,
    /// Stanzas that the server has acknowledged, modulo 2^32.
    acknowledged: u32,
    /// Those behind them, in order.
    unacknowledged: VecDeque<Element>,
    bytes: usize,
    most_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    /// `<enable/>` was sent: what is sent counts from now on.
    Asked,
    On,
    /// `<resume/>` was sent.
    Resuming,
}

/// What an element of the server's means.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Nothing to do.
    Nothing,
    /// The server asks: send this.
    Answer(Element),
    /// The stream goes on: send these again, which did not arrive (they are counted already).
    Resumed(Vec<Element>),
    /// Management, or the resumption, was refused. These did not arrive; after a failed resumption a new resource is bound, and the application
    /// decides about them.
    Refused(Vec<Element>),
    /// The server acknowledges more than was sent: end the stream (XEP-0198 §4).
    HandledCountTooHigh,
}

/// A stream that can be resumed, as plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumable {
    /// The id of `<enabled/>`; whoever knows it and can sign in takes the session.
    pub id: String,
    /// Stanzas received, modulo 2^32.
    pub handled: u32,
    /// Stanzas acknowledged, modulo 2^32.
    pub acknowledged: u32,
    /// The stanzas behind them, in order, each able to stand alone.
    pub unacknowledged: Vec<String>,
}

impl Management {
    /// None yet. It keeps stanzas of at most so many bytes until they are acknowledged.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            state: State::Off,
            id: None,
            handled: 0,
            acknowledged: 0,
            unacknowledged: VecDeque::new(),
            bytes: 0,
            most_bytes,
        }
    }

    /// Goes on where another management was exported; `resume` comes next.
    ///
    /// # Errors
    ///
    /// Where a stanza is none any more.
    pub fn import(state: Resumable, most_bytes: usize) -> Result<Self, XmlError> {
        let limits = XmlLimits::default().with_element_bytes(usize::MAX);
        let mut management = Self {
            id: Some(state.id),
            handled: state.handled,
            acknowledged: state.acknowledged,
            ..Self::new(most_bytes)
        };
        for stanza in state.unacknowledged {
            management.keep(Element::parse(stanza.into(), &limits)?);
        }
        Ok(management)
    }

    /// What another process needs to resume; `None` where nothing can be. Not after `<close/>` in either direction (RFC 7395 §3.6).
    pub fn export(&self) -> Option<Resumable> {
        let stanza = |stanza: &Element| String::from_utf8_lossy(stanza.raw()).into_owned();
        Some(Resumable {
            id: self.id.clone()?,
            handled: self.handled,
            acknowledged: self.acknowledged,
            unacknowledged: self.unacknowledged.iter().map(stanza).collect(),
        })
    }

    /// The request for management, once a resource is bound. Everything sent behind it counts.
    pub fn enable(&mut self) -> Element {
        self.state = State::Asked;
        Element::build("enable", ns::SM)
            .attribute("resume", "true")
            .finish()
    }

    /// The request to go on, in place of binding a resource.
    pub fn resume(&mut self) -> Element {
        self.state = State::Resuming;
        Element::build("resume", ns::SM)
            .attribute_if("previd", self.id.as_deref())
            .attribute("h", &self.handled.to_string())
            .finish()
    }

    /// The question how far the server is.
    pub fn ask(&self) -> Element {
        Element::build("r", ns::SM).finish()
    }

    /// How far we are: the answer to `<r/>`, and the last word before `<close/>`.
    pub fn answer(&self) -> Element {
        Element::build("a", ns::SM)
            .attribute("h", &self.handled.to_string())
            .finish()
    }

    /// Whether more may be sent before the server has acknowledged something.
    pub fn has_room(&self) -> bool {
        self.bytes < self.most_bytes
    }

    /// An element was sent; stanzas alone count.
    pub fn handle_sent(&mut self, element: &Element) {
        match self.state {
            State::Asked | State::On if element.is_stanza() => {
                self.keep(element.clone());
            }
            State::Asked | State::On | State::Off | State::Resuming => {}
        }
    }

    /// An element was received, and is being handled.
    pub fn handle_received(&mut self, element: &Element) -> Progress {
        if element.is_stanza() {
            if self.state == State::On {
                self.handled = self.handled.wrapping_add(1);
            }
            return Progress::Nothing;
        }
        let name = element.name();
        if name.namespace != ns::SM {
            return Progress::Nothing;
        }
        match (name.local, self.state) {
            ("enabled", State::Asked) => {
                self.state = State::On;
                let resume = element.attribute("resume");
                self.id = element
                    .attribute("id")
                    .filter(|_| matches!(resume.as_deref(), Some("true" | "1")))
                    .map(|id| id.into_owned());
                Progress::Nothing
            }
            ("resumed", State::Resuming) => {
                self.state = State::On;
                match self.acknowledge(element) {
                    Acknowledged::Fits => {
                        Progress::Resumed(self.unacknowledged.iter().cloned().collect())
                    }
                    Acknowledged::TooHigh => Progress::HandledCountTooHigh,
                }
            }
            ("failed", State::Asked | State::Resuming) => {
                // The server may say how far it came, also where nothing is resumed.
                let too_high = self.acknowledge(element) == Acknowledged::TooHigh;
                let lost = std::mem::take(&mut self.unacknowledged);
                *self = Self::new(self.most_bytes);
                if too_high {
                    Progress::HandledCountTooHigh
                } else {
                    Progress::Refused(lost.into())
                }
            }
            ("r", State::On) => Progress::Answer(self.answer()),
            ("a", State::On) => match self.acknowledge(element) {
                Acknowledged::Fits => Progress::Nothing,
                Acknowledged::TooHigh => Progress::HandledCountTooHigh,
            },
            _ => Progress::Nothing,
        }
    }

    fn keep(&mut self, stanza: Element) {
        self.bytes += stanza.raw().len();
        self.unacknowledged.push_back(stanza.detached());
    }

    /// Forgets what the server has; `h` counts modulo 2^32 (XEP-0198 §4).
    fn acknowledge(&mut self, element: &Element) -> Acknowledged {
        let Some(h) = element
            .attribute("h")
            .and_then(|h| h.trim().parse::<u32>().ok())
        else {
            return Acknowledged::Fits;
        };
        let count = usize::try_from(h.wrapping_sub(self.acknowledged)).unwrap_or(usize::MAX);
        if count > self.unacknowledged.len() {
            return Acknowledged::TooHigh;
        }
        self.acknowledged = h;
        for stanza in self.unacknowledged.drain(..count) {
            self.bytes -= stanza.raw().len();
        }
        Acknowledged::Fits
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acknowledged {
    Fits,
    TooHigh,
}
