//! The exchanges that are under way: requests without an answer, and answers whose bytes have not
//! left.

use std::num::NonZeroU32;

use slab::Slab;

use super::SessionKey;
use crate::{ConnectionId, ExchangeId};

/// An exchange that is under way: its session and its connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    /// Not zero, which leaves a vacant place of the slab no larger than this.
    serial: NonZeroU32,
    pub(super) session: SessionKey,
    pub(super) connection: ConnectionId,
}

/// The exchange that a request waits on, or none after it died; half the size of an
/// `Option<ExchangeId>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExchangeSlot(u64);

impl From<ExchangeId> for ExchangeSlot {
    fn from(id: ExchangeId) -> Self {
        Self(id.0)
    }
}

impl ExchangeSlot {
    /// The exchange, while it lives.
    pub(super) fn live(self) -> Option<ExchangeId> {
        // Serial numbers are not zero.
        (self.0 != 0).then_some(ExchangeId(self.0))
    }

    pub(super) fn is_live(self) -> bool {
        self.0 != 0
    }

    /// Takes the exchange out, as when it died or was answered.
    pub(super) fn take(&mut self) -> Option<ExchangeId> {
        std::mem::take(self).live()
    }
}

/// A slab whose index and a serial number make an `ExchangeId`; ids of exchanges already done with name nothing.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    slab: Slab<Exchange>,
    /// How many serial numbers were given.
    serial: u32,
}

/// The index of exchanges that were answered on arrival.
const NOWHERE: u32 = u32::MAX;

impl Exchanges {
    fn next_serial(&mut self) -> NonZeroU32 {
        let next = NonZeroU32::MIN.saturating_add(self.serial);
        self.serial = self.serial.wrapping_add(1);
        next
    }

    /// A new id that is not kept: its exchange is answered at once, and nobody waits for its bytes.
    pub(super) fn mint(&mut self) -> ExchangeId {
        ExchangeId(handle(self.next_serial().get(), NOWHERE))
    }

    /// Keeps an exchange of a session.
    pub(super) fn insert(&mut self, session: SessionKey, connection: ConnectionId) -> ExchangeId {
        let serial = self.next_serial();
        let index = self.slab.insert(Exchange {
            serial,
            session,
            connection,
        });
        // A slab of 2^32 exchanges does not fit into memory.
        ExchangeId(handle(
            serial.get(),
            u32::try_from(index).unwrap_or(NOWHERE),
        ))
    }

    pub(super) fn get(&self, id: ExchangeId) -> Option<&Exchange> {
        let (serial, index) = parts(id.0);
        self.slab
            .get(index)
            .filter(|exchange| exchange.serial.get() == serial)
    }

    pub(super) fn remove(&mut self, id: ExchangeId) -> Option<Exchange> {
        self.get(id)?;
        self.slab.try_remove(parts(id.0).1)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }
}

/// A handle's two halves: a serial number that differs each time an index is used again, and the index.
pub(super) fn handle(serial: u32, index: u32) -> u64 {
    u64::from(serial) << 32 | u64::from(index)
}

/// The serial number and the index of a handle.
pub(super) fn parts(handle: u64) -> (u32, usize) {
    let serial = u32::try_from(handle >> 32).unwrap_or(u32::MAX);
    let index = u32::try_from(handle & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (serial, usize::try_from(index).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_does_not_name_the_next_exchange() {
        let mut exchanges = Exchanges::default();
        let first = exchanges.insert(SessionKey(1), ConnectionId(1));
        assert_eq!(exchanges.remove(first).unwrap().session, SessionKey(1));
        let second = exchanges.insert(SessionKey(2), ConnectionId(1));
        assert_ne!(first, second);
        assert!(exchanges.get(first).is_none());
        assert!(exchanges.remove(first).is_none());
        assert_eq!(exchanges.get(second).unwrap().session, SessionKey(2));
        let unkept = exchanges.mint();
        assert!(exchanges.get(unkept).is_none());
        assert_eq!(exchanges.len(), 1);
    }
}
