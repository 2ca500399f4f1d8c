use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{all, now_or_never};

use super::*;

const HOST: &str = "server.example";

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 0))
}

/// A resolver that counts: how often it was asked, and how many of these are not answered yet.
#[derive(Clone, Default)]
struct Counted {
    asked: Arc<AtomicUsize>,
    flying: Arc<AtomicUsize>,
}

impl Counted {
    /// Names that begin with `hangs` are never answered, those with `none` have a failure, others an address, a second later.
    fn look_ups(&self) -> LookUps {
        let this = self.clone();
        LookUps::new(move |host| {
            let (this, host) = (this.clone(), host.to_owned());
            Box::pin(async move {
                let number = this.asked.fetch_add(1, Ordering::SeqCst);
                this.flying.fetch_add(1, Ordering::SeqCst);
                if host.starts_with("hangs") {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                this.flying.fetch_sub(1, Ordering::SeqCst);
                if host.starts_with("none") {
                    return Err(io::Error::other("no such host"));
                }
                Ok(vec![address(u8::try_from(number).unwrap_or(u8::MAX))])
            })
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn flying(&self) -> usize {
        self.flying.load(Ordering::SeqCst)
    }
}

/// Lets every task come as far as it can without time.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

/// A name is looked up once for all who wait for it, again after 30 s, and again 5 s after a failure.
#[tokio::test(start_paused = true)]
async fn a_name_is_looked_up_once_and_kept() {
    let resolver = Counted::default();
    let share = resolver.look_ups().share();
    let finding = || {
        let share = share.clone();
        tokio::spawn(async move { share.find(HOST, 7).await.expect("an address") })
    };
    for found in all((0..3_000).map(|_| finding())).await {
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 0], 7))]);
    }
    assert_eq!(resolver.asked(), 1);
    tokio::time::advance(KEPT - Duration::from_millis(1)).await;
    share.find(HOST, 7).await.expect("kept");
    assert_eq!(resolver.asked(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    let again = share.find(HOST, 8).await.expect("looked up again");
    assert_eq!(again, [SocketAddr::from(([127, 0, 0, 1], 8))]);
    assert_eq!(resolver.asked(), 2);

    let none = share.find("none.example", 7).await.expect_err("a failure");
    assert_eq!(
        none.to_string(),
        "the look-up of none.example: no such host"
    );
    tokio::time::advance(FAILURE_KEPT - Duration::from_millis(1)).await;
    share.find("none.example", 7).await.expect_err("kept");
    assert_eq!(resolver.asked(), 3);
    tokio::time::advance(Duration::from_millis(1)).await;
    share.find("none.example", 7).await.expect_err("again");
    assert_eq!(resolver.asked(), 4);
    // An address is no name.
    let itself = share.find("::1", 7).await.expect("an address");
    assert_eq!(itself, ["[::1]:7".parse().expect("an address")]);
    assert_eq!(resolver.asked(), 4);
}

/// A domain has four look-ups in flight, all together have 64, and another domain is not stopped by one that has all of its own.
#[tokio::test(start_paused = true)]
async fn look_ups_in_flight_are_shared_out() {
    let resolver = Counted::default();
    let look_ups = resolver.look_ups();
    let hanging: Vec<Share> = (0..20).map(|_| look_ups.share()).collect();
    let ask = |share: &Share, number: usize| {
        let share = share.clone();
        tokio::spawn(async move {
            let late = Duration::from_secs(10);
            let host = format!("hangs{number}.example");
            share.connect(&host, 9, late, |_| true).await.err()
        })
    };
    let first: Vec<_> = (0..10).map(|number| ask(&hanging[0], number)).collect();
    settle().await;
    assert_eq!(resolver.flying(), 4);
    let control = look_ups.share();
    let start = Instant::now();
    control.find("control.example", 7).await.expect("found");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    let others: Vec<_> = hanging[1..]
        .iter()
        .flat_map(|share| (0..10).map(|number| ask(share, number)))
        .collect();
    settle().await;
    assert_eq!(resolver.flying(), 64);
    // The time for the connection covers the wait for a turn.
    for error in all(first.into_iter().chain(others)).await {
        let error = error.expect("nothing is found");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    }
    assert_eq!(start.elapsed(), Duration::from_secs(11));
    // What waited for its turn was given up, and what is in flight goes on.
    settle().await;
    let kept: usize = hanging.iter().map(|share| share.lock().len()).sum();
    assert_eq!((kept, resolver.asked()), (64, 65));
}

/// Names that a server makes up do not fill the memory: the oldest answer makes room, and where nothing is answered there is none.
#[tokio::test(start_paused = true)]
async fn the_names_of_a_domain_are_bounded() {
    let resolver = Counted::default();
    let look_ups = resolver.look_ups();
    let share = look_ups.share();
    for number in 0..NAMES + 2 {
        let host = format!("n{number}.example");
        share.find(&host, 7).await.expect("found");
    }
    assert_eq!(share.lock().len(), NAMES);
    share.find("n65.example", 7).await.expect("kept");
    assert_eq!(resolver.asked(), 66);
    share.find("n1.example", 7).await.expect("found again");
    assert_eq!(resolver.asked(), 67);

    let share = look_ups.share();
    let waiting: Vec<_> = (0..NAMES)
        .map(|number| {
            let share = share.clone();
            let host = format!("hangs{number}.example");
            tokio::spawn(async move { share.find(&host, 7).await })
        })
        .collect();
    settle().await;
    let error = share.find(HOST, 7).await.expect_err("no room");
    assert!(error.to_string().contains("64 other names"), "{error}");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    settle().await;
    // Four are in flight for good.
    assert_eq!(share.lock().len(), 4);
}

/// A resolver that breaks is a failure for those who wait, and for nobody else.
#[tokio::test(start_paused = true)]
async fn a_look_up_that_breaks_off_is_begun_anew() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let look_ups = LookUps::new(move |_| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            assert_ne!(number, 0, "the first breaks");
            Ok(vec![address(1)])
        })
    });
    let share = look_ups.share();
    let error = share.find(HOST, 7).await.expect_err("broken off");
    assert!(error.to_string().contains("was broken off"), "{error}");
    share.find(HOST, 7).await.expect("found");
}

