//! The `content` attribute: which media types a client may ask for (B-R-007, B-R-008, B-R-026).

use super::Config;

/// A media type granted: the place of its spelling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    media: Media,
    charset: Charset,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Media {
    #[default]
    TextXml,
    ApplicationXml,
    TextPlain,
    TextHtml,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Charset {
    Unnamed,
    #[default]
    Utf8,
    Ascii,
    Latin1,
    Latin9,
    Windows1252,
}

/// The spellings of one media type, in the order of `Charset`.
macro_rules! spellings {
    ($media:literal) => {
        [
            $media,
            concat!($media, "; charset=utf-8"),
            concat!($media, "; charset=us-ascii"),
            concat!($media, "; charset=iso-8859-1"),
            concat!($media, "; charset=iso-8859-15"),
            concat!($media, "; charset=windows-1252"),
        ]
    };
}

/// In the order of `Media`.
const SPELLINGS: [[&str; 6]; 4] = [
    spellings!("text/xml"),
    spellings!("application/xml"),
    spellings!("text/plain"),
    spellings!("text/html"),
];

impl Content {
    /// The value of `Content-Type`.
    pub(super) fn as_str(self) -> &'static str {
        let media = match self.media {
            Media::TextXml => 0,
            Media::ApplicationXml => 1,
            Media::TextPlain => 2,
            Media::TextHtml => 3,
        };
        let charset = match self.charset {
            Charset::Unnamed => 0,
            Charset::Utf8 => 1,
            Charset::Ascii => 2,
            Charset::Latin1 => 3,
            Charset::Latin9 => 4,
            Charset::Windows1252 => 5,
        };
        let [media, ..] = SPELLINGS.get(media..).unwrap_or_default() else {
            return SPELLINGS[0][1];
        };
        media.get(charset).copied().unwrap_or(SPELLINGS[0][1])
    }

    /// Whether all that is not ASCII must be spelled as character references.
    pub(super) fn is_ascii(self) -> bool {
        match self.charset {
            Charset::Unnamed | Charset::Utf8 => false,
            Charset::Ascii | Charset::Latin1 | Charset::Latin9 | Charset::Windows1252 => true,
        }
    }

    /// The type to send for the one asked; `None` for whatever is not on the list, with any parameter but `charset`.
    pub(super) fn grant(content: &str, config: &Config) -> Option<Self> {
        // No trimming of other white space: CR and LF must not pass (TR-07).
        let (media, charset) = match content.split_once(';') {
            Some((media, parameter)) => {
                let (name, value) = parameter.trim_matches([' ', '\t']).split_once('=')?;
                let value = value
                    .strip_prefix('"')
                    .and_then(|value| value.strip_suffix('"'))
                    .unwrap_or(value);
                if !name.eq_ignore_ascii_case("charset") {
                    return None;
                }
                (media, charset(value)?)
            }
            None => (content, Charset::Unnamed),
        };
        let media = match media
            .trim_matches([' ', '\t'])
            .to_ascii_lowercase()
            .as_str()
        {
            "text/xml" => Media::TextXml,
            "application/xml" => Media::ApplicationXml,
            "text/plain" => Media::TextPlain,
            "text/html" if config.allow_html => Media::TextHtml,
            _ => return None,
        };
        let content = Self { media, charset };
        (!content.is_ascii() || config.ascii_charsets).then_some(content)
    }
}

fn charset(name: &str) -> Option<Charset> {
    Some(match name.to_ascii_lowercase().as_str() {
        "utf-8" => Charset::Utf8,
        "us-ascii" => Charset::Ascii,
        "iso-8859-1" => Charset::Latin1,
        "iso-8859-15" => Charset::Latin9,
        "windows-1252" => Charset::Windows1252,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(asked: &str, config: &Config) -> Option<&'static str> {
        Content::grant(asked, config).map(Content::as_str)
    }

    /// B-R-008.
    #[test]
    fn only_listed_types_are_granted() {
        let config = Config::default();
        for (asked, granted) in [
            ("text/xml; charset=utf-8", "text/xml; charset=utf-8"),
            ("text/xml;charset=\"UTF-8\"", "text/xml; charset=utf-8"),
            ("Text/Plain", "text/plain"),
            (
                "application/xml; charset=utf-8",
                "application/xml; charset=utf-8",
            ),
        ] {
            assert_eq!(grant(asked, &config), Some(granted));
        }
        for refused in [
            "",
            "text/html",
            "text/html; charset=utf-8",
            "text/xml; charset=iso-8859-1",
            "text/xml; charset=utf-8; x=y",
            "text/xml\r\nX: y",
            "text/xml\n",
            "text/xml\0",
            "image/svg+xml",
            "text/xml;",
            "tëxt/xml",
        ] {
            assert_eq!(grant(refused, &config), None, "{refused:?}");
        }
        let open = Config {
            allow_html: true,
            ..Config::default()
        };
        assert_eq!(grant("text/html", &open), Some("text/html"));
        assert_eq!(Content::default().as_str(), "text/xml; charset=utf-8");
    }

    #[test]
    fn ascii_compatible_charsets_are_granted_where_configured() {
        let config = Config {
            ascii_charsets: true,
            ..Config::default()
        };
        for charset in ["us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"] {
            let asked = format!("application/xml; charset={charset}");
            let granted = Content::grant(&asked, &config).expect("granted");
            assert_eq!(granted.as_str(), asked);
            assert!(granted.is_ascii());
        }
        assert_eq!(grant("text/xml; charset=utf-16", &config), None);
        assert_eq!(grant("text/xml; charset=ebcdic", &config), None);
    }
}
