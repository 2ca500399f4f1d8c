//! Cutting and checking XML, beside quick-xml reading the same bytes with its events alone.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use xmpp_web_benches::{DOCUMENTS, quick_xml_events};
use xmpp_wire::{Element, Splitter, Wrapped, XmlLimits};

fn documents(criterion: &mut Criterion) {
    let limits = XmlLimits::default();
    let mut group = criterion.benchmark_group("xml_split");
    for &(name, document) in DOCUMENTS {
        group.throughput(Throughput::Bytes(document.len() as u64));
        let bytes = Bytes::from_static(document.as_bytes());
        group.bench_function(format!("{name}/xmpp-wire"), |bencher| {
            if name.starts_with("body") {
                bencher.iter(|| Wrapped::parse(black_box(&bytes).clone(), &[], &limits));
            } else {
                bencher.iter(|| Element::parse(black_box(&bytes).clone(), &limits));
            }
        });
        group.bench_function(format!("{name}/quick-xml"), |bencher| {
            bencher.iter(|| {
                // A document of bytes has to be checked to be UTF-8 first, as we do.
                std::str::from_utf8(black_box(document.as_bytes())).map(quick_xml_events)
            });
        });
    }
    group.finish();
}

/// A stanza on a stream: at once, and in single bytes.
fn stream(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("xml_split/stream");
    let stanza = DOCUMENTS[0].1.as_bytes();
    group.throughput(Throughput::Bytes(stanza.len() as u64));
    for (name, step) in [("at once", stanza.len()), ("single bytes", 1)] {
        let mut splitter = Splitter::stream(XmlLimits::default());
        let mut input = BytesMut::from("<stream>");
        assert!(matches!(splitter.next_piece(&mut input), Ok(Some(_))));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut pieces = 0;
                for chunk in stanza.chunks(step) {
                    input.extend_from_slice(chunk);
                    pieces += usize::from(matches!(splitter.next_piece(&mut input), Ok(Some(_))));
                }
                assert_eq!(pieces, 1);
            });
        });
    }
    group.finish();
}

/// A BOSH wrapper's attributes, each looked at once.
fn attributes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("xml_split/attributes");
    let (_, document) = DOCUMENTS
        .iter()
        .find(|(name, _)| *name == "body-0")
        .expect("a document");
    let body = Wrapped::parse((*document).into(), &[], &XmlLimits::default()).expect("good");
    let tag = std::str::from_utf8(body.wrapper.raw()).expect("UTF-8");
    let content = &tag[1..tag.len() - 1];
    group.throughput(Throughput::Bytes(tag.len() as u64));
    group.bench_function("xmpp-wire", |bencher| {
        bencher.iter(|| black_box(&body.wrapper).attributes().count());
    });
    group.bench_function("quick-xml", |bencher| {
        bencher.iter(|| {
            quick_xml::events::BytesStart::from_content(black_box(content), 4)
                .attributes()
                .flatten()
                .count()
        });
    });
    group.finish();
}

criterion_group!(benches, documents, stream, attributes);
criterion_main!(benches);
