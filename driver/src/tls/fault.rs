use std::io;

use rustls::CertificateError;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The certificate is for others.
    #[error("the certificate is not for \"{expected}\" but for {}", names(found))]
    WrongName {
        /// The name that the server had to prove.
        expected: String,
        /// The names that the certificate holds.
        found: Vec<String>,
    },
    /// No trusted CA stands behind the certificate.
    #[error(
        "the certificate's issuer is unknown; name a file with its CA if it is one of your own"
    )]
    UnknownIssuer,
    /// The certificate's time is over.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate's time has not come.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The certificate is faulty in another way.
    #[error("the certificate cannot be accepted: {0}")]
    Certificate(String),
    /// The peer does not speak TLS, or a kind of it that has nothing in common with ours.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    /// The connection failed meanwhile.
    #[error("the connection was lost during the TLS handshake: {0}")]
    Connection(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(certificate)) = inner {
            Self::of(certificate)
        } else if let Some(inner) = inner {
            Self::Handshake(inner.to_string())
        } else {
            Self::Connection(error)
        }
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        let kind = if let Fault::Connection(error) = &fault {
            error.kind()
        } else {
            io::ErrorKind::InvalidData
        };
        Self::new(kind, fault)
    }
}

impl Fault {
    fn of(error: &CertificateError) -> Self {
        use CertificateError as E;
        if let E::NotValidForNameContext {
            expected,
            presented,
        } = error
        {
            Self::WrongName {
                expected: expected.to_str().into_owned(),
                found: presented.iter().map(|name| bare(name)).collect(),
            }
        } else if matches!(error, E::UnknownIssuer) {
            Self::UnknownIssuer
        } else if matches!(error, E::Expired | E::ExpiredContext { .. }) {
            Self::Expired
        } else if matches!(error, E::NotValidYet | E::NotValidYetContext { .. }) {
            Self::NotYetValid
        } else if super::verifier::is_authority(error) {
            Self::Certificate(
                "it is self-signed, or a CA's own, and not the one that is trusted".to_owned(),
            )
        } else {
            Self::Certificate(error.to_string())
        }
    }
}

/// `DnsName("a.example")` as `a.example`.
fn bare(name: &str) -> String {
    name.split('"').nth(1).unwrap_or(name).to_owned()
}

/// At most so many as a log line should hold: the peer chose them.
fn names(found: &[String]) -> String {
    const SHOWN: usize = 8;
    if found.is_empty() {
        return "no name at all".to_owned();
    }
    let shown: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|name| format!("{:?}", name.chars().take(255).collect::<String>()))
        .collect();
    match found.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        Some(_) | None => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_quoted() {
        assert_eq!(names(&[]), "no name at all");
        assert_eq!(names(&["a\n".to_owned()]), "\"a\\n\"");
        let many: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        assert!(names(&many).ends_with("\"7\" and 2 more"));
    }
}
