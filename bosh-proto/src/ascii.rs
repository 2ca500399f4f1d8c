//! Bodies for charsets of which only ASCII is known (B-R-026).

/// Where in a document the scanner stands.
#[derive(Clone, Copy)]
enum Position {
    Text,
    Tag,
    Quoted(char),
    Section,
}

/// Spells a well-formed document in ASCII: other characters become references. `None` where that cannot be: in names.
pub(crate) fn spell(document: &str) -> Option<String> {
    let mut spelled = String::with_capacity(document.len() + document.len() / 2);
    let mut position = Position::Text;
    let mut rest = document.chars();
    while let Some(character) = rest.next() {
        if character.is_ascii() {
            spelled.push(character);
        } else {
            let reference = format!("&#{};", u32::from(character));
            match position {
                Position::Text | Position::Quoted(_) => spelled.push_str(&reference),
                Position::Section => {
                    spelled.push_str("]]>");
                    spelled.push_str(&reference);
                    spelled.push_str(SECTION);
                }
                Position::Tag => return None,
            }
        }
        position = match (position, character) {
            (Position::Text, '<') if rest.as_str().starts_with(&SECTION[1..]) => Position::Section,
            (Position::Text, '<') => Position::Tag,
            (Position::Tag, '>') => Position::Text,
            (Position::Tag, '\'' | '"') => Position::Quoted(character),
            (Position::Quoted(quote), _) if character == quote => Position::Tag,
            (Position::Section, '>') if spelled.ends_with("]]>") => Position::Text,
            (position, _) => position,
        };
    }
    Some(spelled)
}

const SECTION: &str = "<![CDATA[";

#[cfg(test)]
mod tests {
    use super::*;

    /// B-R-026.
    #[test]
    fn what_is_not_ascii_becomes_a_reference() {
        let spelled = spell("<a b='ö>'>€<![CDATA[x<ü>y]]>🙂</a>");
        assert_eq!(
            spelled.as_deref(),
            Some("<a b='&#246;>'>&#8364;<![CDATA[x<]]>&#252;<![CDATA[>y]]>&#128578;</a>")
        );
        assert_eq!(spell("<a/>").as_deref(), Some("<a/>"));
    }

    #[test]
    fn names_have_no_such_spelling() {
        assert_eq!(spell("<ö/>"), None);
        assert_eq!(spell("<a ö=''/>"), None);
        assert_eq!(spell("<a></ö>"), None);
    }
}
