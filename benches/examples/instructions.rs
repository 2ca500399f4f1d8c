//! One kind of work a number of times, to be counted by valgrind: `instructions <document> <ours|quick-xml|stream> <times>`.
//! The difference of two numbers of times, divided, is what one costs.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use xmpp_web_benches::{DOCUMENTS, quick_xml_events};
use xmpp_wire::{Element, Splitter, Wrapped, XmlLimits};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, document, work, times] = arguments.as_slice() else {
        panic!("instructions <document> <ours|quick-xml|stream> <times>");
    };
    let (_, text) = DOCUMENTS
        .iter()
        .find(|(name, _)| name == document)
        .expect("a document of benches/data");
    let times: usize = times.parse().expect("a number of times");
    let limits = XmlLimits::default();
    let bytes = Bytes::from_static(text.as_bytes());
    let mut splitter = Splitter::stream(limits.clone());
    let mut input = BytesMut::from("<stream>");
    splitter.next_piece(&mut input).expect("a header");
    for _ in 0..times {
        match work.as_str() {
            "ours" if document.starts_with("body") => {
                drop(black_box(Wrapped::parse(
                    black_box(&bytes).clone(),
                    &[],
                    &limits,
                )));
            }
            "ours" => drop(black_box(Element::parse(
                black_box(&bytes).clone(),
                &limits,
            ))),
            "quick-xml" => {
                black_box(std::str::from_utf8(black_box(text.as_bytes())).map(quick_xml_events))
                    .ok();
            }
            "stream" => {
                input.extend_from_slice(&bytes);
                drop(black_box(splitter.next_piece(&mut input)));
            }
            other => panic!("{other}?"),
        }
    }
}
