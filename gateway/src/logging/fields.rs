//! How fields are written: so that no value of any crate can forge a field or a line.
//!
//! A value is written as it is where it is one plain word or one quoted string, else quoted and escaped. A message keeps its spaces and loses what no
//! line should have. Both are cut where they are long beyond reason.

use std::fmt;

use tracing_subscriber::{
    field::MakeExt as _,
    fmt::{
        FormatFields,
        format::{Writer, debug_fn},
    },
};

use super::untrusted::Untrusted;

/// Longest value, in characters; the longest of our own is a line of `serve::reports`.
const LONGEST: usize = 1_000;

/// The format of fields: `name=value`, the message without its name.
pub(crate) fn format() -> impl for<'a> FormatFields<'a> + Send + Sync + 'static {
    debug_fn(|writer, field, value| {
        let value = format!("{value:?}");
        if field.name() == "message" {
            return write_message(writer, &value);
        }
        let value = if is_quoted(&value) && value.chars().count() <= LONGEST {
            value
        } else {
            Untrusted::cut(&value, LONGEST).to_string()
        };
        if writer.has_ansi_escapes() {
            write!(
                writer,
                "\u{1b}[3m{field}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}"
            )
        } else {
            write!(writer, "{field}={value}")
        }
    })
    .delimited(" ")
}

/// Whether this is one string in quotes, as `Debug` writes it, and nothing else.
fn is_quoted(value: &str) -> bool {
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    let mut escaped = false;
    inner.is_some_and(|inner| {
        inner.chars().all(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            !ends && is_printable(c)
        }) && !escaped
    })
}

fn write_message(writer: &mut Writer<'_>, message: &str) -> fmt::Result {
    for c in message.chars() {
        if is_printable(c) {
            writer.write_char(c)?;
        } else {
            write!(writer, "{}", c.escape_debug())?;
        }
    }
    Ok(())
}

/// Neither a control character nor an invisible one.
fn is_printable(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged meanwhile, without time and level.
    fn logged(log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let sink = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(format())
            .with_writer(move || sink.clone())
            .with_target(false)
            .without_time()
            .with_level(false)
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn plain_and_quoted_values_are_written_as_they_are() {
        let line = logged(|| {
            let (text, word) = ("a \"b\" \\ c", "example.com");
            tracing::info!(number = 7, text, domain = %word, shown = ?Some(1), quoted = %Untrusted::new("a b"), "words of ours: {word}");
        });
        assert_eq!(
            line,
            "words of ours: example.com number=7 text=\"a \\\"b\\\" \\\\ c\" domain=example.com shown=Some(1) quoted=\"a b\"\n"
        );
    }

    #[test]
    fn values_that_would_forge_are_quoted_whoever_logs_them() {
        for (value, wanted) in [
            ("a source=192.0.2.1", r#"x="a source=192.0.2.1""#),
            ("\"a\" b=\"c\"", r#"x="\"a\" b=\"c\"""#),
            ("\"a\\", r#"x="\"a\\""#),
            ("\"a\\\"", r#"x="\"a\\\"""#),
            ("a\nINFO forged", r#"x="a\nINFO forged""#),
            ("\"\u{202e}\"", r#"x="\"\u{202e}\"""#),
            ("", r#"x="""#),
        ] {
            let line = logged(|| tracing::info!(x = %value, "m"));
            assert_eq!(line, format!("m {wanted}\n"));
        }
    }

    #[test]
    fn a_message_is_one_line() {
        let line = logged(|| tracing::info!("a\nb\u{1b}[31m\u{202e}c \"d\" x=1"));
        assert_eq!(line, "a\\nb\\u{1b}[31m\\u{202e}c \"d\" x=1\n");
    }

    #[test]
    fn long_values_are_cut() {
        let line = logged(|| tracing::info!(x = %"ä".repeat(5_000), "m"));
        assert_eq!(line, format!("m x={}…\n", "ä".repeat(LONGEST)));
    }
}
