//! Compressed messages out (RFC 7692 §7.2.1).

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use xmpp_machine::Proved as _;

use super::{Direction, LEAST_BITS, MOST_BITS, Takeover};

/// What ends a flush and is cut off.
const TAIL: &[u8] = &[0x00, 0x00, 0xff, 0xff];
/// An empty message (RFC 7692 §7.2.3.6).
const EMPTY: &[u8] = &[0x00];

thread_local! {
    /// A compressor is 371 KiB. One that begins each message anew is needed only while a message is compressed.
    static SHARED: RefCell<Option<(Settings, Compress)>> = const { RefCell::new(None) };
}

/// The writing side of a connection's compression.
#[derive(Debug)]
pub(crate) struct Deflater {
    settings: Option<Settings>,
    threshold_bytes: usize,
    takeover: Takeover,
    /// With context takeover, from the first message on.
    own: Option<Compress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    window_bits: u8,
    level: u8,
}

impl Deflater {
    pub(super) fn new(ours: Direction, threshold_bytes: usize, level: u8) -> Self {
        let settings = Settings {
            window_bits: ours.window_bits.min(MOST_BITS),
            level: level.clamp(1, 9),
        };
        Self {
            // A window that zlib cannot keep within is one in which nothing is compressed (W-R-214).
            settings: (settings.window_bits >= LEAST_BITS).then_some(settings),
            threshold_bytes,
            takeover: ours.takeover,
            own: None,
        }
    }

    /// The payload of a compressed message; `None` where it is to leave as it is.
    pub(crate) fn compress(&mut self, message: &[u8]) -> Option<Bytes> {
        let settings = self.settings?;
        if message.len() < self.threshold_bytes {
            return None;
        }
        if message.is_empty() {
            return Some(Bytes::from_static(EMPTY));
        }
        match self.takeover {
            Takeover::Reset => shared(settings, |compress| {
                compress.reset();
                flush(compress, message)
            })
            // The peer's window does not depend on it.
            .filter(|compressed| compressed.len() < message.len()),
            // From here on the peer has to see it, smaller or not.
            Takeover::Keep => flush(self.own.get_or_insert_with(|| settings.compress()), message),
        }
    }
}

impl Settings {
    fn compress(self) -> Compress {
        Compress::new_with_window_bits(
            Compression::new(u32::from(self.level)),
            false,
            self.window_bits,
        )
    }
}

/// Lends the thread's compressor.
fn shared<T>(settings: Settings, work: impl FnOnce(&mut Compress) -> T) -> T {
    SHARED.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|(kept, _)| *kept != settings) {
            *slot = Some((settings, settings.compress()));
        }
        match slot {
            Some((_, compress)) => work(compress),
            None => work(&mut settings.compress()),
        }
    })
}

/// Compresses up to the end of a block, which is cut off.
fn flush(compress: &mut Compress, message: &[u8]) -> Option<Bytes> {
    // Most messages shrink to less, and the worst do not grow beyond this.
    let mut out = Vec::with_capacity(message.len() / 2 + 64);
    let start = compress.total_in();
    loop {
        let taken = usize::try_from(compress.total_in() - start).unwrap_or(message.len());
        let rest = message.proved(taken..);
        compress
            .compress_vec(rest, &mut out, FlushCompress::Sync)
            .ok()?;
        // Room that is left says that all was written.
        if out.len() < out.capacity() {
            break;
        }
        out.reserve_exact(message.len() / 2 + 64);
    }
    if !out.ends_with(TAIL) {
        return None;
    }
    out.truncate(out.len() - TAIL.len());
    out.shrink_to_fit();
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::Inflater;

    fn deflater(takeover: Takeover, window_bits: u8, level: u8) -> (Deflater, Inflater) {
        let ours = Direction {
            takeover,
            window_bits,
        };
        (Deflater::new(ours, 0, level), Inflater::new(ours))
    }

    /// Text that repeats itself over distances of up to 40 000 bytes, and noise.
    fn messages() -> Vec<Vec<u8>> {
        let mut noise = 1_u32;
        let mut random = move || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        };
        let block: Vec<u8> = (0..20_000).map(|_| b'a' + random() % 16).collect();
        let noise: Vec<u8> = (0..70_000).map(|_| random()).collect();
        vec![
            Vec::new(),
            b"Hello".to_vec(),
            b"Hello".to_vec(),
            [&block[..], &block, b"-", &block].concat(),
            noise,
            block,
            vec![0; 100_000],
        ]
    }

    #[test]
    fn every_window_and_level_is_read_back() {
        for takeover in [Takeover::Reset, Takeover::Keep] {
            for window_bits in LEAST_BITS..=MOST_BITS {
                for level in [1, 6] {
                    let (mut deflater, mut inflater) = deflater(takeover, window_bits, level);
                    for message in messages() {
                        let Some(compressed) = deflater.compress(&message) else {
                            assert_eq!(takeover, Takeover::Reset);
                            continue;
                        };
                        let mut out = Vec::new();
                        let read = inflater
                            .inflate_piece(&compressed, &mut out, 200_000)
                            .and_then(|()| inflater.finish_message(&mut out, 200_000));
                        assert_eq!(read, Ok(()), "{takeover:?} {window_bits} {level}");
                        assert!(out == message, "{takeover:?} {window_bits} {level}");
                    }
                }
            }
        }
    }
}
