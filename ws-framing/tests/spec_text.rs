//! Text in pieces, held against std: no shortcut for ASCII, for whole frames or for fragments may skip a byte (RFC 6455 §8.1).

use ws_framing::{
    CloseCode, Connection,
    connection::{Cause, Config},
};

use crate::support::{KEY, Rig, hex, masked, unmasked};

/// What the pieces are made of: ASCII short and longer than the blocks that are unmasked at once, whole characters, their halves, and bytes that no
/// UTF-8 has. `c3` + `abc` + `a9` is a character around ASCII.
fn alphabet() -> Vec<Vec<u8>> {
    let mut pieces = vec![vec![b'x'; 64], vec![b'x'; 130]];
    let written = [
        "", "616263", "c3", "a9", "c3a9", "e2", "e282", "82ac", "ac", "f09f", "9880", "80", "61c3",
        "a961", "6180", "a9ff", "ff", "ed", "a080",
    ];
    pieces.extend(written.map(hex));
    pieces
}

/// Every sequence of three pieces.
fn sequences() -> impl Iterator<Item = [Vec<u8>; 3]> {
    let all = alphabet();
    let count = all.len();
    (0..count.pow(3)).map(move |number| {
        [number, number / count, number / count / count].map(|at| all[at % count].clone())
    })
}

/// Those that are reads: nothing comes in an empty one.
fn sequences_of_reads() -> impl Iterator<Item = [Vec<u8>; 3]> {
    sequences().filter(|pieces| pieces.iter().all(|piece| !piece.is_empty()))
}

/// What std says of the pieces: in which of them the first impossible byte is, or the end of a cut character.
fn bad_piece(pieces: &[Vec<u8>]) -> Option<usize> {
    let mut text = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        text.extend_from_slice(piece);
        let is_last = at + 1 == pieces.len();
        if let Err(error) = std::str::from_utf8(&text)
            && (is_last || error.error_len().is_some())
        {
            return Some(at);
        }
    }
    None
}

/// Feeds the reads, and wants what std says of the pieces in them: one message behind the last, or 1007 behind the first that is bad.
fn check(mut rig: Rig<Connection>, reads: &[Vec<u8>], pieces: &[Vec<u8>], how: &str) {
    let bad = bad_piece(pieces);
    for (at, read) in reads.iter().enumerate() {
        rig.feed(read);
        let (messages, closed) = rig.events();
        if bad == Some(at) {
            assert!(messages.is_empty(), "{how}: {pieces:x?} is delivered");
            let cause = closed.map(|closed| closed.cause);
            let expected = Some(Cause::Fault(CloseCode::INVALID_PAYLOAD));
            assert_eq!(cause, expected, "{how}: {pieces:x?} at {at}");
            return;
        }
        assert_eq!(closed, None, "{how}: {pieces:x?} at {at}");
        let is_last = at + 1 == reads.len();
        let expected: Vec<_> = is_last.then(|| pieces.concat()).into_iter().collect();
        assert_eq!(messages, expected, "{how}: {pieces:x?} at {at}");
    }
}

/// A frame, cut behind each piece of its payload; the header comes with the first.
fn reads(frame: &[u8], pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut begin = 0;
    let mut end = frame.len() - pieces.iter().map(Vec::len).sum::<usize>();
    let mut reads = Vec::new();
    for piece in pieces {
        end += piece.len();
        reads.push(frame[begin..end].to_vec());
        begin = end;
    }
    reads
}

/// One frame for each piece.
fn fragments(pieces: &[Vec<u8>], first: u8, frame: fn(u8, &[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    let last = pieces.len() - 1;
    (0..)
        .zip(pieces)
        .map(|(at, piece)| {
            let fin = if at == last { 0x80 } else { 0 };
            frame(fin | if at == 0 { first } else { 0 }, piece)
        })
        .collect()
}

/// W-R-118, W-R-119: a whole frame that comes in three reads, masked and not.
#[test]
fn text_in_three_reads_is_what_std_says() {
    for pieces in sequences_of_reads() {
        let whole = pieces.concat();
        let rig = Rig::server(Config::default());
        check(
            rig,
            &reads(&masked(0x81, &whole), &pieces),
            &pieces,
            "masked",
        );
        let rig = Rig::client(Config::default());
        check(
            rig,
            &reads(&unmasked(0x81, &whole), &pieces),
            &pieces,
            "plain",
        );
    }
}

/// The same with a key that makes the wire's bytes ASCII where the text's are not, and the other way round.
#[test]
fn a_mask_hides_nothing() {
    const { assert!(KEY[0] & 0x80 != 0) };
    for pieces in sequences_of_reads() {
        let mut frame = masked(0x81, &pieces.concat());
        let header = frame.len() - pieces.iter().map(Vec::len).sum::<usize>();
        for byte in &mut frame[header..] {
            *byte ^= 0x80;
        }
        for byte in &mut frame[header - 4..header] {
            *byte ^= 0x80;
        }
        let rig = Rig::server(Config::default());
        check(rig, &reads(&frame, &pieces), &pieces, "another key");
    }
}

/// W-R-118, W-R-119: three fragments.
#[test]
fn text_in_three_fragments_is_what_std_says() {
    for pieces in sequences() {
        let rig = Rig::server(Config::default());
        check(rig, &fragments(&pieces, 1, masked), &pieces, "masked");
        let rig = Rig::client(Config::default());
        check(rig, &fragments(&pieces, 1, unmasked), &pieces, "plain");
    }
}

/// W-R-212: what comes out of the inflater, in three reads and in three fragments.
#[cfg(feature = "deflate")]
#[test]
fn inflated_text_is_what_std_says() {
    use ws_framing::deflate;

    let config = deflate::Config::default();
    let offered = deflate::offer(&config);
    let accepted = deflate::accept([offered.as_bytes()], &config);
    let agreed = accepted.unwrap().unwrap().agreed;
    let server = || Rig::new(|now| Connection::server(Config::default(), now).with_deflate(agreed));
    for pieces in sequences() {
        // Stored blocks, and the empty one that ends a message but for its last bytes (RFC 7692 §7.2.1).
        let mut stored = pieces.clone().map(|piece| {
            let length = u8::try_from(piece.len()).unwrap();
            [&[0, length, 0, !length, 0xff], &piece[..]].concat()
        });
        stored[2].push(0);
        let frame = masked(0xc1, &stored.concat());
        check(server(), &reads(&frame, &stored), &pieces, "reads");
        check(
            server(),
            &fragments(&stored, 0x41, masked),
            &pieces,
            "fragments",
        );
    }
}
