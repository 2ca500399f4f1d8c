//! A closed loop of sessions: each sends one message to itself, waits for it, and sends the next.
//!
//! `load <bosh|websocket|tcp> <address> <domain> <sessions> <seconds> [<name>=<process id>]...` signs in with SASL ANONYMOUS at `domain`,
//! runs for a second unmeasured, then for `seconds`, and says round trips per second, HTTP requests per round trip, and of each
//! process the CPU time per round trip (user and system, `/proc/<process id>/stat`). With `<number>x` in place of the seconds each session makes
//! as many round trips, and nothing is measured: for a program that counts instructions.

use std::{cell::Cell, io, rc::Rc, time::Duration};

use tokio::{task::LocalSet, time};

mod bosh;
mod cpu;
mod stream;
mod websocket;

use cpu::CpuTime;

/// A stanza without a namespace of its own is this long; BOSH and WebSocket add the namespace.
const STANZA: usize = 200;

/// A session's connection, whatever carries it.
enum Session {
    Bosh(bosh::Bosh),
    WebSocket(websocket::WebSocket),
    Tcp(stream::Stream),
}

impl Session {
    async fn open(transport: &str, address: &str, domain: &str) -> io::Result<Self> {
        match transport {
            "bosh" => Ok(Self::Bosh(bosh::Bosh::open(address, domain).await?)),
            "websocket" => Ok(Self::WebSocket(
                websocket::WebSocket::open(address, domain).await?,
            )),
            "tcp" => Ok(Self::Tcp(stream::Stream::open(address, domain).await?)),
            other => Err(io::Error::other(format!("{other}?"))),
        }
    }

    /// A new stream on the same connection.
    async fn restart(&mut self) -> io::Result<()> {
        match self {
            Self::Bosh(session) => session.restart().await,
            Self::WebSocket(session) => session.restart().await,
            Self::Tcp(session) => session.restart().await,
        }
    }

    /// `start` is the stanza's tag without its end, `rest` what follows: a namespace may be needed in between.
    async fn send(&mut self, start: &str, rest: &str) -> io::Result<()> {
        match self {
            Self::Bosh(session) => session.send(start, rest).await,
            Self::WebSocket(session) => session.send(start, rest).await,
            Self::Tcp(session) => session.send(start, rest).await,
        }
    }

    /// What has come, up to the first that holds `needle`.
    async fn until(&mut self, needle: &str) -> io::Result<String> {
        match self {
            Self::Bosh(session) => session.until(needle).await,
            Self::WebSocket(session) => session.until(needle).await,
            Self::Tcp(session) => session.until(needle).await,
        }
    }

    fn requests(&self) -> u64 {
        match self {
            Self::Bosh(session) => session.requests,
            Self::WebSocket(_) | Self::Tcp(_) => 0,
        }
    }
}

async fn sign_in(transport: &str, address: &str, domain: &str) -> io::Result<(Session, String)> {
    let mut session = Session::open(transport, address, domain).await?;
    session.until("features>").await?;
    let sasl = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'";
    session.send(sasl, "/>").await?;
    session.until("<success").await?;
    session.restart().await?;
    session.until("features>").await?;
    let bind = "><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    session.send("<iq type='set' id='bind'", bind).await?;
    let answer = session.until("</iq>").await?;
    let jid = answer
        .split_once("<jid>")
        .and_then(|(_, rest)| rest.split_once("</jid>"));
    let Some((jid, _)) = jid else {
        return Err(io::Error::other(answer));
    };
    Ok((session, jid.to_owned()))
}

#[derive(Default)]
struct Counts {
    round_trips: Cell<u64>,
    requests: Cell<u64>,
}

async fn repeat(
    mut session: Session,
    jid: &str,
    times: Option<u64>,
    counts: &Counts,
) -> io::Result<()> {
    let start = format!("<message type='chat' to='{jid}'");
    let fixed = start.len() + "><body></body></message>".len();
    let body = "x".repeat(STANZA.saturating_sub(fixed));
    let rest = format!("><body>{body}</body></message>");
    let mut done = 0;
    while times.is_none_or(|times| done < times) {
        done += 1;
        let before = session.requests();
        session.send(&start, &rest).await?;
        session.until("</message>").await?;
        counts
            .requests
            .set(counts.requests.get() + session.requests() - before);
        counts.round_trips.set(counts.round_trips.get() + 1);
    }
    Ok(())
}

async fn measure(arguments: &[String]) -> io::Result<()> {
    let [
        transport,
        address,
        domain,
        sessions,
        seconds,
        processes @ ..,
    ] = arguments
    else {
        return Err(io::Error::other(
            "load <bosh|websocket|tcp> <address> <domain> <sessions> <seconds> [<name>=<process id>]...",
        ));
    };
    let sessions: usize = sessions.parse().map_err(io::Error::other)?;
    let times = seconds.strip_suffix('x').map(str::parse).transpose();
    let times: Option<u64> = times.map_err(io::Error::other)?;
    let seconds: u64 = match times {
        Some(_) => 0,
        None => seconds.parse().map_err(io::Error::other)?,
    };
    let counts = Rc::new(Counts::default());
    // All of them before the first message: a busy server lets sign-ins wait.
    let mut signed_in = Vec::new();
    for _ in 0..sessions {
        let signing = sign_in(transport, address, domain);
        signed_in.push(time::timeout(Duration::from_secs(10), signing).await??);
    }
    let mut repeating = Vec::new();
    for (session, jid) in signed_in {
        let counts = Rc::clone(&counts);
        repeating.push(tokio::task::spawn_local(async move {
            // A session that ends would make the others look cheap.
            if let Err(error) = repeat(session, &jid, times, &counts).await {
                eprintln!("load: {jid}: {error}");
                std::process::exit(1);
            }
        }));
    }
    if times.is_some() {
        for session in repeating {
            session.await.map_err(io::Error::other)?;
        }
        std::process::exit(0);
    }
    time::sleep(Duration::from_secs(1)).await;
    let (round_trips, requests) = (counts.round_trips.get(), counts.requests.get());
    let mut before = Vec::new();
    for process in processes {
        let (name, id) = process.split_once('=').ok_or(io::ErrorKind::InvalidInput)?;
        before.push((name, id, CpuTime::of(id)?));
    }
    let started = time::Instant::now();
    time::sleep(Duration::from_secs(seconds)).await;
    let elapsed = started.elapsed().as_secs_f64();
    let round_trips = (counts.round_trips.get() - round_trips) as f64;
    let requests = (counts.requests.get() - requests) as f64;
    print!("{:8.0}/s", round_trips / elapsed);
    if transport == "bosh" {
        print!("  requests {:.2}", requests / round_trips);
    }
    for (name, id, then) in before {
        let now = CpuTime::of(id)?;
        let user = (now.user - then.user) * 1e6 / round_trips;
        let system = (now.system - then.system) * 1e6 / round_trips;
        print!("  {name} {:.1} us ({user:.1} + {system:.1})", user + system);
    }
    println!();
    // Without farewells: what follows is a new measurement.
    std::process::exit(0);
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, measure(&arguments))
}
