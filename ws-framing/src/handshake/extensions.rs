//! `Sec-WebSocket-Extensions` (RFC 6455 §9.1): extensions, each with parameters whose values are tokens, quoted or not.

use std::borrow::Cow;

use super::is_token;

/// One element of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a str,
    pub(crate) parameters: Vec<Parameter<'a>>,
}

/// `name`, or `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Option<Cow<'a, str>>,
}

/// The elements of every line, in order; `None` where one does not follow the grammar. Empty elements are skipped.
pub(crate) fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<Extension<'a>>> {
    let mut extensions = Vec::new();
    for line in lines {
        let mut rest = Cursor(std::str::from_utf8(line).ok()?);
        while !rest.at_end() {
            if !rest.take(',') {
                extensions.push(rest.extension()?);
                if !rest.at_end() && !rest.take(',') {
                    return None;
                }
            }
        }
    }
    Some(extensions)
}

/// What is left of a line. White space may stand between any two of its parts.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    fn take(&mut self, separator: char) -> bool {
        self.skip_space();
        let rest = self.0.strip_prefix(separator);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn extension(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.take(';') {
            parameters.push(self.parameter()?);
        }
        Some(Extension { name, parameters })
    }

    fn parameter(&mut self) -> Option<Parameter<'a>> {
        let name = self.token()?;
        let value = if !self.take('=') {
            None
        } else if self.take('"') {
            Some(self.quoted()?)
        } else {
            Some(self.token()?.into())
        };
        Some(Parameter { name, value })
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let end = self
            .0
            .find(|c: char| !c.is_ascii() || !is_token(&[c as u8]))
            .unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        is_token(token.as_bytes()).then_some(token)
    }

    /// Behind the opening quote; what it stands for has to be a token too.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let mut value = String::new();
        let mut characters = self.0.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = self.0.get(at + 1..)?;
                    return is_token(value.as_bytes()).then_some(Cow::Owned(value));
                }
                '\\' => value.push(characters.next()?.1),
                _ => value.push(character),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Vec<String>> {
        let show = |extension: Extension<'_>| {
            let parameters = extension.parameters.iter().map(|parameter| {
                let value = parameter.value.as_deref();
                format!(
                    ";{}{}",
                    parameter.name,
                    value.map_or(String::new(), |value| format!("={value}"))
                )
            });
            extension.name.to_owned() + &parameters.collect::<String>()
        };
        Some(
            parse([line.as_bytes()])?
                .into_iter()
                .map(show)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn tokens_quotes_and_white_space() {
        for (line, expected) in [
            ("a", &["a"][..]),
            ("", &[]),
            (" , a ,, b ; x ;y = 1,", &["a", "b;x;y=1"]),
            (r#"a; x="1\0"; y, b"#, &["a;x=10;y", "b"]),
        ] {
            assert_eq!(read(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_list_of_extensions() {
        for line in [
            "a;",
            "a; ;",
            "a b",
            "a; x=",
            "a; =1",
            "a; x=1 2",
            r#"a; x=""#,
            r#"a; x="1,2""#,
            r#"a; x="""#,
            r#"a; x="1\"#,
            "a; x=\u{e9}",
            "a/b",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
        assert_eq!(parse([&b"a\xff"[..]]), None);
    }
}
