//! What is wrong with a configuration, for the person who wrote it: where, what, and what is allowed.

use std::{fmt, ops::Range, path::Path};

use xmpp_machine::Proved as _;

/// A configuration that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Problem {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What the TOML reader refused.
    pub(crate) fn toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message();
        let mut said = format!("{}", file.display());
        if let Some(span) = error.span() {
            let line = Line::of(text, &span);
            said.push_str(&format!(":{}:{}: ", line.number, line.column));
            match line.key().filter(|_| !message.starts_with("unknown")) {
                Some(key) => said.push_str(&format!("{key}: {message}")),
                None => said.push_str(message),
            }
            if let Some(meant) = suggestion(message) {
                said.push_str(&format!("; did you mean `{meant}`?"));
            }
            said.push_str(&format!("\n  {} | {}", line.number, line.text.trim_end()));
        } else {
            said.push_str(&format!(": {message}"));
        }
        Self(said)
    }
}

/// A line of the file.
struct Line<'a> {
    number: usize,
    column: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn of(text: &'a str, span: &Range<usize>) -> Self {
        let at = span.start.min(text.len());
        let before = text.get(..at).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            number: before.matches('\n').count() + 1,
            column: before.proved(start..).chars().count() + 1,
            text: text.proved(start..).lines().next().unwrap_or_default(),
        }
    }

    /// The key that is set on this line.
    fn key(&self) -> Option<&'a str> {
        self.text.split_once('=').map(|(key, _)| key.trim())
    }
}

/// The allowed word nearest to the one that was written, from serde's "unknown field `x`, expected one of `a`, `b`".
fn suggestion(message: &str) -> Option<&str> {
    if !message.starts_with("unknown") {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let written = words.next()?;
    words
        .map(|word| (strsim::damerau_levenshtein(written, word), word))
        .filter(|(distance, word)| *distance <= 2.max(word.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}
