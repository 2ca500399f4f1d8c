//! Handshakes over an in-memory pipe, with certificates made here.

use std::path::{Path, PathBuf};

use futures_io::{AsyncRead, AsyncWrite};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    PublicKeyData as _, date_time_ymd,
};
use tokio::io::{DuplexStream, duplex};
use xmpp_web_tokio::{
    Io,
    driver::tls::Expected,
    tls::{Acceptor, Alpn, ClientStream, Connector, Fault, Name, Roots, ServerStream, SetupError},
};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A directory that goes away with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("xmpp-web-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    let key = KeyPair::generate().expect("a key");
    // Two CAs of one name would be told apart by signature alone.
    let name = format!("{:?}", key.public_key_raw());
    params
        .distinguished_name
        .push(DnType::CommonName, &name[..60]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, key).expect("a CA")
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).expect("a name")
}

fn acceptor(directory: &Directory, authority: &Authority, params: CertificateParams) -> Acceptor {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let certificate = directory.write("certificate.pem", &certificate.pem());
    let key = directory.write("key.pem", &key.serialize_pem());
    Acceptor::from_files(&certificate, &key).expect("an acceptor")
}

fn connector(directory: &Directory, authority: &Authority, alpn: Alpn) -> Connector {
    let ca = directory.write("ca.pem", &authority.pem());
    let roots = Roots::from_file(&ca).expect("roots");
    Connector::new(&roots, alpn).expect("a connector")
}

type Ends = (
    Result<ClientStream<DuplexStream>, Fault>,
    Result<ServerStream<DuplexStream>, Fault>,
);

async fn handshake(connector: &Connector, acceptor: &Acceptor, name: &str) -> Ends {
    let (ours, theirs) = duplex(64 * 1024);
    let name = Name::new(name).expect("a name");
    tokio::join!(async { connector.connect(&name, Io(ours)).await }, async {
        acceptor.accept(Io(theirs)).await
    })
}

async fn fault(name: &str, params: CertificateParams, expected: &str) -> Fault {
    let directory = Directory::new(name);
    let ca = authority();
    let acceptor = acceptor(&directory, &ca, params);
    let connector = connector(&directory, &ca, Alpn::Unsaid);
    let (client, _) = handshake(&connector, &acceptor, expected).await;
    client.map(drop).expect_err("refused")
}

#[tokio::test]
async fn a_certificate_for_the_name_from_a_trusted_ca_is_accepted_and_closed_with_close_notify() {
    let directory = Directory::new("good");
    let ca = authority();
    let acceptor = acceptor(&directory, &ca, params("example.com"));
    let connector = connector(&directory, &ca, Alpn::Unsaid);
    let (client, server) = handshake(&connector, &acceptor, "example.com").await;
    let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));

    let pieces = [std::io::IoSlice::new(b"one"), std::io::IoSlice::new(b"two")];
    let wrote =
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut client).poll_write_vectored(cx, &pieces));
    assert_eq!(wrote.await.expect("written"), 6);
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut client).poll_flush(cx))
        .await
        .expect("flushed");
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut client).poll_close(cx))
        .await
        .expect("closed");
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 16];
        let count = std::future::poll_fn(|cx| std::pin::Pin::new(&mut server).poll_read(cx, &mut buffer))
                .await
                // Without close_notify the end would be an error.
                .expect("a clean end");
        if count == 0 {
            break;
        }
        read.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(read, b"onetwo");
}

