//! Clients and TLS on tokio.

#[path = "../../driver/tests/shared/client_tls.rs"]
mod client_tls;
#[path = "../../driver/tests/shared/pki.rs"]
mod pki;

use xmpp_web_tokio::Tokio;

/// C-R-022, C-R-032, B-T-008, W-R-068: see the shared scenario.
#[tokio::test]
async fn a_node_proves_its_own_name() {
    client_tls::a_node_proves_its_own_name(Tokio::current()).await;
}

/// C-R-032, W-R-052, W-R-068: see the shared scenario.
#[tokio::test]
async fn a_wrong_certificate_names_both() {
    client_tls::a_wrong_certificate_names_both(Tokio::current()).await;
}

#[tokio::test]
async fn other_faults_are_told_apart() {
    client_tls::other_faults_are_told_apart(Tokio::current()).await;
}

#[tokio::test]
async fn addresses_of_both_families() {
    client_tls::addresses_of_both_families(Tokio::current()).await;
}

#[tokio::test]
async fn a_name_that_is_not_there() {
    client_tls::a_name_that_is_not_there(Tokio::current()).await;
}
