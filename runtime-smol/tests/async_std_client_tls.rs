//! Clients and TLS on async-std.

#[path = "../../driver/tests/shared/client_tls.rs"]
mod client_tls;
#[path = "../../driver/tests/shared/pki.rs"]
mod pki;

use xmpp_web_smol::AsyncStd;

/// C-R-022, C-R-032, B-T-008, W-R-068: see the shared scenario.
#[test]
fn a_node_proves_its_own_name() {
    async_std::task::block_on(client_tls::a_node_proves_its_own_name(AsyncStd));
}

/// C-R-032, W-R-068: see the shared scenario.
#[test]
fn a_wrong_certificate_names_both() {
    async_std::task::block_on(client_tls::a_wrong_certificate_names_both(AsyncStd));
}

#[test]
fn other_faults_are_told_apart() {
    async_std::task::block_on(client_tls::other_faults_are_told_apart(AsyncStd));
}

#[test]
fn addresses_of_both_families() {
    async_std::task::block_on(client_tls::addresses_of_both_families(AsyncStd));
}

#[test]
fn a_name_that_is_not_there() {
    async_std::task::block_on(client_tls::a_name_that_is_not_there(AsyncStd));
}
