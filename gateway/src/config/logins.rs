//! What failed logins cost.

use std::time::Duration;

use super::{
    Networks, Problem, file,
    value::{self, set},
};

/// How failed logins are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logins {
    /// So many from one address within `refuse` refuse the address; 0 never does.
    pub(crate) failures_per_address: u32,
    /// For how long an address is refused.
    pub(crate) refuse: Duration,
    /// Addresses that are not counted.
    pub(crate) never_refused: Networks,
    /// Addresses with failures, accounts with failures, and pairs of account and address that are remembered, each.
    pub(crate) remembered: usize,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            failures_per_address: 20,
            refuse: Duration::from_secs(600),
            never_refused: Networks::default(),
            remembered: 65_536,
        }
    }
}

impl Logins {
    pub(super) fn from_file(written: &file::Logins) -> Result<Self, Problem> {
        let mut logins = Self::default();
        set(
            &mut logins.failures_per_address,
            written.failures_per_address.map(value::Whole::number),
        );
        set(
            &mut logins.refuse,
            written.refuse_seconds.map(value::Whole::seconds),
        );
        logins.never_refused = Networks::parse(
            "logins.never_refused",
            written.never_refused.as_deref().unwrap_or_default(),
        )?;
        set(
            &mut logins.remembered,
            written.remembered.map(value::Whole::count),
        );
        Ok(logins)
    }
}
