//! What a case is: a script of exchanges, and how the connection ends.

use std::fmt;

use bytes::Bytes;

use crate::{
    Frame, Subject,
    deflate::{Deflater, Request},
};

/// One conversation with an echo peer, and what is expected of it.
pub struct Case {
    /// Its number, as `6.4.2`.
    pub id: String,
    /// What is sent, in a few words.
    pub title: String,
    /// What is asked of the subject's compressor, the most wanted first; empty where compression is not spoken of.
    pub deflate: &'static [Request],
    script: Box<dyn Fn() -> Script + Send + Sync>,
}

impl Case {
    /// A case whose script is made when it is played: some hold 16 MiB.
    pub fn new(
        id: impl Into<String>,
        title: impl Into<String>,
        script: impl Fn() -> Script + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            deflate: &[],
            script: Box::new(script),
        }
    }

    /// The same with compression agreed, as asked for.
    #[must_use]
    pub fn with_deflate(mut self, requests: &'static [Request]) -> Self {
        self.deflate = requests;
        self
    }

    /// What is sent and expected.
    pub fn script(&self) -> Script {
        (self.script)()
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.title)
    }
}

/// The exchanges of a case, in order. Each waits for the answers of the one before it.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What is sent, and what has come back before anything else is sent.
    pub exchanges: Vec<Exchange>,
    /// How what is sent is cut on its way.
    pub chop: Chop,
    /// How it ends.
    pub ending: Ending,
}

/// Some frames, and the answers to them.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// Frames, or parts of frames.
    pub send: Vec<Outgoing>,
    /// Exactly these come back, in this order. Behind the subject's Close nothing does.
    pub expect: Vec<Answer>,
}

/// What is sent at once.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// Bytes of a frame's payload; the header belongs to the first.
    Part {
        /// The whole frame.
        frame: Frame,
        /// Where in its payload the part begins.
        from: usize,
        /// Where it ends.
        to: usize,
    },
    /// A message that is compressed as was agreed.
    Compressed {
        /// Text or binary.
        opcode: u8,
        /// The message before it is compressed.
        payload: Bytes,
        /// Bytes of a fragment of what it is compressed to; `None` sends one frame.
        fragment: Option<usize>,
    },
}

impl Outgoing {
    /// Appends it as the subject's peer writes it. Without an agreement a message leaves as it is.
    pub(crate) fn write(
        &self,
        subject: Subject,
        deflater: Option<&mut Deflater>,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::Part { frame, from: 0, to } if *to == frame.payload.len() => {
                frame.write(subject, out);
            }
            Self::Part { frame, from, to } => {
                let mut whole = Vec::new();
                frame.write(subject, &mut whole);
                let header = frame.header_length(subject);
                let start = if *from == 0 { 0 } else { header + from };
                out.extend_from_slice(&whole[start..header + to]);
            }
            Self::Compressed {
                opcode,
                payload,
                fragment,
            } => {
                let (payload, bits) = match deflater {
                    Some(deflater) => (deflater.message(payload).into(), 4),
                    None => (payload.clone(), 0),
                };
                let size = fragment.unwrap_or(payload.len());
                for (at, frame) in Frame::fragments(*opcode, &payload, size)
                    .into_iter()
                    .enumerate()
                {
                    let bits = if at == 0 { bits } else { 0 };
                    frame.reserved(bits).write(subject, out);
                }
            }
        }
    }
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A text message, in one frame, compressed or not where that was agreed.
    Text(Bytes),
    /// A binary message, likewise.
    Binary(Bytes),
    /// A pong.
    Pong(Bytes),
    /// A Close frame with this code, and any reason that is UTF-8; without a code it is empty.
    Close(Option<u16>),
}

/// How what is sent is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chop {
    /// Not at all: all frames of an exchange at once.
    #[default]
    Whole,
    /// Frame by frame.
    Frames,
    /// Into pieces of this many bytes.
    Octets(usize),
}

/// How the connection ends for the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its peer closes with this code (1005 where it gives none), which is answered.
    Clean(u16),
    /// It fails the connection with this code (RFC 6455 §7.1.7).
    Failed(u16),
}

impl Default for Ending {
    fn default() -> Self {
        Self::Clean(1000)
    }
}

impl Script {
    /// A script without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends a frame; behind an answer, in the next exchange.
    #[must_use]
    pub fn send(self, frame: Frame) -> Self {
        let to = frame.payload.len();
        self.part(frame, 0, to)
    }

    /// Sends these frames, one after the other.
    #[must_use]
    pub fn send_all(self, frames: impl IntoIterator<Item = Frame>) -> Self {
        frames.into_iter().fold(self, Self::send)
    }

    /// Sends the bytes of a frame's payload from one place to another, behind the header where they are the first.
    #[must_use]
    pub fn part(self, frame: Frame, from: usize, to: usize) -> Self {
        self.outgoing(Outgoing::Part { frame, from, to })
    }

    /// Sends a compressed message.
    #[must_use]
    pub fn compressed(self, opcode: u8, payload: Bytes, fragment: Option<usize>) -> Self {
        self.outgoing(Outgoing::Compressed {
            opcode,
            payload,
            fragment,
        })
    }

    fn outgoing(mut self, outgoing: Outgoing) -> Self {
        if self
            .exchanges
            .last()
            .is_none_or(|exchange| !exchange.expect.is_empty())
        {
            self.exchanges.push(Exchange::default());
        }
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.send.push(outgoing);
        }
        self
    }

    /// Expects an answer to what was sent so far.
    #[must_use]
    pub fn expect(mut self, answer: Answer) -> Self {
        if let Some(exchange) = self.exchanges.last_mut() {
            exchange.expect.push(answer);
        }
        self
    }

    /// Expects that nothing comes back.
    #[must_use]
    pub fn silence(mut self) -> Self {
        self.exchanges.push(Exchange::default());
        self
    }

    /// Expects the same text.
    #[must_use]
    pub fn text(self, text: impl Into<Bytes>) -> Self {
        self.expect(Answer::Text(text.into()))
    }

    /// Expects the same bytes.
    #[must_use]
    pub fn binary(self, bytes: impl Into<Bytes>) -> Self {
        self.expect(Answer::Binary(bytes.into()))
    }

    /// Expects a pong.
    #[must_use]
    pub fn pong(self, payload: impl Into<Bytes>) -> Self {
        self.expect(Answer::Pong(payload.into()))
    }

    /// Closes with 1000, which is answered.
    #[must_use]
    pub fn close(self) -> Self {
        self.send(Frame::close(1000, b"")).closed(Some(1000))
    }

    /// Expects the answer to a Close frame with this code.
    #[must_use]
    pub fn closed(mut self, code: Option<u16>) -> Self {
        self.ending = Ending::Clean(code.unwrap_or(1005));
        self.expect(Answer::Close(code))
    }

    /// Expects that the subject fails the connection.
    #[must_use]
    pub fn fails(mut self, code: u16) -> Self {
        self.ending = Ending::Failed(code);
        self.expect(Answer::Close(Some(code)))
    }

    /// Cuts what is sent.
    #[must_use]
    pub fn chop(mut self, chop: Chop) -> Self {
        self.chop = chop;
        self
    }
}
