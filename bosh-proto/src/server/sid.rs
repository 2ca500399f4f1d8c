//! Session ids: drawn, looked up through a keyed hash, compared in constant time, never shown (B-R-052, B-R-170).

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hasher},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};
use siphasher::sip::SipHasher13;
use subtle::ConstantTimeEq as _;

/// 144 random bits: 24 characters of base64 without padding.
const RANDOM: usize = 18;

/// The random part of a `sid`.
#[derive(Clone, Copy)]
pub(super) struct Secret([u8; RANDOM]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Writes the `sid` as it goes on the wire, behind the tag of this node.
    pub(super) fn spell(&self, tag: Option<&str>) -> String {
        let mut sid = String::new();
        if let Some(tag) = tag {
            sid.push_str(tag);
            sid.push('-');
        }
        URL_SAFE_NO_PAD.encode_string(self.0, &mut sid);
        sid
    }

    /// Whether two secrets are equal, compared in constant time.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }

    /// Reads a `sid`; `None` where it is none of this node's.
    fn read(sid: &str, tag: Option<&str>) -> Option<Self> {
        let random = match tag {
            Some(tag) => sid.strip_prefix(tag)?.strip_prefix('-')?,
            None => sid,
        };
        let mut secret = [0; RANDOM];
        // `decode_slice` wants room for a longer text than this one may be.
        let mut room = [0; RANDOM + 3];
        if random.len() != RANDOM / 3 * 4 {
            return None;
        }
        let len = URL_SAFE_NO_PAD.decode_slice(random, &mut room).ok()?;
        secret.copy_from_slice(room.get(..len)?.get(..RANDOM)?);
        Some(Self(secret))
    }
}

/// From `sid` to the index of its session.
pub(super) struct Sids {
    rng: ChaCha12Rng,
    keys: Keys,
    /// By keyed digest, so that it needs no other hash. Never iterated: its order depends on the keys.
    map: HashMap<u64, u32, Digested>,
}

impl fmt::Debug for Sids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sids")
            .field("len", &self.map.len())
            .finish_non_exhaustive()
    }
}

impl Sids {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let keys = Keys(rng.next_u64(), rng.next_u64());
        Self {
            rng,
            keys,
            map: HashMap::default(),
        }
    }

    /// How many sids are in use.
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// A hash of a request's body, to compare duplicates with (B-R-099); never 0. 32 bits do: who guesses has one try.
    pub(super) fn digest(&self, bytes: &[u8]) -> u32 {
        let digest = self.keys.digest(bytes);
        u32::try_from(digest & u64::from(u32::MAX))
            .unwrap_or(u32::MAX)
            .max(1)
    }

    /// Draws a secret for the session at `index`.
    pub(super) fn draw(&mut self, index: u32) -> Secret {
        loop {
            let mut random = [0; RANDOM];
            self.rng.fill_bytes(&mut random);
            let secret = Secret(random);
            let slot = self.keys.digest(&secret.0);
            if let std::collections::hash_map::Entry::Vacant(vacant) = self.map.entry(slot) {
                vacant.insert(index);
                return secret;
            }
        }
    }

    /// The index of the session that may have that `sid`, and the secret that it then has ([`Secret::is`]).
    pub(super) fn find(&self, sid: &str, tag: Option<&str>) -> Option<(u32, Secret)> {
        let secret = Secret::read(sid, tag)?;
        let index = self.map.get(&self.keys.digest(&secret.0))?;
        Some((*index, secret))
    }

    pub(super) fn remove(&mut self, secret: &Secret) {
        self.map.remove(&self.keys.digest(&secret.0));
    }
}

/// SipHash-1-3 keyed from the seed.
#[derive(Clone, Copy)]
struct Keys(u64, u64);

impl Keys {
    fn digest(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

/// The hasher of what is a keyed digest already.
#[derive(Clone, Copy, Debug, Default)]
struct Digested(u64);

impl Hasher for Digested {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

impl BuildHasher for Digested {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

impl BuildHasher for Keys {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> Self::Hasher {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sids: &Sids, sid: &str, tag: Option<&str>) -> Option<u32> {
        sids.find(sid, tag).map(|(index, _)| index)
    }

    /// B-R-052.
    #[test]
    fn sids_are_long_distinct_and_safe_in_urls_and_attributes() {
        let mut sids = Sids::new([7; 32]);
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..20_000 {
            let sid = sids.draw(index).spell(None);
            assert_eq!(sid.len(), 24);
            assert!(
                sid.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            );
            assert_eq!(found(&sids, &sid, None), Some(index));
            assert!(seen.insert(sid));
        }
    }

    #[test]
    fn only_the_exact_sid_is_found() {
        let mut sids = Sids::new([7; 32]);
        let secret = sids.draw(3);
        let sid = secret.spell(Some("n1"));
        assert!(sid.starts_with("n1-"));
        assert_eq!(found(&sids, &sid, Some("n1")), Some(3));
        assert_eq!(found(&sids, &sid, None), None);
        assert_eq!(found(&sids, &sid[3..], Some("n1")), None);
        assert_eq!(found(&sids, &format!("{sid}A"), Some("n1")), None);
        assert_eq!(found(&sids, &format!("{sid}="), Some("n1")), None);
        assert_eq!(found(&sids, "", None), None);
        sids.remove(&secret);
        assert_eq!(found(&sids, &sid, Some("n1")), None);
    }

    /// B-R-170.
    #[test]
    fn debug_output_shows_no_secret() {
        let mut sids = Sids::new([7; 32]);
        let secret = sids.draw(0);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(format!("{sids:?}"), "Sids { len: 1, .. }");
    }
}
