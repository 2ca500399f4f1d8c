//! Certificates of one's own.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use xmpp_web_driver::tls::Roots;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A CA, a certificate of its for some names, and a directory that goes away with them.
pub(crate) struct Pki {
    directory: PathBuf,
    authority: Authority,
}

impl Pki {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("xmpp-web-client-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).expect("a directory");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        // Two CAs of one name would be told apart by signature alone.
        let name = format!("{:?}", key.public_key_raw());
        params
            .distinguished_name
            .push(DnType::CommonName, &name[..60]);
        Self {
            directory,
            authority: CertifiedIssuer::self_signed(params, key).expect("a CA"),
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::from_file(&self.write("ca.pem", &self.authority.pem())).expect("roots")
    }

    /// Files with a certificate and its key.
    pub(crate) fn certificate(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> [PathBuf; 2] {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params
            .signed_by(&key, &self.authority)
            .expect("a certificate");
        [
            self.write("certificate.pem", &certificate.pem()),
            self.write("key.pem", &key.serialize_pem()),
        ]
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
