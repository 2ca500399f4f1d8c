use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};

/// One direction: a buffer like a socket's.
struct Lane {
    bytes: VecDeque<u8>,
    room: usize,
    closed: bool,
    /// The reading end was dropped, or fails on purpose: writes are refused.
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    writes: usize,
}

impl Lane {
    fn new(room: usize) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            bytes: VecDeque::new(),
            room,
            closed: false,
            broken: false,
            reader: None,
            writer: None,
            writes: 0,
        }))
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }
}

/// One end of a connection.
pub(crate) struct End {
    input: Arc<Mutex<Lane>>,
    output: Arc<Mutex<Lane>>,
}

/// A connection whose directions hold `room` bytes each.
pub(crate) fn pipe(room: usize) -> (End, End) {
    let (one, other) = (Lane::new(room), Lane::new(room));
    (
        End {
            input: Arc::clone(&one),
            output: Arc::clone(&other),
        },
        End {
            input: other,
            output: one,
        },
    )
}

impl End {
    /// From now on the other end's writes fail, while what this one wrote can still be read.
    pub(crate) fn refuse_input(&self) {
        let mut lane = self.input.lock().expect("no panic");
        lane.broken = true;
        lane.wake();
    }

    /// How many writes this end has taken from the other.
    pub(crate) fn writes_received(&self) -> usize {
        self.input.lock().expect("no panic").writes
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.write_all(bytes.as_ref()).await.expect("no failure");
    }

    /// Reads until the text has come, and gives all that was read.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(text.as_bytes()) {
            let mut byte = [0; 1];
            let count = self.read(&mut byte).await.expect("no failure");
            assert_eq!(
                count,
                1,
                "{text} never came: {}",
                String::from_utf8_lossy(&read)
            );
            read.push(byte[0]);
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// An end that only reads and one that only writes.
    pub(crate) fn split(self) -> (Self, Self) {
        let reads = Self {
            input: Arc::clone(&self.input),
            output: Lane::new(0),
        };
        let writes = Self {
            input: Lane::new(0),
            output: Arc::clone(&self.output),
        };
        // Dropping this end would end the connection.
        std::mem::forget(self);
        (reads, writes)
    }

    /// Reads to the end.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        self.read_to_end(&mut read).await.expect("no failure");
        read
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut lane = self.input.lock().expect("no panic");
        if lane.bytes.is_empty() {
            if lane.closed {
                return Poll::Ready(Ok(0));
            }
            lane.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = buf.len().min(lane.bytes.len());
        for (to, from) in buf.iter_mut().zip(lane.bytes.drain(..count)) {
            *to = from;
        }
        if let Some(writer) = lane.writer.take() {
            writer.wake();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut lane = self.output.lock().expect("no panic");
        if lane.broken || lane.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut room = lane.room - lane.bytes.len();
        if room == 0 {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut count = 0;
        for buf in bufs {
            let part = &buf[..buf.len().min(room)];
            lane.bytes.extend(part);
            room -= part.len();
            count += part.len();
        }
        lane.writes += 1;
        if let Some(reader) = lane.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lane = self.output.lock().expect("no panic");
        lane.closed = true;
        lane.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut output = self.output.lock().expect("no panic");
        output.closed = true;
        output.wake();
        drop(output);
        let mut input = self.input.lock().expect("no panic");
        input.broken = true;
        input.wake();
    }
}
