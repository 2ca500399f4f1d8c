//! Which characters may stand where (XML 1.0 §2.2, §2.3), as tables over bytes.

use xmpp_machine::Proved as _;

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

/// How long valid UTF-8 goes on, and the error behind it.
pub(super) fn utf8(bytes: &[u8]) -> Result<(), std::str::Utf8Error> {
    if bytes.is_ascii() {
        return Ok(());
    }
    std::str::from_utf8(bytes).map(|_| ())
}

/// A byte in each place of a word.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Eight bytes, the first one lowest.
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*eight))
}

/// The place of the lowest mark (the top bit of a byte).
fn lowest(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// The length of the text at the front: up to a byte of `TEXT_STOP`.
///
/// Words at a time: subtracting from a byte borrows into its top bit where the byte was too small, and from the next byte only
/// behind such a one, so that the lowest mark is always right.
pub(super) fn text_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    let mut plain = 0;
    while let Some(x) = word(bytes, at) {
        let low = x.wrapping_sub(each(0x20));
        let angle = ((x | each(2)) ^ each(b'>')).wrapping_sub(each(1));
        let ampersand = (x ^ each(b'&')).wrapping_sub(each(1));
        let marks = (low | angle | ampersand | x) & each(0x80);
        if marks == 0 {
            at += 8;
            plain += 8;
            if plain == 32 {
                at += long_text(bytes.proved(at..));
                plain = 0;
            }
            continue;
        }
        at += lowest(marks);
        match bytes.get(at) {
            Some(b'\t' | b'\n' | b'\r') => at += 1,
            Some(0x80..) => break,
            Some(_) | None => return at,
        }
        plain = 0;
    }
    at + run(bytes.proved(at..), TEXT_STOP)
}

/// The length of printable ASCII text at the front, not always to its end. The window bounds what is searched in vain before each
/// line end.
fn long_text(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = bytes.proved(at..);
        let window = rest.get(..1024).unwrap_or(rest);
        let found = memchr::memchr3(b'<', b'&', b'>', window);
        let text = window.proved(..found.unwrap_or(window.len()));
        // As signed bytes those from 0x80 on are below 0x20 too.
        let low = |block: &[u8]| {
            let low = block
                .iter()
                .fold(0, |low, &b| low | u8::from((b as i8) < 0x20));
            low != 0
        };
        let blocks = text.chunks_exact(64);
        let tail = blocks.remainder();
        for block in blocks {
            if low(block) {
                return at;
            }
            at += block.len();
        }
        if low(tail) {
            return at;
        }
        at += tail.len();
        if found.is_some() || window.len() < 1024 {
            return at;
        }
    }
}

/// The length of the part of a value at the front that says what is written: up to `quote` or another byte of `VALUE_STOP`.
pub(super) fn value_run(bytes: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while let Some(x) = word(bytes, at) {
        let low = x.wrapping_sub(each(0x20));
        let angle = (x ^ each(b'<')).wrapping_sub(each(1));
        let ampersand = (x ^ each(b'&')).wrapping_sub(each(1));
        let quotes = (x ^ each(quote)).wrapping_sub(each(1));
        let marks = (low | angle | ampersand | quotes | x) & each(0x80);
        if marks == 0 {
            at += 8;
            continue;
        }
        at += lowest(marks);
        if bytes.get(at).is_some_and(|&b| b < 0x80) {
            return at;
        }
        break;
    }
    at + run(bytes.proved(at..), VALUE_STOP)
}

/// How many of the eight bytes at `at` are small letters before one that is not: most names are of these alone. None near the end.
#[inline(always)]
pub(super) fn letters(bytes: &[u8], at: usize) -> usize {
    word(bytes, at).map_or(0, |x| {
        let seven = x & each(0x7F);
        let from_a = seven + each(0x80 - b'a');
        let behind_z = seven + each(0x7F - b'z');
        lowest(!(from_a & !behind_z & !x) & each(0x80))
    })
}

/// The length of the run at the front of `bytes` in which no byte is of `class`.
/// Whole blocks are judged without a branch, which the compiler turns into vector instructions.
fn run(bytes: &[u8], class: u8) -> usize {
    let mut at = 0;
    loop {
        if class == TEXT_STOP {
            at += 32 * whole_blocks(bytes.proved(at..));
        }
        // A block may have been left for a line end: then the blocks behind it are worth another look.
        let rest = bytes.proved(at..);
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
    fn words_stop_where_bytes_do() {
        // Every byte at every place of a word and behind a long run, before others of its kind.
        for byte in 0..=255_u8 {
            for at in [0, 1, 2, 3, 4, 5, 6, 7, 8, 31, 32, 70, 600] {
                for next in [byte, b'a', 0x01, b'<', 0xEF] {
                    let mut bytes = vec![b'a'; at];
                    bytes.extend([byte, next]);
                    bytes.extend([b'a'; 9]);
                    let first = |class: u8| {
                        let stop = |b: &u8| CLASS[usize::from(*b)] & class != 0;
                        bytes.iter().position(stop).unwrap_or(bytes.len())
                    };
                    assert_eq!(text_run(&bytes), first(TEXT_STOP), "text {byte:x} {at}");
                    let front = bytes.iter().take(8);
                    let letters = front.take_while(|b| b.is_ascii_lowercase()).count();
                    assert_eq!(super::letters(&bytes, 0), letters, "letters {byte:x} {at}");
                    for quote in [b'"', b'\''] {
                        let stop = value_run(&bytes, quote);
                        let other = |b: u8| matches!(b, b'"' | b'\'') && b != quote;
                        let passed = &bytes[first(VALUE_STOP).min(stop)..stop];
                        assert!(
                            passed.iter().all(|&b| other(b)
                                || b < 0x80
                                    && b != quote
                                    && CLASS[usize::from(b)] & VALUE_STOP == 0),
                            "value {byte:x} {at}"
                        );
                        let held = CLASS[usize::from(bytes.get(stop).copied().unwrap_or(b'<'))];
                        assert!(held & VALUE_STOP != 0, "value {byte:x} {at}");
                    }
                }
            }
        }
    }

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
