//! Who a server must be: webpki's judgement, and three exceptions to it.
//!
//! - A self-signed certificate that is trusted by name: webpki takes no certificate that may sign others (`CA:TRUE`, what
//!   `openssl req -x509` makes) for a server's own. One that lies in the file of trusted CAs byte for byte needs no signature
//!   above it; its time and its names are checked all the same.
//! - A server may have one of several names to prove.
//! - One whose key is pinned needs neither name nor CA (XEP-0487 §2.2).

use std::sync::Arc;

use ring::digest;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// The names and keys one of which is enough, in place of the name that is sent.
#[derive(Debug)]
pub(super) struct Alternatives {
    pub(super) names: Vec<ServerName<'static>>,
    pub(super) pins: Vec<[u8; 32]>,
}

/// webpki's judgement, and the exceptions to it.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    pub(super) trusted: Arc<[CertificateDer<'static>]>,
    pub(super) alternatives: Option<Alternatives>,
}

/// webpki comes to this only behind the check of the certificate's time. In other words it would refuse, not accept.
pub(super) fn is_authority(error: &CertificateError) -> bool {
    if let CertificateError::Other(inner) = error {
        inner.0.to_string() == "CaUsedAsEndEntity"
    } else {
        false
    }
}

impl Verifier {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged =
            self.webpki
                .verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        match judged {
            Err(Error::InvalidCertificate(error))
                if is_authority(&error)
                    && self.trusted.iter().any(|trusted| trusted == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }
}

fn is_for_another_name(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |name| self.verify(end_entity, intermediates, name, ocsp_response, now);
        let Some(Alternatives { names, pins }) = &self.alternatives else {
            return verify(server_name);
        };
        if !pins.is_empty() {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let key = certificate.subject_public_key_info();
            let hash = digest::digest(&digest::SHA256, &key);
            if pins.iter().any(|pin| pin.as_slice() == hash.as_ref()) {
                return Ok(ServerCertVerified::assertion());
            }
        }
        let mut first = None;
        for name in names {
            match verify(name) {
                Err(error) if is_for_another_name(&error) => drop(first.get_or_insert(error)),
                judged => return judged,
            }
        }
        Err(first.unwrap_or_else(|| CertificateError::NotValidForName.into()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
