//! Listeners with TLS from the first byte (C-R-003).

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    process::Output,
    time::Instant,
};

use crate::support::{
    Gateway,
    bosh::Bosh,
    certificates::{Authority, Identity, file, params},
    command,
    http::dial,
    websocket::WebSocket,
};

/// `\0ada\0correct horse`
const ADA: &str = "AGFkYQBjb3JyZWN0IGhvcnNl";

fn settings(name: &str, certificate: &str, key: &str) -> String {
    // Reachable from everywhere: what makes PLAIN possible is TLS alone (W-R-452).
    let text = format!(
        "[[listener]]\naddress = '0.0.0.0:0'\ntls = {{ certificate = '{certificate}', key = '{key}' }}\n[http]\nhead_seconds = 1\n"
    );
    file(&format!("{name}.toml"), &text)
}

fn gateway(name: &str, identity: &Identity) -> (Gateway, SocketAddr) {
    let settings = settings(name, &identity.certificate_file, &identity.key_file);
    let gateway = Gateway::run(&["--config", &settings]);
    let address = SocketAddr::from(([127, 0, 0, 1], gateway.address.port()));
    (gateway, address)
}

fn check(settings: &str) -> Output {
    command()
        .args(["serve", "--check-config", "--config", settings])
        .output()
        .expect("the binary runs")
}

#[test]
fn both_transports_work_by_tls() {
    let authority = Authority::new("https");
    let (gateway, address) = gateway("https", &authority.sign(&params("localhost")));
    Bosh::signed_in_on(authority.https(address), ADA).echo("by https");
    WebSocket::signed_in_on(authority.https(address), ADA).echo("by wss");
    gateway.logs("listening on https://0.0.0.0:");

    // The end is TLS's own: without close_notify this would be an error.
    let mut http = authority.https(address);
    let answer = http.ask("GET", "/healthz", "Connection: close\r\n", "");
    assert_eq!(answer.body, "ok\n");
    let mut rest = Vec::new();
    assert_eq!(http.stream.read_to_end(&mut rest).expect("close_notify"), 0);
}

#[test]
fn sigterm_ends_what_is_open_and_what_has_not_begun() {
    let authority = Authority::new("https-down");
    let (mut gateway, address) = gateway("https-down", &authority.sign(&params("localhost")));
    let mut socket = WebSocket::signed_in_on(authority.https(address), ADA);
    let _silent = dial(address);
    gateway.terminate();
    let rest = format!("{:?}", socket.rest());
    assert!(rest.contains("system-shutdown"), "{rest}");
    assert!(gateway.ended().success(), "{}", gateway.log());
}

#[test]
fn clients_without_tls_are_left() {
    let authority = Authority::new("https-plain");
    let (gateway, address) = gateway("https-plain", &authority.sign(&params("localhost")));
    let mut plain = dial(address);
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("written");
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");

    let started = Instant::now();
    let mut silent = dial(address);
    assert_eq!(silent.read(&mut [0]).expect("closed"), 0);
    let waited = started.elapsed().as_millis();
    assert!((900..5_000).contains(&waited), "{waited} ms");
    drop(gateway);
}

#[test]
fn files_are_read_before_anything_starts() {
    let authority = Authority::new("https-files");
    let identity = authority.sign(&params("localhost"));
    let (certificate, key) = (&identity.certificate_file, &identity.key_file);
    let good = check(&settings("https-good", certificate, key));
    assert!(good.status.success(), "{good:?}");
    assert!(String::from_utf8_lossy(&good.stdout).contains("TLS"));

    let said = |certificate: &str, key: &str| {
        let output = check(&settings("https-wrong", certificate, key));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let error = said("/nonexistent/certificate.pem", key);
    assert!(
        error.contains("cannot read /nonexistent/certificate.pem"),
        "{error}"
    );
    let error = said(key, key);
    assert!(
        error.contains("there is no certificate in it") && error.contains(key.as_str()),
        "{error}"
    );
    let error = said(certificate, certificate);
    assert!(error.contains("there is no private key in it"), "{error}");
    let other = Authority::new("https-other").sign(&params("localhost"));
    let error = said(certificate, &other.key_file);
    assert!(error.contains("cannot be used with the key"), "{error}");
}
