//! The examples of both runtimes as child processes: clients at the demonstration domain, and a small server with its clients.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(20);
const RUNTIMES: [&str; 2] = ["tokio", "smol"];

/// A child process and what it has said; ended by its id when dropped.
struct Process {
    name: String,
    child: Child,
    said: Arc<(Mutex<String>, Condvar)>,
}

impl Process {
    fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let said = Arc::<(Mutex<String>, Condvar)>::default();
        listen(child.stdout.take().expect("piped"), &said);
        listen(child.stderr.take().expect("piped"), &said);
        Self {
            name: format!("{} {}", program.display(), arguments.join(" ")),
            child,
            said,
        }
    }

    fn example(runtime: &str, name: &str, arguments: &[&str]) -> Self {
        Self::start(&example(runtime, name), arguments)
    }

    /// The rest of the first line that begins or goes on like this.
    fn says(&self, wanted: &str) -> String {
        let (said, more) = &*self.said;
        let waited = more.wait_timeout_while(said.lock().expect("no panic"), PATIENCE, |said| {
            !said.lines().any(|line| line.contains(wanted))
        });
        let (said, _) = waited.expect("no panic");
        let found = said.lines().find_map(|line| line.split_once(wanted));
        let (_, rest) = found.unwrap_or_else(|| panic!("{}: no {wanted:?} in: {said}", self.name));
        rest.to_owned()
    }

    /// Ends by itself, without a fault.
    fn succeeds(mut self) -> Self {
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "{}: {status}", self.name);
        self
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(from: impl Read + Send + 'static, said: &Arc<(Mutex<String>, Condvar)>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let (said, more) = &*said;
            let mut said = said.lock().expect("no panic");
            said.push_str(&line);
            said.push('\n');
            more.notify_all();
        }
    });
}

/// An example that was built with this test; it is built here where only this test was asked for.
fn example(runtime: &str, name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().expect("no panic");
    find(runtime, name).unwrap_or_else(|| {
        let package = format!("xmpp-web-{runtime}");
        let built = Command::new(env!("CARGO"))
            .args(["build", "-q", "-p", &package, "--examples"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.expect("cargo").success());
        find(runtime, name).expect("it is built")
    })
}

/// What cargo notes beside each program says whose it is: an example of a name that both runtimes have bears its own behind it.
fn find(runtime: &str, name: &str) -> Option<PathBuf> {
    let names = [name.to_owned(), format!("{name}_{runtime}")];
    let directory = Path::new(env!("CARGO_BIN_EXE_xmpp-web")).parent()?;
    let notes = fs::read_dir(directory.join("examples")).ok()?.flatten();
    notes
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "d"))
        .filter(|path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let found = stem.and_then(|stem| stem.rsplit_once('-'));
            found.is_some_and(|(found, _)| {
                let source = format!("runtime-{runtime}/examples/{found}.rs");
                names.iter().any(|name| name == found)
                    && fs::read_to_string(path).is_ok_and(|text| text.contains(&source))
            })
        })
        .map(|path| path.with_extension(""))
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .max()
        .map(|(_, path)| path)
}

fn urls(address: &str) -> [String; 2] {
    [
        format!("ws://{address}/xmpp-websocket"),
        format!("http://{address}/http-bind"),
    ]
}

/// A bot echoes what is sent to it, and whoever watches sees that.
#[test]
fn clients_at_the_demonstration_domain() {
    let program = Path::new(env!("CARGO_BIN_EXE_xmpp-web"));
    let gateway = Process::start(program, &["serve", "--listen", "127.0.0.1:0"]);
    let address = gateway.says("listening on http://");
    let [websocket, bosh] = urls(address.trim_end_matches('/'));
    for (runtime, bots, others) in [("tokio", &websocket, &bosh), ("smol", &bosh, &websocket)] {
        let bot = format!("bot-{runtime}@localhost");
        let eve = format!("eve-{runtime}@localhost");
        let echoing = Process::example(runtime, "echo_bot", &[&bot, "secret", bots]);
        assert!(echoing.says(&bot).ends_with(bots.as_str()), "where it is");
        let watching = Process::example(runtime, "watch", &[&eve, "secret", others]);
        watching.says("session 1 at ");
        watching.says(&eve);
        let text = format!("hello from {runtime}");
        let arguments = [&eve, "secret", &bot, text.as_str(), others];
        let sent = Process::example(runtime, "send_message", &arguments).succeeds();
        assert_eq!(sent.says(" has sent it by way of "), *others);
        let echo = watching.says("<message");
        assert!(echo.contains(&text) && echo.contains(&bot), "{echo}");
    }
}

/// Clients of both runtimes at a server of each.
#[test]
fn clients_at_a_small_server() {
    for serving in RUNTIMES {
        let server = Process::example(serving, "serve_sessions", &["127.0.0.1:0"]);
        let address = server.says("listening at ");
        for runtime in RUNTIMES {
            for (user, url) in ["ann", "bob"].into_iter().zip(urls(&address)) {
                let jid = format!("{user}-{runtime}@lantern.example");
                let arguments = [&jid, "secret", "lantern.example", "hello", &url];
                let sent = Process::example(runtime, "send_message", &arguments).succeeds();
                assert_eq!(sent.says(" has sent it by way of "), url);
                server.says(&format!("{jid}/web is here"));
                server.says(&format!("{jid}/web: closed by the client"));
            }
        }
        let [_, url] = urls(&address);
        let guest = Process::example(serving, "watch", &["lantern.example", "", &url]);
        assert!(guest.says("guest-").ends_with("@lantern.example/web"));
    }
}
