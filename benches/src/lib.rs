//! Inputs of the benches, and what the rivals do with them.

pub mod websocket;

use quick_xml::{Reader, events::Event};

/// Where quick-xml 0.42 finds the children of the root: their ends. It checks names of end tags, and nothing more.
pub fn quick_xml_events(document: &str) -> usize {
    let mut reader = Reader::from_str(document);
    let mut depth = 0_usize;
    let mut ends = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => depth += 1,
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    ends += 1;
                }
            }
            Ok(Event::Empty(_)) if depth == 1 => ends += 1,
            Ok(Event::Eof) | Err(_) => return ends,
            Ok(_) => {}
        }
    }
}

/// A named document.
pub type Document = (&'static str, &'static str);

macro_rules! documents {
    ($($name:literal)+) => {
        /// The committed inputs.
        pub const DOCUMENTS: &[Document] = &[$(($name, include_str!(concat!("../data/", $name, ".xml")))),+];
    };
}

documents! { "chat" "presence" "photo" "roster" "body-0" "body-1" "body-5" "attributes" "nested" "escapes" }

/// A POST to a BOSH endpoint as Chrome writes it.
pub fn post(body: &str) -> Vec<u8> {
    format!(
        "POST /http-bind HTTP/1.1\r\nHost: chat.example:5280\r\nConnection: keep-alive\r\nContent-Length: {}\r\n\
         sec-ch-ua-platform: \"Linux\"\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
         sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\", \"Google Chrome\";v=\"140\"\r\n\
         Content-Type: text/xml; charset=utf-8\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\nOrigin: https://chat.example\r\n\
         Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: https://chat.example/\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
