//! How fast clients may be (B-R-133): far above what people and bots do, below what hurts others.

use bosh_proto::server::{Rate, Rates};

use super::{
    file,
    value::{Whole, set},
};

/// What is in force where the file says nothing.
fn defaults() -> Rates {
    let mut rates = Rates::default();
    rates.session_requests = Some(Rate::new(10_000, 100_000));
    rates.session_bytes = Some(Rate::new(67_108_864, 268_435_456));
    rates.address_sessions = Some(Rate::new(100, 2_000));
    rates.address_requests = Some(Rate::new(20_000, 200_000));
    rates.address_bytes = Some(Rate::new(134_217_728, 536_870_912));
    // The gateway counts those of both transports.
    rates.unauthenticated_per_address = usize::MAX;
    rates
}

pub(super) fn rates(written: &file::Rates) -> Rates {
    let mut rates = defaults();
    set(
        &mut rates.session_requests,
        written.session_requests.map(rate),
    );
    set(&mut rates.session_bytes, written.session_bytes.map(rate));
    set(
        &mut rates.address_sessions,
        written.address_sessions.map(rate),
    );
    set(
        &mut rates.address_requests,
        written.address_requests.map(rate),
    );
    set(&mut rates.address_bytes, written.address_bytes.map(rate));
    set(
        &mut rates.patience,
        written.patience_seconds.map(Whole::seconds),
    );
    set(&mut rates.addresses, written.addresses.map(Whole::count));
    rates
}

/// Zero a second switches it off.
fn rate(written: file::Rate) -> Option<Rate> {
    let per_second = written.per_second.number();
    (per_second > 0).then(|| Rate::new(per_second, written.burst.number()))
}