#[tokio::test]
async fn a_wrong_name_is_told_with_the_right_ones() {
    let fault = fault("name", params("upstream.example"), "example.com").await;
    assert_eq!(
        fault.to_string(),
        "the certificate is not for \"example.com\" but for \"upstream.example\""
    );
    assert!(matches!(fault, Fault::WrongName { .. }), "{fault:?}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let mut params = params("example.com");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    let fault = fault("expired", params, "example.com").await;
    assert!(matches!(fault, Fault::Expired), "{fault:?}");
}

#[tokio::test]
async fn a_certificate_of_the_future_is_refused() {
    let mut params = params("example.com");
    params.not_before = date_time_ymd(4000, 1, 1);
    params.not_after = date_time_ymd(4001, 1, 1);
    let fault = fault("future", params, "example.com").await;
    assert!(matches!(fault, Fault::NotYetValid), "{fault:?}");
}

#[tokio::test]
async fn an_unknown_issuer_is_refused() {
    let directory = Directory::new("issuer");
    let acceptor = acceptor(&directory, &authority(), params("example.com"));
    let connector = connector(&directory, &authority(), Alpn::Unsaid);
    let (client, server) = handshake(&connector, &acceptor, "example.com").await;
    let fault = client.map(drop).expect_err("refused");
    assert!(matches!(fault, Fault::UnknownIssuer), "{fault:?}");
    assert!(matches!(
        server.map(drop).expect_err("refused"),
        Fault::Handshake(_)
    ));
}

/// Self-signed, in the way of `openssl req -x509`, and trusted by its own file or by another's.
async fn self_signed(
    name: &str,
    spoil: impl Fn(&mut CertificateParams),
    trusted: Option<&Authority>,
) -> Option<Fault> {
    let directory = Directory::new(name);
    let mut own = params("example.com");
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    spoil(&mut own);
    let key = KeyPair::generate().expect("a key");
    let certificate = own.self_signed(&key).expect("signed").pem();
    let file = directory.write("certificate.pem", &certificate);
    let key = directory.write("key.pem", &key.serialize_pem());
    let acceptor = Acceptor::from_files(&file, &key).expect("an acceptor");
    let ca = trusted.map_or(certificate, |other| other.pem());
    let roots = Roots::from_file(&directory.write("ca.pem", &ca)).expect("roots");
    let connector = Connector::new(&roots, Alpn::Unsaid).expect("a connector");
    let (client, _) = handshake(&connector, &acceptor, "example.com").await;
    client.err()
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_where_it_is_the_one_in_the_file() {
    let fault = self_signed("own", |_| {}, None).await;
    assert!(fault.is_none(), "{fault:?}");
    let fault = self_signed("own-leaf", |own| own.is_ca = IsCa::NoCa, None).await;
    assert!(fault.is_none(), "{fault:?}");
    let other = authority();
    let fault = self_signed("own-other", |_| {}, Some(&other)).await;
    assert!(matches!(fault, Some(Fault::Certificate(_))), "{fault:?}");
}

#[tokio::test]
async fn a_self_signed_certificate_is_held_to_its_names_and_its_time() {
    let rename =
        |own: &mut CertificateParams| own.subject_alt_names = params("a.b").subject_alt_names;
    let fault = self_signed("own-name", rename, None).await;
    assert!(matches!(fault, Some(Fault::WrongName { .. })), "{fault:?}");
    let age = |own: &mut CertificateParams| {
        own.not_before = date_time_ymd(2020, 1, 1);
        own.not_after = date_time_ymd(2021, 1, 1);
    };
    let fault = self_signed("own-age", age, None).await;
    assert!(matches!(fault, Some(Fault::Expired)), "{fault:?}");
}

#[tokio::test]
async fn protocols_that_have_nothing_in_common_do_not_meet() {
    let directory = Directory::new("alpn");
    let ca = authority();
    let acceptor = acceptor(&directory, &ca, params("example.com"));
    let connector = connector(&directory, &ca, Alpn::XmppClient);
    // Listeners speak http/1.1, which direct TLS does not offer (RFC 7301 §3.2).
    let (client, _) = handshake(&connector, &acceptor, "example.com").await;
    assert!(matches!(
        client.map(drop).expect_err("refused"),
        Fault::Handshake(_)
    ));
}

#[tokio::test]
async fn plain_text_is_no_handshake() {
    let directory = Directory::new("plain");
    let acceptor = acceptor(&directory, &authority(), params("example.com"));
    let (mut ours, theirs) = duplex(1024);
    tokio::io::AsyncWriteExt::write_all(&mut ours, b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("written");
    let fault = acceptor.accept(Io(theirs)).await.map(drop);
    assert!(matches!(fault, Err(Fault::Handshake(_))), "{fault:?}");
}

#[test]
fn files_that_cannot_be_used_are_named_with_what_is_wanted() {
    let directory = Directory::new("files");
    let missing = directory.0.join("missing.pem");
    let empty = directory.write("empty.pem", "nothing\n");
    let said = |path: &Path| Roots::from_file(path).expect_err("refused").to_string();
    assert!(said(&missing).starts_with(&format!("cannot read {}: ", missing.display())));
    assert!(said(&empty).contains("-----BEGIN CERTIFICATE----- is wanted"));

    let (one, other) = (KeyPair::generate(), KeyPair::generate());
    let (one, other) = (one.expect("a key"), other.expect("a key"));
    let certificate = params("example.com").self_signed(&one).expect("signed");
    let certificate = directory.write("certificate.pem", &certificate.pem());
    let key = directory.write("key.pem", &other.serialize_pem());
    let error = Acceptor::from_files(&certificate, &key).expect_err("another key");
    assert!(matches!(error, SetupError::Unusable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("cannot be used with the key"),
        "{error}"
    );
    let error = Acceptor::from_files(&certificate, &certificate).expect_err("no key");
    assert!(error.to_string().contains("no private key"), "{error}");
    let error = Acceptor::from_files(&certificate, &missing).expect_err("no file");
    assert!(matches!(error, SetupError::Unreadable { .. }), "{error:?}");
}

#[test]
fn names_are_domains_in_ascii_or_addresses() {
    for good in [
        "example.com",
        "xn--bcher-kva.example",
        "localhost",
        "192.0.2.1",
        "2001:db8::1",
    ] {
        assert!(Name::new(good).is_ok(), "{good}");
    }
    for wrong in ["", "bücher.example", "a b", "-", "[::1]"] {
        assert_eq!(
            Name::new(wrong).map_err(|error| error.to_string().contains("A-labels")),
            Err(true),
            "{wrong}"
        );
    }
}

/// The outcome of a handshake with whoever is expected.
async fn expecting(acceptor: &Acceptor, roots: &Roots, expected: Expected) -> Result<(), Fault> {
    let handshake = roots
        .handshake(Alpn::Http11, expected)
        .expect("a configuration");
    let (ours, theirs) = duplex(64 * 1024);
    let connector = tokio_rustls::TlsConnector::from(handshake.config);
    let (client, _) = tokio::join!(
        connector.connect(handshake.name, ours),
        acceptor.accept(Io(theirs))
    );
    client.map(drop).map_err(Fault::from)
}

/// B-D-007, B-D-020: the name of the endpoint, the XMPP domain's, and a pinned key are accepted,
/// each alone; another certificate is not (XEP-0156 §2.2, XEP-0487 §2.2).
#[tokio::test]
async fn one_of_several_names_or_a_pinned_key_is_enough() {
    let directory = Directory::new("alternatives");
    let ca = authority();
    let roots = Roots::from_file(&directory.write("ca.pem", &ca.pem())).expect("roots");
    let stranger = authority();
    let name = |name| Name::new(name).expect("a name");
    let expected = || {
        Expected::sending(name("front.example"))
            .or(name("front.example"))
            .or(name("example.com"))
    };
    for holds in ["front.example", "example.com"] {
        let acceptor = acceptor(&directory, &ca, params(holds));
        expecting(&acceptor, &roots, expected())
            .await
            .expect("accepted");
    }
    let wrong = acceptor(&directory, &ca, params("other.example"));
    let fault = expecting(&wrong, &roots, expected())
        .await
        .expect_err("refused");
    assert!(
        matches!(&fault, Fault::WrongName { expected, found }
        if expected == "front.example" && found == &["other.example"]),
        "{fault}"
    );

    let key = KeyPair::generate().expect("a key");
    let pin = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info());
    let pin: [u8; 32] = pin.as_ref().try_into().expect("32 bytes");
    let certificate = params("other.example")
        .signed_by(&key, &stranger)
        .expect("a certificate");
    let certificate = directory.write("pinned.pem", &certificate.pem());
    let key = directory.write("pinned-key.pem", &key.serialize_pem());
    let pinned = Acceptor::from_files(&certificate, &key).expect("an acceptor");
    expecting(&pinned, &roots, expected().or_pinned(pin))
        .await
        .expect("accepted");
    let other = expecting(&pinned, &roots, expected().or_pinned([7; 32])).await;
    other.expect_err("another key is not pinned");
}
