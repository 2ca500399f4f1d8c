//! Clients and TLS on smol.

#[path = "../../driver/tests/shared/client_tls.rs"]
mod client_tls;
#[path = "../../driver/tests/shared/pki.rs"]
mod pki;

use xmpp_web_smol::Smol;

/// C-R-022, C-R-032, B-T-008, W-R-068: see the shared scenario.
#[test]
fn a_node_proves_its_own_name() {
    smol::block_on(client_tls::a_node_proves_its_own_name(Smol));
}

/// C-R-032, W-R-068: see the shared scenario.
#[test]
fn a_wrong_certificate_names_both() {
    smol::block_on(client_tls::a_wrong_certificate_names_both(Smol));
}

#[test]
fn other_faults_are_told_apart() {
    smol::block_on(client_tls::other_faults_are_told_apart(Smol));
}

#[test]
fn addresses_of_both_families() {
    smol::block_on(client_tls::addresses_of_both_families(Smol));
}

#[test]
fn a_name_that_is_not_there() {
    smol::block_on(client_tls::a_name_that_is_not_there(Smol));
}
