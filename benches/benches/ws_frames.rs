//! WebSocket messages in one frame, beside tungstenite and tokio-websockets with the same bytes.

use std::{hint::black_box, time::Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use xmpp_web_benches::websocket::{PEERS, peer};

fn frames(criterion: &mut Criterion) {
    for work in ["receive", "send-masked"] {
        let mut group = criterion.benchmark_group(format!("ws_frames/{work}"));
        for bytes in [125, 1_024, 16_384] {
            group.throughput(Throughput::Bytes(bytes as u64));
            for name in PEERS {
                let mut peer = peer(name, bytes, Instant::now()).expect("a peer");
                group.bench_function(BenchmarkId::new(name, bytes), |bencher| {
                    bencher.iter(|| {
                        let length = if work == "receive" {
                            peer.receive()
                        } else {
                            peer.send()
                        };
                        assert!(black_box(length) >= bytes, "a whole message");
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, frames);
criterion_main!(benches);
