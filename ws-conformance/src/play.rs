//! Plays one case: hands out what to send, and holds what comes back against what the case allows.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    Agreed, Answer, Case, Chop, Ending, Exchange, Frame, Reader, Subject,
    deflate::{Deflater, Inflater},
};

/// How much of a payload a report shows.
const SHOWN_BYTES: usize = 32;

/// What the subject did that the case does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl Mismatch {
    pub(crate) fn new(what: String) -> Self {
        Self(what)
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// A case under way. It moves no bytes itself: see the crate's example.
#[derive(Debug)]
pub struct Play {
    subject: Subject,
    exchanges: std::vec::IntoIter<Exchange>,
    chop: Chop,
    ending: Ending,
    reader: Reader,
    expected: VecDeque<Answer>,
    /// The subject's Close has come.
    closed: bool,
    codecs: Option<(Deflater, Inflater)>,
}

impl Play {
    /// The first exchange is next.
    pub fn new(case: &Case, subject: Subject) -> Self {
        let script = case.script();
        Self {
            subject,
            exchanges: script.exchanges.into_iter(),
            chop: script.chop,
            ending: script.ending,
            reader: Reader::new(subject),
            expected: VecDeque::new(),
            closed: false,
            codecs: None,
        }
    }

    /// With permessage-deflate, as the handshake agreed it.
    #[must_use]
    pub fn with_deflate(mut self, agreed: Agreed) -> Self {
        self.codecs = Some((Deflater::new(agreed.peer), Inflater::new(agreed.subject)));
        self
    }

    /// The pieces to send next; `None` when nothing is left to send. Each comes after all the answers to those before it.
    ///
    /// # Errors
    ///
    /// An answer is missing.
    pub fn advance(&mut self) -> Result<Option<Vec<Bytes>>, Mismatch> {
        if let Some(missing) = self.expected.front() {
            return Err(Mismatch(format!("not answered: {}", show(missing))));
        }
        if self.reader.is_inside_frame() {
            return Err(Mismatch("a frame that is not whole".to_owned()));
        }
        let Some(exchange) = self.exchanges.next() else {
            return Ok(None);
        };
        self.expected = exchange.expect.into();
        let mut pieces = Vec::new();
        let mut bytes = Vec::new();
        for outgoing in &exchange.send {
            let deflater = self.codecs.as_mut().map(|(deflater, _)| deflater);
            outgoing.write(self.subject, deflater, &mut bytes);
            if self.chop == Chop::Frames {
                pieces.push(std::mem::take(&mut bytes).into());
            }
        }
        let bytes = Bytes::from(bytes);
        match self.chop {
            Chop::Octets(size) => {
                let ends = (0..bytes.len()).step_by(size);
                pieces.extend(ends.map(|at| bytes.slice(at..bytes.len().min(at + size))));
            }
            Chop::Whole | Chop::Frames => pieces.push(bytes),
        }
        Ok(Some(pieces))
    }

    /// Whether every answer to what was sent has come.
    pub fn is_answered(&self) -> bool {
        self.expected.is_empty()
    }

    /// Whether the subject's Close frame has come.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// How the connection ends for the subject.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Bytes of the subject.
    ///
    /// # Errors
    ///
    /// A frame that is not the next answer.
    pub fn handle_answer(&mut self, bytes: &[u8]) -> Result<(), Mismatch> {
        self.reader.handle_input(bytes);
        while let Some(frame) = self.reader.next_frame()? {
            let expected = self.expected.pop_front();
            let frame = self.inflated(frame, expected.as_ref())?;
            let answer = answer(frame)?;
            if expected.as_ref() != Some(&answer) {
                return Err(Mismatch(format!(
                    "{} where {} was due",
                    show(&answer),
                    expected.as_ref().map_or("nothing".to_owned(), show)
                )));
            }
            self.closed |= matches!(answer, Answer::Close(_));
        }
        Ok(())
    }

    /// A compressed message, as long as the one that is due, as if it had not been compressed.
    fn inflated(&mut self, frame: Frame, expected: Option<&Answer>) -> Result<Frame, Mismatch> {
        let (Some((_, inflater)), 0xc1 | 0xc2, Some(Answer::Text(due) | Answer::Binary(due))) =
            (self.codecs.as_mut(), frame.first, expected)
        else {
            return Ok(frame);
        };
        Ok(Frame {
            first: frame.first & !0x40,
            payload: inflater.message(&frame.payload, due.len())?.into(),
        })
    }
}

fn answer(frame: Frame) -> Result<Answer, Mismatch> {
    match frame.first {
        0x81 => Ok(Answer::Text(frame.payload)),
        0x82 => Ok(Answer::Binary(frame.payload)),
        0x8a => Ok(Answer::Pong(frame.payload)),
        0x88 => match frame.payload.split_first_chunk::<2>() {
            None if frame.payload.is_empty() => Ok(Answer::Close(None)),
            Some((code, reason)) if std::str::from_utf8(reason).is_ok() => {
                Ok(Answer::Close(Some(u16::from_be_bytes(*code))))
            }
            _ => Err(Mismatch(format!("a Close frame of {:x?}", frame.payload))),
        },
        other => Err(Mismatch(format!("a frame that begins {other:02x}"))),
    }
}

fn show(answer: &Answer) -> String {
    let bytes = |name: &str, payload: &Bytes| {
        let shown = &payload[..payload.len().min(SHOWN_BYTES)];
        format!(
            "{name} of {} bytes \"{}\"",
            payload.len(),
            shown.escape_ascii()
        )
    };
    match answer {
        Answer::Text(payload) => bytes("a text", payload),
        Answer::Binary(payload) => bytes("a binary message", payload),
        Answer::Pong(payload) => bytes("a pong", payload),
        Answer::Close(code) => format!("Close {code:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Script;

    fn play(answers: &[&[u8]]) -> Result<(), Mismatch> {
        let case = Case::new("0", "a text and a close", || {
            Script::new().send(Frame::text("a")).text("a").close()
        });
        let mut play = Play::new(&case, Subject::Server);
        for answer in answers {
            assert!(play.advance()?.is_some());
            play.handle_answer(answer)?;
        }
        assert_eq!(play.advance()?, None);
        Ok(())
    }

    #[test]
    fn nothing_but_the_stated_answers_passes() {
        let (echo, close) = (b"\x81\x01a".as_slice(), b"\x88\x02\x03\xe8".as_slice());
        assert_eq!(play(&[echo, close]), Ok(()));
        for wrong in [
            [b"\x81\x01b".as_slice(), close],
            [b"\x82\x01a", close],
            [b"", close],
            [b"\x81\x01", close],
            [b"\x01\x01a", close],
            [b"\xc1\x01a", close],
            [b"\x81\x01a\x8a\x00", close],
            [echo, b"\x88\x00"],
            [echo, b"\x88\x02\x03\xe9"],
            [echo, b"\x88\x02\x03\xe8\x81\x00"],
            [echo, b"\x88\x03\x03\xe8\xff"],
        ] {
            play(&wrong).unwrap_err();
        }
    }
}
