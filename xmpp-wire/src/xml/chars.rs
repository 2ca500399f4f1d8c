//! Which characters may stand where (XML 1.0 §2.2, §2.3), as tables over bytes.

/// Ends or interrupts a run of text: `<`, `&`, `>`, a control character, or 0xEF (U+FFFE and U+FFFF begin with it).
pub(super) const TEXT_STOP: u8 = 1;
/// Ends or interrupts an attribute value: a quote, `<`, `&`, a control character (white space is normalised), or 0xEF.
pub(super) const VALUE_STOP: u8 = 2;
/// May begin a name.
pub(super) const NAME_START: u8 = 4;
/// May go on in a name.
pub(super) const NAME: u8 = 8;

/// The classes of each byte; bytes from 0x80 on are of no name class here, `name_char` decodes them.
pub(super) const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let b = byte as u8;
        let control = b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
        if control || matches!(b, b'<' | b'&' | b'>' | 0xEF) {
            table[byte] |= TEXT_STOP;
        }
        if b < 0x20 || matches!(b, b'<' | b'&' | b'"' | b'\'' | 0xEF) {
            table[byte] |= VALUE_STOP;
        }
        if b.is_ascii_alphabetic() || b == b'_' {
            table[byte] |= NAME_START | NAME;
        }
        if b.is_ascii_digit() || matches!(b, b'-' | b'.') {
            table[byte] |= NAME;
        }
        byte += 1;
    }
    table
}

/// XML's white space (XML 1.0 §2.3).
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether XML can carry this character at all (XML 1.0 §2.2).
pub(super) const fn is_char(c: u32) -> bool {
    matches!(c, 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x1_0000..=0x10_FFFF)
}

/// Whether a name may begin with this character, `:` apart (XML 1.0 §2.3).
pub(super) const fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// Whether a name may go on with this character, `:` apart.
pub(super) const fn is_name(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The length of the run at the front of `bytes` in which no byte is of `class`.
/// Whole blocks are judged without a branch, which the compiler turns into vector instructions.
pub(super) fn run(bytes: &[u8], class: u8) -> usize {
    let mut at = 0;
    loop {
        if class == TEXT_STOP {
            at += 32 * whole_blocks(bytes.get(at..).unwrap_or_default());
        }
        // A block may have been left for a line end: then the blocks behind it are worth another look.
        let rest = bytes.get(at..).unwrap_or_default();
        let block = rest.get(..32).unwrap_or(rest);
        let stop = block
            .iter()
            .position(|&b| CLASS[usize::from(b)] & class != 0);
        match stop {
            Some(stop) => return at + stop,
            None => at += block.len(),
        }
        if at >= bytes.len() {
            return at;
        }
    }
}

/// How many blocks of 32 bytes at the front hold nothing but printable text.
fn whole_blocks(bytes: &[u8]) -> usize {
    let blocks = bytes.chunks_exact(32);
    blocks
        .take_while(|block| {
            let stop = block.iter().fold(0, |stop, &b| {
                stop | u8::from(b < 0x20)
                    | u8::from(b == b'<')
                    | u8::from(b == b'&')
                    | u8::from(b == b'>')
                    | u8::from(b == 0xEF)
            });
            stop == 0
        })
        .count()
}

/// Decodes the character at the front of UTF-8 `bytes`; `None` where it is cut short.
pub(super) fn first_char(bytes: &[u8]) -> Option<char> {
    let length = match bytes.first()? {
        0x00..=0x7F => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    };
    std::str::from_utf8(bytes.get(..length)?)
        .ok()?
        .chars()
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_stop_at_their_class() {
        assert_eq!(run(b"plain text, tab\t and \r\n", TEXT_STOP), 23);
        let long = [b'a'; 100];
        assert_eq!(run(&long, TEXT_STOP), 100);
        for stop in [b'<', b'&', b'>', 0x01, 0xEF] {
            for at in 0..70 {
                let mut bytes = [b'a'; 70];
                bytes[at] = stop;
                assert_eq!(run(&bytes, TEXT_STOP), at);
            }
        }
        assert_eq!(run(b"it>s\"", VALUE_STOP), 4);
    }

    #[test]
    fn names_follow_the_productions() {
        assert!(
            is_name_start('é')
                && is_name_start('_')
                && !is_name_start('-')
                && !is_name_start('\u{D7}')
        );
        assert!(is_name('\u{B7}') && is_name('9') && !is_name('\u{F7}') && !is_name(':'));
    }

    #[test]
    fn characters_are_those_of_xml() {
        for (c, legal) in [
            (0, false),
            (1, false),
            (9, true),
            (0xB, false),
            (0x7F, true),
            (0xD800, false),
            (0xFFFD, true),
            (0xFFFE, false),
            (0xFFFF, false),
            (0x1_FFFE, true),
            (0x11_0000, false),
        ] {
            assert_eq!(is_char(c), legal, "{c:x}");
        }
    }
}
