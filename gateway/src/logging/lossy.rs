//! A bounded queue of log lines, and the thread that writes them.
//!
//! Rules:
//!
//! - Who logs never waits for the sink and never sees its errors: the lock is held for a copy in memory alone.
//! - At most [`ROOM`] bytes wait and as many are being written. What finds no room, and what the sink refuses, is counted by lines.
//! - The count is told in one line as soon as the sink takes something again: in front of the next lines where the sink failed, behind those that
//!   waited where there was no room.

use std::{
    fmt::Write as _,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::{
    MakeWriter,
    format::Writer,
    time::{FormatTime as _, SystemTime},
};

/// Bytes of lines that may wait.
const ROOM: usize = 1_048_576;
/// Between two attempts to tell what was lost, where nothing else is logged.
const AGAIN: Duration = Duration::from_secs(1);
/// Before a non-blocking sink is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// Largest buffer that is kept for the next lines.
const KEPT: usize = 65_536;

/// The side that logs. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Lossy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// All is written.
    drained: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room behind those that wait.
    lost: u64,
    /// The thread has bytes in its hands.
    writing: bool,
}

impl Lossy {
    /// Starts the thread; it ends with the process.
    pub(crate) fn new(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let inner = Arc::new(Inner {
            state: Mutex::default(),
            filled: Condvar::new(),
            drained: Condvar::new(),
        });
        let writer = Arc::clone(&inner);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_to(sink))?;
        Ok(Self(inner))
    }

    /// Queues whole lines, or counts them where there is no room.
    pub(crate) fn push(&self, lines: &[u8]) {
        let mut state = self.0.lock();
        // Behind a gap nothing is queued before the gap is told.
        if state.lost > 0 || state.waiting.len() + lines.len() > ROOM {
            state.lost = state.lost.saturating_add(count(lines));
        } else {
            state.waiting.extend_from_slice(lines);
        }
        drop(state);
        self.0.filled.notify_one();
    }

    /// Waits until everything is written, so long at most.
    pub(crate) fn wait(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut state = self.0.lock();
        while state.writing || state.lost > 0 || !state.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.drained.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop of the writing thread.
    fn write_to(&self, sink: impl Write) {
        let mut sink = Sink {
            sink,
            untold: 0,
            torn: false,
        };
        let mut lines = Vec::new();
        loop {
            let lost = self.take(&mut lines, sink.untold > 0);
            sink.put(&lines);
            sink.untold = sink.untold.saturating_add(lost);
            sink.tell();
            if lines.capacity() > KEPT {
                lines = Vec::new();
            }
            lines.clear();
        }
    }

    /// Waits for lines, or where some are untold for the time to try again; gives how many found no room behind them.
    fn take(&self, lines: &mut Vec<u8>, untold: bool) -> u64 {
        let mut state = self.lock();
        state.writing = false;
        self.drained.notify_all();
        while state.waiting.is_empty() && state.lost == 0 {
            if untold {
                let waited = self.filled.wait_timeout(state, AGAIN);
                let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                state = woken;
                if timeout.timed_out() {
                    break;
                }
            } else {
                let waited = self.filled.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
        state.writing = true;
        std::mem::swap(&mut state.waiting, lines);
        std::mem::take(&mut state.lost)
    }
}

/// The sink, and what it has not taken.
struct Sink<W> {
    sink: W,
    /// Lines that were lost and not told of.
    untold: u64,
    /// The last line that the sink took is not whole.
    torn: bool,
}

impl<W: Write> Sink<W> {
    /// Writes lines, behind what has to be told of earlier ones.
    fn put(&mut self, lines: &[u8]) {
        self.tell();
        let written = if self.untold == 0 {
            self.write(lines)
        } else {
            0
        };
        let rest = lines.get(written..).unwrap_or_default();
        self.untold = self.untold.saturating_add(count(rest));
    }

    /// Tells how many lines were lost, if some were; they stay untold where that cannot be written either.
    fn tell(&mut self) {
        if self.untold == 0 {
            return;
        }
        let mut notice = notice(self.untold);
        if self.torn {
            notice.insert(0, '\n');
        }
        if self.write(notice.as_bytes()) == notice.len() {
            self.untold = 0;
        }
    }

    /// Writes until the sink refuses; gives the bytes that it took.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.sink.write(rest) {
                Ok(0) => break,
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Somebody made it non-blocking; here is nobody who must not wait.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(_) => break,
            }
        }
        if let Some(last) = bytes.get(..written).and_then(<[u8]>::last) {
            self.torn = *last != b'\n';
        }
        written
    }
}

