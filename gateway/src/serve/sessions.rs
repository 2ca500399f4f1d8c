//! BOSH sessions: one task each, from the creation request to the end.

use std::{sync::Arc, time::Instant};

use tokio::sync::Mutex;
use xmpp_web_tokio::{
    Tokio,
    driver::{
        bosh::{Channel, Session, Sessions},
        relay::serve_bosh,
    },
};

use super::gate::Gate;
use crate::logging::Untrusted;

/// Serves every session that clients open, until the process goes down.
pub(crate) async fn serve(sessions: Arc<Mutex<Sessions<Tokio>>>, gate: Gate) {
    let mut sessions = sessions.lock().await;
    let mut shutdown = gate.shutdown.signal();
    loop {
        let session = tokio::select! {
            session = sessions.next() => session,
            () = &mut shutdown => return,
        };
        let Some(session) = session else {
            return;
        };
        tokio::spawn(serve_one(session, gate.clone()));
    }
}

async fn serve_one(session: Session<Tokio>, gate: Gate) {
    let key = session.key();
    let opening = session.opening();
    let protected = match opening.channel {
        Channel::Tls => true,
        Channel::Plain => false,
    };
    let decision = gate.decide(&opening.header, opening.source, protected, None);
    let domain = Untrusted::domain(&opening.header);
    let source = opening
        .source
        .map_or_else(|| "unknown".to_owned(), |source| source.to_string());
    let started = Instant::now();
    tracing::info!(transport = "bosh", session = ?key, %domain, %source, ?decision, "session opened");
    let ended = serve_bosh(
        session,
        decision,
        gate.shutdown.signal(),
        gate.runtime.clone(),
    )
    .await;
    tracing::info!(transport = "bosh", session = ?key, %domain, duration = ?started.elapsed(), cause = %Untrusted::new(&ended.to_string()), "session closed");
}
