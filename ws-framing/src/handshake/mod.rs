//! The opening handshake as pure functions over heads (RFC 6455 §4).

pub mod client;
mod endpoint;
pub mod extended_connect;
pub(crate) mod extensions;
pub mod server;

pub use xmpp_http1::{RequestHead, Response, Version};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// `Sec-WebSocket-Accept` for a key, which is taken as the text that it is (RFC 6455 §4.2.2).
fn accept_value(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// Whether this is base64 of 16 bytes; the spare bits of its last character may be anything, as in the RFC's own sample (W-R-008).
fn is_key(key: &[u8]) -> bool {
    let Some((text, b"==")) = key.split_last_chunk::<2>() else {
        return false;
    };
    text.len() == 22
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// RFC 9110 §5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_values_are_the_golden_ones() {
        assert_eq!(
            accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(
            accept_value(b"EBESExQVFhcYGRobHB0eHw=="),
            "cW0HMpChSOllUrDZnf5AIF3ENuY="
        );
    }
}
