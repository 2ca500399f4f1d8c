//! Replays seeds, and what fuzzing found before, on stable Rust.

use std::path::Path;

/// Runs `harness` over each file of a directory below the workspace; gives their number.
fn replay(directory: &str, mut harness: impl FnMut(&[u8])) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files: Vec<_> = std::fs::read_dir(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .expect("a readable directory");
    files.sort();
    for file in &files {
        println!("{}", file.display());
        harness(&std::fs::read(file).expect("a readable file"));
    }
    files.len()
}

#[test]
fn bosh_client_seeds() {
    assert!(replay("seeds/bosh_client", xmpp_web_fuzz::bosh_client) >= 10);
}

#[test]
fn xml_split_seeds() {
    assert!(replay("seeds/xml_split", xmpp_web_fuzz::xml_split) >= 10);
}

#[test]
fn host_meta_seeds() {
    assert!(replay("seeds/host_meta", xmpp_web_fuzz::host_meta) >= 10);
}

#[test]
fn ws_frame_seeds() {
    assert!(replay("seeds/ws_frame", xmpp_web_fuzz::ws_frame) >= 10);
}

#[test]
fn ws_connection_seeds() {
    assert!(replay("seeds/ws_connection", xmpp_web_fuzz::ws_connection) >= 10);
}

#[test]
fn deflate_seeds() {
    assert!(replay("seeds/deflate", xmpp_web_fuzz::deflate) >= 10);
}

#[test]
fn handshake_seeds() {
    assert!(replay("seeds/handshake", xmpp_web_fuzz::handshake) >= 10);
}

#[test]
fn xmpp_session_seeds() {
    assert!(replay("seeds/xmpp_session", xmpp_web_fuzz::xmpp_session) >= 20);
}

#[test]
fn server_elements_seeds() {
    assert!(replay("seeds/server_elements", xmpp_web_fuzz::server_elements) >= 10);
}

#[test]
fn stream_relay_seeds() {
    assert!(replay("seeds/stream_relay", xmpp_web_fuzz::stream_relay) >= 20);
}

/// The documents that no reader may accept, in several chunk sizes.
#[test]
fn xml_split_bad_documents() {
    let count = replay("../xmpp-wire/tests/bad", |document| {
        for step in [1, 2, 3, 7, 255] {
            xmpp_web_fuzz::xml_split(&[&[step], document].concat());
        }
    });
    assert!(count >= 35);
}

#[test]
fn http_head_seeds() {
    assert!(replay("seeds/http_head", xmpp_web_fuzz::http_head) >= 20);
}

#[test]
fn http_body_seeds() {
    assert!(replay("seeds/http_body", xmpp_web_fuzz::http_body) >= 15);
}

#[test]
fn bosh_session_seeds() {
    assert!(replay("seeds/bosh_session", xmpp_web_fuzz::bosh_session) >= 10);
}

#[test]
fn body_attrs_seeds() {
    assert!(replay("seeds/body_attrs", xmpp_web_fuzz::body_attrs) >= 10);
}
