use std::path::Path;

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};

use super::{SetupError, certificates, provider, unreadable, unusable};

/// A configuration for servers that speak HTTP/1.1, with a PEM file of certificates (the server's own first, then those between it
/// and its CA) and one of the key.
///
/// # Errors
///
/// Where a file cannot be read or holds something else, or the two do not belong together.
pub fn server(certificate: &Path, key: &Path) -> Result<ServerConfig, SetupError> {
    let chain = certificates(certificate)?;
    let own_key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        if matches!(error, pem::Error::NoItemsFound) {
            unusable(
                key,
                "there is no private key in it; a PEM file with -----BEGIN PRIVATE KEY----- (PKCS #8, PKCS #1 or SEC 1, not encrypted) is wanted",
            )
        } else {
            unreadable(key, error)
        }
    })?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, own_key)
        .map_err(|error| {
            unusable(
                certificate,
                format!(
                    "cannot be used with the key {}: {error}; the first certificate must be the one that was made for this key",
                    key.display()
                ),
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Clients come back with what they keep; there is no table of sessions here.
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}
