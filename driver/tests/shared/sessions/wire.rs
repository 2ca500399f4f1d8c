//! A wire between a client and a server, which can be frozen and cut: threads with blocking sockets.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use super::ANYWHERE;

pub(super) struct Wire {
    pub(super) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    thawed: Condvar,
    over: AtomicBool,
}

struct State {
    to: SocketAddr,
    frozen: bool,
    sockets: Vec<TcpStream>,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Copies in one direction until the end.
    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let waiting = self.thawed.wait_while(self.lock(), |state| state.frozen);
            drop(waiting.expect("no panic"));
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}

impl Wire {
    pub(super) fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(ANYWHERE).expect("a listener");
        let inner = Arc::new(Inner {
            state: Mutex::new(State {
                to,
                frozen: false,
                sockets: Vec::new(),
            }),
            thawed: Condvar::new(),
            over: AtomicBool::new(false),
        });
        let wire = Self {
            address: listener.local_addr().expect("an address"),
            inner: Arc::clone(&inner),
        };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if inner.over.load(Ordering::SeqCst) {
                    return;
                }
                let client = client.expect("a connection");
                let to = inner.lock().to;
                let server = TcpStream::connect(to).expect("a server");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let from = from.try_clone().expect("a socket");
                    let to = to.try_clone().expect("a socket");
                    let inner = Arc::clone(&inner);
                    std::thread::spawn(move || inner.copy(from, to));
                }
                inner.lock().sockets.extend([client, server]);
            }
        });
        wire
    }

    /// Nothing comes through any more; nobody is told.
    pub(super) fn freeze(&self) {
        self.inner.lock().frozen = true;
    }

    /// Cuts every connection, with what was on its way; new ones lead to another server.
    pub(super) fn cut(&self, to: SocketAddr) {
        let mut state = self.inner.lock();
        state.to = to;
        for socket in state.sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        state.frozen = false;
        drop(state);
        self.inner.thawed.notify_all();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::SeqCst);
        self.cut(self.address);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}
