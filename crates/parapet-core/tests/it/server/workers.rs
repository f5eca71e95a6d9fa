//! A server with workers of its own, in a thread of the test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parapet_core::{Error, Request, Server, ServerHandle, handler_fn, worker};

use super::peer::Peer;

pub(super) const WORKER: &str = "GET /worker HTTP/1.1\r\nHost: a\r\n\r\n";

/// Runs until it is joined or dropped. No signal is trapped: those are the test runner's.
pub(super) struct Workers {
    pub(super) address: SocketAddr,
    pub(super) handle: ServerHandle,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Workers {
    pub(super) fn start(server: Server, workers: usize) -> Self {
        let bound = server
            .addr("127.0.0.1:0")
            .workers(workers)
            .wait_before_shutdown(Duration::ZERO)
            .grace_timeout(None)
            .bind()
            .unwrap();
        let (address, handle) = (bound.local_addrs()[0], bound.handle());
        Self { address, handle, thread: Some(thread::spawn(move || bound.run())) }
    }

    /// What `run` returned.
    pub(super) fn join(mut self) -> Result<(), Error> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.handle.shutdown_now();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[tokio::test]
async fn connections_spread_over_sockets_of_each_worker_too() {
    let handler = handler_fn(|_| async { format!("{:?}", worker::index()) });
    let server = Workers::start(Server::new().reuse_port(true).handler(handler), 2);
    let mut shares = [0, 0];
    for _ in 0..1000 {
        let mut peer = Peer::connect(server.address).await;
        peer.send(WORKER).await;
        match peer.answer().await.text() {
            "Some(0)" => shares[0] += 1,
            "Some(1)" => shares[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert!(shares[0] <= 2 * shares[1] && shares[1] <= 2 * shares[0], "{shares:?}");
}

#[tokio::test]
async fn a_busy_worker_delays_no_connection_of_another() {
    let (begins, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let handler = handler_fn(move |request: Request| {
        let (begins, released) = (begins.clone(), Arc::clone(&released));
        async move {
            if request.uri().path() == "/busy" {
                begins.send(worker::index()).unwrap();
                // The whole worker stands still.
                let _ = released.lock().unwrap().recv();
            }
            format!("{:?}", worker::index())
        }
    });
    let server = Workers::start(Server::new().handler(handler), 2);
    // Dropped before the server, which could not end while a worker stands still.
    let release = release;
    let mut busy = Peer::connect(server.address).await;
    busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let blocked = begun.recv().unwrap().unwrap();
    let free = format!("{:?}", Some(1 - blocked));
    // In turn: every second one is the other worker's.
    let mut waiting = Vec::new();
    let mut answered = 0;
    for number in 0..20 {
        let mut peer = Peer::connect(server.address).await;
        peer.send(WORKER).await;
        if number % 2 == 0 {
            assert_eq!(peer.answer().await.text(), free);
            answered += 1;
        } else {
            waiting.push(peer);
        }
    }
    assert_eq!((answered, waiting.len()), (10, 10));
    drop(release);
    assert_eq!(busy.answer().await.text(), format!("{:?}", Some(blocked)));
    for mut peer in waiting {
        assert_eq!(peer.answer().await.text(), format!("{:?}", Some(blocked)));
    }
}
