//! What is compressed: five kinds of content, made up from a seed.

use std::{fmt::Write, sync::OnceLock};

use bytes::Bytes;

use crate::Cuts;

/// More than any message, so that messages differ.
const CORPUS_BYTES: usize = 400_000;

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Bitmap,
    German,
    Html,
    Pdf,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Json,
        Self::Bitmap,
        Self::German,
        Self::Html,
        Self::Pdf,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Bitmap => "bitmap",
            Self::German => "German text",
            Self::Html => "HTML",
            Self::Pdf => "PDF",
        }
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Json | Self::German | Self::Html)
    }

    /// Messages of `size` bytes, each from another place.
    pub(crate) fn messages(self, size: usize, count: usize) -> Vec<Bytes> {
        static CORPORA: [OnceLock<Bytes>; 5] = [const { OnceLock::new() }; 5];
        let corpus = CORPORA[self as usize].get_or_init(|| self.corpus().into());
        let mut places = Cuts::new(size as u64);
        (0..count)
            .map(|_| {
                let from = places.below(corpus.len() - size);
                if self.is_text() {
                    whole_characters(&corpus[from..from + size])
                } else {
                    corpus.slice(from..from + size)
                }
            })
            .collect()
    }

    fn corpus(self) -> Vec<u8> {
        let mut random = Cuts::new(self as u64);
        let mut out = Vec::with_capacity(CORPUS_BYTES + 1000);
        while out.len() < CORPUS_BYTES {
            match self {
                Self::Json => out.extend_from_slice(record(&mut random).as_bytes()),
                Self::Bitmap => row(&mut random, &mut out),
                Self::German => out.extend_from_slice(sentence(&mut random).as_bytes()),
                Self::Html => out.extend_from_slice(paragraph(&mut random).as_bytes()),
                Self::Pdf => object(&mut random, &mut out),
            }
        }
        out
    }
}

/// The same length, with spaces where a character was cut.
fn whole_characters(part: &[u8]) -> Bytes {
    let mut part = part.to_vec();
    for byte in part.iter_mut().take_while(|byte| **byte & 0xc0 == 0x80) {
        *byte = b' ';
    }
    if let Err(cut) = std::str::from_utf8(&part) {
        let end = cut.valid_up_to();
        part[end..].fill(b' ');
    }
    part.into()
}

const WORDS: [&str; 24] = [
    "Straße",
    "Brücke",
    "größer",
    "Käse",
    "und",
    "der",
    "die",
    "das",
    "fährt",
    "über",
    "Fluss",
    "Wagen",
    "schön",
    "Mädchen",
    "läuft",
    "früh",
    "nicht",
    "weiß",
    "Nachricht",
    "Verbindung",
    "Übung",
    "Öl",
    "möglich",
    "heißt",
];

fn word(random: &mut Cuts) -> &'static str {
    WORDS[random.below(WORDS.len())]
}

fn sentence(random: &mut Cuts) -> String {
    let mut text = String::new();
    for _ in 0..5 + random.below(12) {
        text += word(random);
        text.push(' ');
    }
    text + "– fertig.\n"
}

fn record(random: &mut Cuts) -> String {
    let (id, name, score) = (random.below(100_000), word(random), random.below(1_000_000));
    let active = random.below(2) == 0;
    format!(
        "{{\"id\":{id},\"name\":\"{name}\",\"score\":{}.{:03},\"active\":{active},\"tags\":[\"{}\",\"{}\"]}},\n",
        score / 1000,
        score % 1000,
        word(random),
        word(random)
    )
}

fn paragraph(random: &mut Cuts) -> String {
    let mut text = String::new();
    let class = random.below(8);
    let _infallible = write!(
        text,
        "<div class=\"part part-{class}\">\n  <p>{}</p>\n  <a href=\"/{}\">{}</a>\n</div>\n",
        sentence(random).trim_end(),
        word(random),
        word(random)
    );
    text
}

/// A row of pixels: runs of one colour, and a gradient.
fn row(random: &mut Cuts, out: &mut Vec<u8>) {
    for _ in 0..8 {
        let colour = [random.below(256), random.below(256), random.below(256)];
        for _ in 0..4 + random.below(40) {
            out.extend(colour.map(|channel| channel as u8));
        }
    }
    out.extend((0..=255).step_by(3).map(|level: u16| level as u8));
}

/// A little syntax around a stream that does not compress.
fn object(random: &mut Cuts, out: &mut Vec<u8>) {
    let (number, length) = (random.below(10_000), 200 + random.below(1500));
    out.extend_from_slice(
        format!("{number} 0 obj\n<< /Length {length} /Filter /FlateDecode >>\nstream\n").as_bytes(),
    );
    out.extend((0..length).map(|_| random.below(256) as u8));
    out.extend_from_slice(b"\nendstream\nendobj\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_text_and_sizes_are_kept() {
        for kind in Kind::ALL {
            for size in [16, 4096, 131_072] {
                let messages = kind.messages(size, 5);
                assert!(messages[0] != messages[1]);
                for message in messages {
                    assert_eq!(message.len(), size);
                    assert!(!kind.is_text() || std::str::from_utf8(&message).is_ok());
                }
            }
        }
    }
}