/// What is not permitted is not dialled, whatever name leads there.
#[tokio::test]
async fn addresses_that_are_not_permitted_are_not_dialled() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let look_ups = LookUps::new(|_| {
        let both = ["192.0.2.1:0", "127.0.0.1:0"].map(|text| text.parse().expect("an address"));
        Box::pin(async move { Ok(both.to_vec()) })
    });
    let share = look_ups.share();
    let late = Duration::from_secs(5);
    let here = |address: IpAddr| address.is_loopback();
    let made = share.connect(HOST, port, late, here).await.expect("made");
    let peer = made.0.peer_addr().expect("an address");
    assert_eq!(peer, SocketAddr::from(([127, 0, 0, 1], port)));
    let error = share.connect(HOST, port, late, |_| false).await;
    let error = error.expect_err("none is permitted");
    let source = error.get_ref().expect("a source");
    assert!(source.is::<NonePermitted>(), "{error}");
}

/// The attack: 3 000 sessions for a domain whose name server does not answer hold no thread that another domain needs. Every look-up holds one of
/// the 512 threads, as the system's resolver does.
#[tokio::test]
async fn a_domain_whose_look_ups_hang_does_not_stop_the_others() {
    const SESSIONS: usize = 3_000;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let look_ups = LookUps::new(|host| {
        let hangs = host.starts_with("hangs");
        Box::pin(async move {
            let looked_up = tokio::task::spawn_blocking(move || {
                if hangs {
                    std::thread::sleep(Duration::from_secs(3));
                    return Err(io::Error::other("no name server answers"));
                }
                Ok(vec![address(1)])
            });
            looked_up.await.map_err(io::Error::other)?
        })
    });
    let attacked = look_ups.share();
    let late = Duration::from_secs(2);
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|number| {
            let share = attacked.clone();
            let host = format!("hangs{}.example", number % 8);
            tokio::spawn(async move { share.connect(&host, port, late, |_| true).await })
        })
        .collect();
    settle().await;
    let control = look_ups.share();
    for number in 0..10 {
        let start = Instant::now();
        let host = format!("control{number}.example");
        let made = control.connect(&host, port, late, |_| true).await;
        made.expect("the other domain is served");
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{number}: {:?}",
            start.elapsed()
        );
    }
    for ended in all(sessions).await {
        assert!(ended.is_err());
    }
}

/// Dials have a share as well: a domain whose server swallows them has 256 at once, and what waits for a turn is told so.
#[tokio::test]
async fn dials_of_a_domain_have_a_share() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let look_ups = LookUps::new(system);
    let (attacked, control) = (look_ups.share(), look_ups.share());
    let turns: Vec<_> = (0..DIALS_PER_DOMAIN)
        .map(|_| attacked.0.dials.try_acquire().expect("a turn"))
        .collect();
    let soon = Duration::from_millis(50);
    let error = attacked.connect("127.0.0.1", port, soon, |_| true).await;
    let error = error.expect_err("no turn");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("256 other"), "{error}");
    let made = control.connect("127.0.0.1", port, soon, |_| true).await;
    made.expect("another domain's turn");
    let late = Duration::from_secs(5);
    let waiting = attacked.connect("127.0.0.1", port, late, |_| true);
    let mut waiting = pin!(waiting);
    assert!(now_or_never(waiting.as_mut()).await.is_none());
    drop(turns);
    waiting.await.expect("a turn came");
}

mod futures {
    use std::{future::Future, task::Poll};

    /// All of these, in order.
    pub(super) async fn all<T>(
        tasks: impl IntoIterator<Item = tokio::task::JoinHandle<T>>,
    ) -> Vec<T> {
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.expect("no panic"));
        }
        done
    }

    /// What it has without a wait.
    pub(super) async fn now_or_never<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            Poll::Ready(match std::pin::Pin::new(&mut future).poll(cx) {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            })
        })
        .await
    }
}
