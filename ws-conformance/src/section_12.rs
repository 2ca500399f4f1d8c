//! 12 and 13: permessage-deflate (RFC 7692), messages of many sizes, with what is asked of the subject's compressor.

use crate::{
    Answer, Case, Frame, Script,
    deflate::{Request, corpus::Kind},
};

/// Bytes of a message, and of its fragments.
const SIZES: [(usize, Option<usize>); 18] = [
    (16, None),
    (64, None),
    (256, None),
    (1024, None),
    (4096, None),
    (8192, None),
    (16_384, None),
    (32_768, None),
    (65_536, None),
    (131_072, None),
    (8192, Some(256)),
    (16_384, Some(256)),
    (32_768, Some(256)),
    (65_536, Some(256)),
    (131_072, Some(256)),
    (131_072, Some(1024)),
    (131_072, Some(4096)),
    (131_072, Some(32_768)),
];

/// One message of so many is sent as it is (RFC 7692 §6).
const PLAIN_OF: usize = 7;

const fn request(no_context_takeover: bool, window_bits: Option<u8>) -> Request {
    Request {
        no_context_takeover,
        window_bits,
    }
}

const DEFAULT: [Request; 1] = [request(false, None)];
const PARAMETERS: [&[Request]; 7] = [
    &DEFAULT,
    &[request(true, None)],
    &[request(false, Some(9))],
    &[request(false, Some(15))],
    &[request(true, Some(9))],
    &[request(true, Some(15))],
    &[
        request(true, Some(9)),
        request(true, None),
        request(false, None),
    ],
];

/// The compressed cases, each of 1000 messages, or as many (two at least) as have `bytes` in all.
pub(crate) fn cases(bytes: usize) -> Vec<Case> {
    let payloads = (1..)
        .zip(Kind::ALL)
        .map(|(group, kind)| (12, group, kind, &DEFAULT[..]));
    let parameters = (1..)
        .zip(PARAMETERS)
        .map(|(group, requests)| (13, group, Kind::Json, requests));
    payloads
        .chain(parameters)
        .flat_map(|(section, group, kind, requests)| {
            (1..).zip(SIZES).map(move |(number, (size, fragments))| {
                let count = (bytes / size).clamp(2, 1000);
                let cut =
                    fragments.map_or(String::new(), |size| format!(" in fragments of {size}"));
                Case::new(
                    format!("{section}.{group}.{number}"),
                    format!("{count} messages of {size} bytes of {}{cut}", kind.title()),
                    move || script(kind, size, fragments, count),
                )
                .with_deflate(requests)
            })
        })
        .collect()
}

fn script(kind: Kind, size: usize, fragments: Option<usize>, count: usize) -> Script {
    let opcode = if kind.is_text() { 1 } else { 2 };
    let messages = kind.messages(size, count);
    let script = (0..)
        .zip(messages)
        .fold(Script::new(), |script, (at, message)| {
            let answer = if kind.is_text() {
                Answer::Text(message.clone())
            } else {
                Answer::Binary(message.clone())
            };
            let script = if at % PLAIN_OF == PLAIN_OF - 1 {
                script.send_all(Frame::fragments(
                    opcode,
                    &message,
                    fragments.unwrap_or(size),
                ))
            } else {
                script.compressed(opcode, message, fragments)
            };
            script.expect(answer)
        });
    script.close()
}
