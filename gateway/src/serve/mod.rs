//! `xmpp-web serve`: starts, says what it serves, and goes down in order.
//!
//! On SIGTERM or Ctrl-C: no more connections are accepted; every BOSH session is closed and every held request answered;
//! WebSockets get their stream error and 1001 (W-R-473); what is left has until the deadline. A second signal ends the wait.

mod admission;
mod connection;
mod descriptors;
#[cfg(debug_assertions)]
mod failpoint;
mod gate;
mod listen;
mod logins;
mod lookups;
mod nodes;
mod page;
mod proxy_protocol;
mod rate;
mod redirect;
mod reports;
mod route;
mod sessions;
mod shares;
mod shutdown;
mod tasks;
mod upstream;

use std::{io, process::ExitCode, sync::Arc};

use tokio::sync::Mutex;
use xmpp_web_tokio::{Tokio, driver::bosh::Hub, seed};

pub(crate) use self::descriptors::Budget;
use self::{
    gate::Gate,
    shutdown::{Controller, Finished},
    tasks::Tasks,
};
use crate::{
    config::{Config, Protection, Server},
    logging,
};

/// Runs until a signal comes.
pub(crate) fn run(config: Config, budget: Budget) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            logging::say(&format!("xmpp-web: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let served = runtime.block_on(runtime.spawn(serve(Arc::new(config), budget)));
    // A panic has been logged.
    let code = served.unwrap_or(ExitCode::FAILURE);
    // What outlived the deadline is not waited for.
    runtime.shutdown_background();
    code
}

async fn serve(config: Arc<Config>, budget: Budget) -> ExitCode {
    let started = listen::bind(&config).and_then(|bound| {
        let signals = Signals::new().map_err(|error| format!("cannot hear signals: {error}"))?;
        let seed = seed().map_err(|error| error.to_string())?;
        Ok((bound, signals, seed))
    });
    let (bound, mut signals, seed) = match started {
        Ok(started) => started,
        Err(problem) => {
            logging::say(&format!("xmpp-web: {problem}"));
            return ExitCode::FAILURE;
        }
    };
    let runtime = Tokio::current();
    let controller = Controller::new();
    announce(&config, &budget, &bound);
    let mut bosh = config.machines.bosh.clone();
    // The admission bounds those of both transports; what it refuses is there for a moment.
    bosh.sessions = budget.sessions.saturating_mul(2);
    let (hub, sessions) = Hub::without_timer(Arc::new(bosh), seed, runtime.clone());
    let gate = Gate::new(
        Arc::clone(&config),
        budget,
        hub.clone(),
        runtime,
        controller.listen(),
    );
    let reports = gate.reports.clone();
    let mut tasks = Tasks::new(gate.troubles.clone());
    tasks.keep("reports".to_owned(), {
        let reports = reports.clone();
        move || reports.clone().run()
    });
    tasks.keep("timer".to_owned(), {
        let hub = hub.clone();
        move || hub.timer()
    });
    tasks.keep("sessions".to_owned(), {
        let (sessions, gate) = (Arc::new(Mutex::new(sessions)), gate.clone());
        move || sessions::serve(Arc::clone(&sessions), gate.clone())
    });
    for listener in bound {
        let name = format!("listener {}", listener.address());
        let (listener, gate) = (Arc::new(Mutex::new(listener)), gate.clone());
        tasks.keep(name, move || {
            listen::serve(Arc::clone(&listener), gate.clone())
        });
    }
    drop(gate);

    let code = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, sessions = hub.sessions(), "going down");
            ExitCode::SUCCESS
        }
        () = tasks.given_up() => {
            tracing::error!(sessions = hub.sessions(), "going down");
            ExitCode::FAILURE
        }
    };
    // From here on tasks end because they are told to.
    drop(tasks);
    // First the sessions, so that held requests leave with `system-shutdown`; then the connections, which close behind them.
    hub.shutdown();
    controller.signal();
    let deadline = config.limits.shutdown;
    tokio::select! {
        finished = controller.wait(deadline) => match finished {
            Finished::All => tracing::info!("down"),
            Finished::Overdue => tracing::warn!(?deadline, "down; some connections did not end in time"),
        },
        signal = signals.next() => tracing::warn!(signal, "down at once"),
    }
    reports.finish();
    code
}

/// One line for everything that is served. The lines for listeners are for machines as well: `listening on
/// http://ADDRESS/`, or `https:`.
fn announce(config: &Config, budget: &Budget, bound: &[listen::Bound]) {
    if let Some(advice) = budget.advice() {
        tracing::warn!("{advice}");
    }
    for (name, domain) in &config.domains {
        match &domain.server {
            Server::Demonstration => tracing::info!(
                "serving the demonstration domain {name}: any user name with any password, echo@{name} answers"
            ),
            Server::Tcp { host, port, tls } => {
                let tls = match tls {
                    Protection::None | Protection::Loopback => "plain TCP",
                    Protection::StartTls(_) => "STARTTLS",
                    Protection::Direct(_) => "direct TLS",
                };
                tracing::info!("serving {name} at {host}:{port}, {tls}");
            }
        }
    }
    for listener in bound {
        let (scheme, address) = (listener.scheme(), listener.address());
        tracing::info!("listening on {scheme}://{address}/");
    }
    for line in budget.to_string().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        tracing::debug!("{}", words.join(" "));
    }
}

/// SIGTERM and Ctrl-C.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> &'static str {
        // Without a handler there is nothing to wait for.
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}
