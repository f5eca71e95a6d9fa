//! What a client that leaves does to the connection of its request.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parapet_core::Server;
use parapet_upstream::{DialTarget, HttpTransport};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{GET, Proxy, to};
use crate::backend::{Backend, ok, within};

/// So soon the origin has to see it.
const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn one_that_waits_at_the_limit_leaves_the_queue() {
    let backend = Backend::start().await;
    let transport = HttpTransport::new().max_conn(1);
    let proxy = Proxy::start(Server::new(), to(&backend, transport.clone())).await;
    let mut clients = Vec::new();
    for waits in 0..3 {
        let mut client = proxy.connect().await;
        client.send(GET).await;
        clients.push(client);
        while transport.stats().iter().map(|stats| stats.waits).sum::<u64>() < waits {
            tokio::task::yield_now().await;
        }
    }
    let mut origin = backend.accept().await;
    origin.head().await;
    // The second of three goes; the connection serves the third next.
    clients.remove(1).reset();
    origin.send(ok("first")).await;
    clients[0].until(b"first").await;
    origin.answer(ok("third")).await;
    clients[1].until(b"third").await;
    assert!(!backend.has_another().await);
}

/// Tells when it is dropped.
struct Dropped(mpsc::UnboundedSender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn one_whose_connection_is_being_made_ends_the_dial() {
    let backend = Backend::start().await;
    let (begun, mut dialing) = mpsc::unbounded_channel();
    let (ended, mut dropped) = mpsc::unbounded_channel();
    let transport = HttpTransport::new().dial(move |_: DialTarget| {
        begun.send(()).unwrap();
        let guard = Dropped(ended.clone());
        async move {
            let _guard = guard;
            std::future::pending::<io::Result<TcpStream>>().await
        }
    });
    let proxy = Proxy::start(Server::new(), to(&backend, transport)).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    within(dialing.recv()).await.unwrap();
    client.reset();
    within(dropped.recv()).await.unwrap();
}

/// A connection that takes no byte until it is told to.
struct Stuck {
    stream: TcpStream,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    open: AtomicBool,
    /// Who tried to write.
    waker: Mutex<Option<Waker>>,
}

impl AsyncRead for Stuck {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stuck {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gate.open.load(Ordering::Acquire) {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        *self.gate.waker.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn one_of_whose_request_nothing_was_written_gives_the_connection_back() {
    let backend = Backend::start().await;
    let gate = Arc::<Gate>::default();
    let transport = HttpTransport::new().dial({
        let gate = Arc::clone(&gate);
        move |target: DialTarget| {
            let gate = Arc::clone(&gate);
            async move { Ok(Stuck { stream: TcpStream::connect(&*target.addr).await?, gate }) }
        }
    });
    let proxy = Proxy::start(Server::new(), to(&backend, transport.clone())).await;
    let mut client = proxy.connect().await;
    client.send("GET /gone HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut origin = backend.accept().await;
    while gate.waker.lock().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    client.reset();
    while transport.stats().iter().map(|stats| stats.idle).sum::<usize>() == 0 {
        tokio::task::yield_now().await;
    }
    gate.open.store(true, Ordering::Release);
    let mut client = proxy.connect().await;
    client.send(GET).await;
    assert!(origin.answer(ok("served")).await.starts_with("GET / HTTP/1.1\r\n"));
    client.until(b"served").await;
    assert!(!backend.has_another().await);
}

/// What the client sends, and what the origin answers before it is left.
#[tokio::test]
async fn one_whose_exchange_has_begun_closes_the_connection_at_once() {
    let half = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf";
    let upgrade = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: p\r\n\r\n";
    for (request, answer) in [
        (GET, ""),
        (half, ""),
        (GET, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"),
        (
            upgrade,
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: p\r\n\r\nhalf",
        ),
    ] {
        let backend = Backend::start().await;
        let proxy = Proxy::http(&backend).await;
        let mut client = proxy.connect().await;
        client.send(request).await;
        let mut origin = backend.accept().await;
        origin.head().await;
        if request == half {
            origin.until(b"half").await;
        }
        origin.send(answer).await;
        if !answer.is_empty() {
            client.until(b"half").await;
        }
        client.reset();
        let left = tokio::time::timeout(SOON, origin.closed()).await;
        assert_eq!(left.as_deref(), Ok(&b""[..]), "{request:?} {answer:?}");
    }
}

/// Counts the tunnels that are open, by what a balancer gives to the body of a response.
#[tokio::test]
async fn a_slot_is_held_for_the_life_of_a_tunnel_and_free_when_both_sides_have_ended() {
    use parapet_core::{RequestHead, ResponseHead};
    use parapet_upstream::{Attempt, Balancer, Error, Guard, Picked, Target, Ticket, Upstream};

    struct Counting(Arc<Target>, Arc<AtomicUsize>);
    struct Slot(Arc<AtomicUsize>);

    impl Balancer for Counting {
        fn pick(&self, _: &RequestHead, _: &Attempt) -> Result<Picked, Error> {
            self.1.fetch_add(1, Ordering::AcqRel);
            Ok(Picked::new(Arc::clone(&self.0)).ticket(Slot(Arc::clone(&self.1))))
        }
    }

    impl Drop for Slot {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::AcqRel);
        }
    }

    impl Ticket for Slot {
        fn done(self: Box<Self>, _: Result<&ResponseHead, &Error>) -> Option<Guard> {
            Some(Guard::new(self))
        }
    }

    let backend = Backend::start().await;
    let held = Arc::<AtomicUsize>::default();
    let target = Arc::new(Target::new(&backend.host(), HttpTransport::new()).unwrap());
    let upstream = Upstream::new(Counting(target, Arc::clone(&held)));
    let proxy = Proxy::start(Server::new(), upstream).await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: p\r\n\r\n").await;
    let mut origin = backend.accept().await;
    origin
        .answer("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: p\r\n\r\n")
        .await;
    client.head().await;
    client.send("ping").await;
    origin.until(b"ping").await;
    assert_eq!(held.load(Ordering::Acquire), 1);
    client.stream.shutdown().await.unwrap();
    // The origin hears of the end; its own direction is open still, and bytes flow.
    let mut end = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut origin.stream, &mut end).await.unwrap();
    origin.send("last").await;
    client.until(b"last").await;
    assert_eq!(held.load(Ordering::Acquire), 1, "one direction is open");
    drop(origin);
    assert_eq!(client.closed().await, b"");
    let free = async {
        while held.load(Ordering::Acquire) > 0 {
            tokio::task::yield_now().await;
        }
    };
    within(free).await;
}
