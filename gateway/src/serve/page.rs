//! The page for people, embedded.

use bytes::Bytes;
use xmpp_http1::Response;

/// What is served below `/`: path, type, bytes.
const FILES: [(&str, &str, &[u8]); 15] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_bytes!("../page/index.html"),
    ),
    (
        "/page.css",
        "text/css; charset=utf-8",
        include_bytes!("../page/page.css"),
    ),
    ("/page.js", SCRIPT, include_bytes!("../page/page.js")),
    (
        "/page-axis.js",
        SCRIPT,
        include_bytes!("../page/page-axis.js"),
    ),
    (
        "/page-bosh.js",
        SCRIPT,
        include_bytes!("../page/page-bosh.js"),
    ),
    (
        "/page-chat.js",
        SCRIPT,
        include_bytes!("../page/page-chat.js"),
    ),
    (
        "/page-frames.js",
        SCRIPT,
        include_bytes!("../page/page-frames.js"),
    ),
    (
        "/page-lanes.js",
        SCRIPT,
        include_bytes!("../page/page-lanes.js"),
    ),
    (
        "/page-network.js",
        SCRIPT,
        include_bytes!("../page/page-network.js"),
    ),
    (
        "/page-story.js",
        SCRIPT,
        include_bytes!("../page/page-story.js"),
    ),
    (
        "/page-stream.js",
        SCRIPT,
        include_bytes!("../page/page-stream.js"),
    ),
    (
        "/page-table.js",
        SCRIPT,
        include_bytes!("../page/page-table.js"),
    ),
    (
        "/page-websocket.js",
        SCRIPT,
        include_bytes!("../page/page-websocket.js"),
    ),
    (
        "/page-wire.js",
        SCRIPT,
        include_bytes!("../page/page-wire.js"),
    ),
    (
        "/page-icon.svg",
        "image/svg+xml",
        include_bytes!("../page/page-icon.svg"),
    ),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page loads nothing from elsewhere and talks to this host alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The page's file at that path, as an answer.
pub(crate) fn file(path: &str) -> Option<Response> {
    let (_, content_type, bytes) = FILES.iter().find(|(name, ..)| *name == path)?;
    Some(
        Response::new(200)
            .with_field("Cache-Control", "no-cache")
            .with_field("X-Content-Type-Options", "nosniff")
            .with_field("Content-Security-Policy", POLICY)
            .with_field("Referrer-Policy", "no-referrer")
            .with_body(*content_type, Bytes::from_static(bytes)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_there() {
        for (_, _, bytes) in FILES {
            let text = std::str::from_utf8(bytes).expect("text");
            for marker in ["href=\"page", "src=\"page", "from './page"] {
                for rest in text.split(marker).skip(1) {
                    let name = rest.split(['"', '\'']).next().expect("an end");
                    assert!(file(&format!("/page{name}")).is_some(), "/page{name}");
                }
            }
        }
    }
}