/// The line that tells of lost ones, in the form of all others.
fn notice(lines: u64) -> String {
    let mut notice = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut notice));
    let _ = writeln!(
        notice,
        "  WARN log lines were lost: standard error could not be written, or was not read fast enough lines={lines}"
    );
    notice
}

fn count(lines: &[u8]) -> u64 {
    let ends = lines.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX)
}

impl<'a> MakeWriter<'a> for Lossy {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Never fails: the subscriber writes each line at once.
impl Write for Lossy {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.push(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A sink that does with each write what it is told to: `Ok(n)` takes at most n bytes.
    struct Told {
        orders: mpsc::Receiver<io::Result<usize>>,
        taken: Taken,
    }

    type Taken = Arc<Mutex<Vec<u8>>>;

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let most = self.orders.recv().unwrap_or(Ok(usize::MAX))?;
            let taken = bytes.get(..most).unwrap_or(bytes);
            self.taken
                .lock()
                .expect("no panic")
                .extend_from_slice(taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A queue to such a sink, the side that gives orders, and what the sink has taken.
    fn told() -> (Lossy, mpsc::Sender<io::Result<usize>>, Taken) {
        let (order, orders) = mpsc::channel();
        let taken = Taken::default();
        let sink = Told {
            orders,
            taken: Arc::clone(&taken),
        };
        (Lossy::new(sink).expect("a thread"), order, taken)
    }

    fn text(taken: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(taken.lock().expect("no panic").clone()).expect("text")
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_sink_that_fails_and_recovers_gets_the_count_first() {
        let (queue, order, taken) = told();
        order.send(Ok(usize::MAX)).expect("the thread");
        queue.push(b"one\n");
        queue.wait(LONG);
        // The lines, and the attempt to tell of them.
        let full = || Err(io::ErrorKind::StorageFull.into());
        for answer in [Ok(2), full(), full()] {
            order.send(answer).expect("the thread");
        }
        queue.push(b"two\nthree\n");
        queue.wait(LONG);
        drop(order);
        queue.push(b"four\n");
        queue.wait(LONG);
        let text = text(&taken);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            (lines[0], lines[1], lines[3]),
            ("one", "tw", "four"),
            "{text}"
        );
        assert!(lines[2].contains("  WARN log lines were lost"), "{text}");
        assert!(lines[2].ends_with(" lines=2"), "{text}");
    }

    #[test]
    fn a_sink_that_stalls_holds_nobody_up_and_costs_bounded_memory() {
        let (queue, order, taken) = told();
        let line = [b'x'; 1_023];
        let line = [&line[..], b"\n"].concat();
        queue.push(&line);
        while !queue.0.lock().writing {
            thread::yield_now();
        }
        for _ in 1..10_000 {
            queue.push(&line);
        }
        let begun = Instant::now();
        queue.wait(Duration::from_millis(50));
        assert!(begun.elapsed() < LONG);
        assert!(queue.0.lock().waiting.len() <= ROOM);
        drop(order);
        queue.wait(LONG);
        let text = text(&taken);
        let (notices, written): (Vec<_>, Vec<_>) =
            text.lines().partition(|line| line.contains("WARN"));
        let lost = 10_000 - written.len();
        assert!(written.len() <= 2 * ROOM / line.len(), "{}", written.len());
        assert_eq!(notices.len(), 1);
        assert!(
            notices[0].ends_with(&format!(" lines={lost}")),
            "{notices:?}"
        );
        // Behind what had waited.
        assert!(
            text.lines()
                .last()
                .is_some_and(|line| line.contains("WARN"))
        );
        queue.push(b"after\n");
        queue.wait(LONG);
        assert!(self::text(&taken).ends_with("\nafter\n"));
    }

    #[test]
    fn what_could_not_be_written_is_told_though_nothing_more_is_logged() {
        let (queue, order, taken) = told();
        for _ in 0..2 {
            let full = io::ErrorKind::StorageFull;
            order.send(Err(full.into())).expect("the thread");
        }
        queue.push(b"one\n");
        drop(order);
        let until = Instant::now() + LONG;
        while !text(&taken).contains(" lines=1\n") {
            assert!(Instant::now() < until);
            thread::sleep(Duration::from_millis(20));
        }
    }
}
