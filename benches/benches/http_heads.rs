//! A browser's POST on a connection that had the same head before, and on one that did not; beside httparse, which only cuts the head and
//! checks neither framing nor target, and reads no body.

use std::{hint::black_box, sync::Arc, time::Instant};

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use xmpp_http1::{
    Response,
    server::{Action, Config, Connection, Event},
};
use xmpp_web_benches::post;

/// Reads one request and answers it.
fn exchange(connection: &mut Connection, input: &mut BytesMut, bytes: &[u8], now: Instant) {
    input.extend_from_slice(bytes);
    connection.handle_input(input, now);
    if let Some(Action::Deliver(Event::Request(request))) = connection.poll_action() {
        let answer = Response::new(200).with_body("text/xml; charset=utf-8", "<body/>");
        connection.respond(request.id, answer, now);
    }
    assert!(black_box(connection.poll_transmit()).is_some());
    assert!(connection.poll_transmit().is_none());
    while connection.poll_action().is_some() {}
}

fn heads(criterion: &mut Criterion) {
    let now = Instant::now();
    let config: Arc<Config> = Config::default().into();
    let bytes = post("<body/>");
    let mut group = criterion.benchmark_group("http_heads");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let mut input = BytesMut::with_capacity(65_536);
    let mut connection = Connection::new(Arc::clone(&config), now);
    group.bench_function("known", |bencher| {
        bencher.iter(|| exchange(&mut connection, &mut input, black_box(&bytes), now));
    });
    group.bench_function("fresh", |bencher| {
        bencher.iter(|| {
            let mut connection = Connection::new(Arc::clone(&config), now);
            exchange(&mut connection, &mut input, black_box(&bytes), now);
        });
    });
    group.bench_function("httparse", |bencher| {
        bencher.iter(|| {
            let mut lines = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Request::new(&mut lines);
            let status = head.parse(black_box(&bytes));
            assert!(status.is_ok_and(|status| status.is_complete()));
        });
    });
    group.finish();
}

criterion_group!(benches, heads);
criterion_main!(benches);
