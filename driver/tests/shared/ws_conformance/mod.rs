//! The 517 cases of `ws-conformance` over real sockets, against the echoing examples of a runtime: as a client towards its server, and as a
//! test server that its client asks for one case after the other, as it would ask Autobahn's fuzzingserver.

mod conversation;
mod head;
mod pressure;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use ws_conformance::{Agreed, Case, Ending, Play, Subject, agree, answer, cases, deflate_cases};

use self::conversation::converse;
pub(crate) use self::pressure::*;
use crate::example::Example;

/// Bytes of the messages of one compressed case.
const CASE_BYTES: usize = 32_768;
/// How long anything may take that is not the whole.
const PATIENCE: Duration = Duration::from_secs(20);

fn all() -> Vec<Case> {
    let mut all = cases();
    all.extend(deflate_cases(CASE_BYTES));
    assert_eq!(all.len(), 517);
    all
}

fn play(case: &Case, subject: Subject, extensions: Option<&str>) -> Result<Play, String> {
    let play = Play::new(case, subject);
    match (case.deflate, extensions) {
        ([], None) => Ok(play),
        ([], Some(extensions)) => Err(format!("{extensions} was not spoken of")),
        (_, None) => Err("compression was declined".to_owned()),
        (requests, Some(extensions)) => {
            let agreed: Agreed =
                agree(requests, subject, extensions).map_err(|wrong| wrong.to_string())?;
            Ok(play.with_deflate(agreed))
        }
    }
}

fn patient(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)
}

/// The server's end, and that it closes the transport first (RFC 6455 §7.1.1).
pub(crate) fn a_server_passes_every_case(server: &str) {
    let mut server = Example::start(server, &["127.0.0.1:0"]);
    let address = server.address();
    let (cases, next) = (all(), AtomicUsize::new(0));
    let failed: Vec<String> = thread::scope(|scope| {
        let workers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut failed = Vec::new();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(wrong) = as_client(case, address) {
                        failed.push(format!("{case:?}: {wrong}"));
                    }
                }
                failed
            })
        });
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker"))
            .collect()
    });
    assert!(failed.is_empty(), "{failed:#?}");
}

fn as_client(case: &Case, address: SocketAddr) -> Result<(), String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    patient(&stream).map_err(|error| error.to_string())?;
    let offer = (!case.deflate.is_empty()).then(|| ws_conformance::offer(case.deflate));
    let extensions = head::ask(&mut stream, address, offer.as_deref())?;
    let mut play = play(case, Subject::Server, extensions.as_deref())?;
    converse(&mut play, &mut stream)?;
    conversation::at_end(&mut stream)
}

/// The client's end, and the code that it reports.
pub(crate) fn a_client_passes_every_case(client: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    // A client that is gone asks for nothing any more.
    let patience = socket2::SockRef::from(&listener).set_read_timeout(Some(PATIENCE));
    patience.expect("an option");
    let url = format!("ws://{}", listener.local_addr().expect("an address"));
    let client = Example::start(client, &[&url, "test"]);
    let (cases, mut failed, mut reported) = (all(), Vec::new(), BTreeMap::new());
    loop {
        let (mut stream, _) = listener.accept().expect("a connection");
        patient(&stream).expect("options");
        let request = head::read_request(&mut stream).expect("a request");
        let answered = match request.query("case") {
            _ if request.path() == "/getCaseCount" => say(&mut stream, &request, cases.len()),
            Some(number) => {
                let case = &cases[number.parse::<usize>().expect("a number") - 1];
                reported.insert(number.to_owned(), case);
                as_server(case, &mut stream, &request).map_err(|wrong| format!("{case:?}: {wrong}"))
            }
            None => {
                assert_eq!(request.path(), "/updateReports");
                assert_eq!(request.query("agent"), Some("test"));
                break head::accept(&mut stream, &request, None).expect("an answer");
            }
        };
        failed.extend(answered.err());
    }
    for line in client.output().lines() {
        let Some((number, code)) = line
            .strip_prefix("case ")
            .and_then(|line| line.split_once(": "))
        else {
            continue;
        };
        let case = reported.remove(number).expect("a case that was played");
        let expected = match case.script().ending {
            Ending::Clean(code) => code,
            Ending::Failed(_) => 1006,
        };
        if code != expected.to_string() {
            failed.push(format!("{case:?}: {code} reported"));
        }
    }
    assert!(reported.is_empty(), "not reported: {reported:?}");
    assert!(failed.is_empty(), "{failed:#?}");
}

fn as_server(case: &Case, stream: &mut TcpStream, request: &head::Request) -> Result<(), String> {
    let extensions = match case.deflate {
        [] => None,
        requests => {
            let offered = request.field("sec-websocket-extensions");
            Some(answer(requests, offered.unwrap_or_default()).ok_or("no offer that will do")?)
        }
    };
    head::accept(stream, request, extensions.as_deref())?;
    let mut play = play(case, Subject::Client, extensions.as_deref())?;
    converse(&mut play, stream)?;
    match play.ending() {
        // It waits for the server to end the transport.
        Ending::Clean(_) => Ok(()),
        Ending::Failed(_) => conversation::at_end(stream),
    }
}

/// Says how many cases there are, and closes.
fn say(stream: &mut TcpStream, request: &head::Request, count: usize) -> Result<(), String> {
    head::accept(stream, request, None)?;
    conversation::tell(stream, &count.to_string())
}
