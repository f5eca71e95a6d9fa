//! Connection layers, hooks and states.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use parapet_core::{
    BodyEnd, BodyObserver, BoxFuture, BoxIo, ConnMeta, ConnState, ConnectionError, ConnectionLayer,
    Error, LayerError, Request, RequestExt as _, Response, Server, Side, Upgrade, handler_fn,
};
use parapet_testkit::{FrameClient, flag, kind, pseudo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::mpsc;

use super::peer::{Peer, serve};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Counts the bytes in both directions.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

struct CountedIo(BoxIo, Count);

impl ConnectionLayer for Count {
    fn call<'a>(
        &'a self,
        io: BoxIo,
        meta: &'a mut ConnMeta,
    ) -> BoxFuture<'a, Result<BoxIo, LayerError>> {
        meta.insert("counted");
        let io: BoxIo = Box::new(CountedIo(io, self.clone()));
        Box::pin(async move { Ok(io) })
    }
}

impl AsyncRead for CountedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buf))?;
        self.1.0.fetch_add(buf.filled().len() - before, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CountedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.0).poll_write(cx, buf))?;
        self.1.0.fetch_add(written, Ordering::SeqCst);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_layer_over_the_callers_listener_sees_every_byte() {
    let count = Count::default();
    let handler = handler_fn(|request: Request| async move {
        assert_eq!(request.conn().get::<&str>(), Some(&"counted"));
        "ok"
    });
    let server = serve(Server::new().modify_connection(count.clone()).handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    let mut bytes = 0;
    for _ in 0..2 {
        peer.send(GET).await;
        let answer = peer.answer().await;
        bytes += GET.len() + answer.head.len() + answer.body.len();
    }
    assert_eq!(count.0.load(Ordering::SeqCst), bytes);
}

/// Waits for ever, refuses, or passes, in turn.
struct Moody(AtomicUsize);

impl ConnectionLayer for Moody {
    fn call<'a>(
        &'a self,
        io: BoxIo,
        _meta: &'a mut ConnMeta,
    ) -> BoxFuture<'a, Result<BoxIo, LayerError>> {
        let turn = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match turn {
                0 => std::future::pending().await,
                1 => Err(LayerError::new("not today")),
                _ => Ok(io),
            }
        })
    }
}

#[tokio::test]
async fn a_layer_that_stalls_or_refuses_delays_nobody_else() {
    let (told, mut errors) = mpsc::unbounded_channel();
    let server = Server::new()
        .modify_connection(Moody(AtomicUsize::new(0)))
        .on_connection_error(move |_, error| {
            let _ = told.send(error.clone());
        })
        .handler(handler_fn(|_| async { "ok" }));
    let server = serve(server).await;
    let stalled = Peer::connect(server.address).await;
    let mut refused = Peer::connect(server.address).await;
    assert_eq!(refused.rest().await, b"");
    let error = errors.recv().await.unwrap();
    assert!(matches!(&error, ConnectionError::Layer(cause) if cause.to_string() == "not today"));
    let mut served = Peer::connect(server.address).await;
    served.send(GET).await;
    assert_eq!(served.answer().await.text(), "ok");
    drop(stalled);
}

/// A server that reports states by connection.
fn stating(server: Server) -> (Server, mpsc::UnboundedReceiver<(u64, ConnState)>) {
    let (told, states) = mpsc::unbounded_channel();
    let server = server.on_conn_state(move |conn, state| {
        let _ = told.send((conn.id(), state));
    });
    (server, states)
}

#[tokio::test]
async fn an_upgraded_connection_is_new_active_upgraded_closed() {
    let handler = handler_fn(|mut request: Request| async move {
        let upgrade = Upgrade::take(&mut request).unwrap();
        let mut response = Response::default();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
        upgrade.serve(response, |mut io| async move {
            let _ = io.write_all(b"bye").await;
        })
    });
    let (server, mut states) = stating(Server::new().handler(handler));
    let server = serve(server).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(peer.answer().await.status, 101);
    assert_eq!(peer.rest().await, b"bye");
    for expected in [ConnState::New, ConnState::Active, ConnState::Upgraded, ConnState::Closed] {
        assert_eq!(states.recv().await.unwrap().1, expected);
    }
}

#[tokio::test]
async fn every_new_connection_is_closed_once_however_it_goes() {
    let (server, mut states) = stating(Server::backend().handler(handler_fn(|_| async { "ok" })));
    let server = serve(server).await;
    for turn in 0..100 {
        let mut peer = Peer::connect(server.address).await;
        match turn % 5 {
            0 => peer.reset(),
            1 => peer.half_close().await,
            2 => peer.send("nonsense\r\n\r\n").await,
            3 => {
                peer.send(GET).await;
                peer.answer().await;
            }
            _ => {
                let (mut client, _) = FrameClient::handshake(peer, &[]).await;
                client.get(1, "/").await;
                client.response().await;
            }
        }
    }
    let mut seen: HashMap<u64, (usize, usize)> = HashMap::new();
    let mut closed = 0;
    while closed < 100 {
        let (id, state) = states.recv().await.unwrap();
        let (new, ends) = seen.entry(id).or_default();
        match state {
            ConnState::New => *new += 1,
            ConnState::Closed => {
                *ends += 1;
                closed += 1;
            }
            _ => assert_eq!((*new, *ends), (1, 0), "{state:?} between New and Closed"),
        }
    }
    assert!(seen.len() == 100 && seen.values().all(|counts| *counts == (1, 1)), "{seen:?}");
    assert!(states.try_recv().is_err());
}

#[tokio::test]
async fn silent_connections_do_not_hold_the_drain() {
    let server = Server::backend().wait_before_shutdown(Duration::ZERO);
    let (server, mut states) = stating(server.handler(handler_fn(|_| async { "ok" })));
    let server = serve(server).await;
    let mut silent = Peer::connect(server.address).await;
    assert_eq!(states.recv().await.unwrap().1, ConnState::New);
    let mut begun = Peer::connect(server.address).await;
    begun.send("PRI * HT").await;
    assert_eq!(states.recv().await.unwrap().1, ConnState::New);
    drop(server.handle.shutdown());
    server.ended.await.unwrap().unwrap();
    assert_eq!((silent.rest().await, begun.rest().await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_local_reply_is_told_and_the_refusal_of_head_has_no_content() {
    let (told, mut replies) = mpsc::unbounded_channel();
    let server = Server::new().on_local_reply(move |_, reply| {
        let _ = told.send((reply.status.as_u16(), reply.kind));
    });
    let server = serve(server).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("HEAD / HTTP/1.1\r\nHost: u@a\r\n\r\n").await;
    let answer = peer.answer_to(true).await;
    assert_eq!((answer.status, answer.field("content-length")), (400, Some("12")));
    assert_eq!(peer.rest().await, b"");
    assert_eq!(replies.recv().await.unwrap(), (400, "authority"));
}

#[tokio::test]
async fn the_default_handler_says_404_and_a_handler_knows_its_server() {
    let server = serve(Server::new()).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send(GET).await;
    let answer = peer.answer().await;
    assert_eq!((answer.status, answer.text()), (404, "404 page not found\n"));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));

    let handler = handler_fn(|request: Request| async move {
        format!("{:?}", request.server().map(|server| server.local_addrs().to_vec()))
    });
    let server = serve(Server::new().handler(handler.clone())).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send(GET).await;
    assert_eq!(peer.answer().await.text(), format!("{:?}", Some(vec![server.address])));
    let alone = Server::new().handler(handler).into_handler().unwrap();
    let response = alone.serve(crate::support::get("/")).await;
    assert_eq!(crate::support::text(response).await, "None");
}

/// Remembers what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<(Side, u64)>>);

impl BodyObserver for Told {
    fn ended(&self, side: Side, end: BodyEnd<'_>) {
        self.0.lock().unwrap().push((side, end.data_bytes));
    }
}

#[tokio::test]
async fn observers_of_a_tunnel_count_its_bytes_in_both_protocols() {
    let told = Arc::new(Told::default());
    let observer = Arc::clone(&told);
    let handler = handler_fn(move |mut request: Request| {
        let observer = Arc::clone(&observer);
        async move {
            let upgrade = Upgrade::take(&mut request).unwrap();
            let response = upgrade.serve(Response::default(), |mut io| async move {
                let mut word = [0; 5];
                io.read_exact(&mut word).await.unwrap();
                io.write_all(b"ok").await.unwrap();
                io.shutdown().await.unwrap();
            });
            response.map(|body| {
                let observer = observer as Arc<dyn BodyObserver>;
                body.observe(Arc::clone(&observer), Side::Request).observe(observer, Side::Response)
            })
        }
    });
    let server = serve(Server::backend().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nhello").await;
    assert_eq!(peer.answer_to(true).await.status, 200);
    assert_eq!(peer.rest().await, b"ok");
    let (mut client, _) = FrameClient::connect(server.address).await;
    client.headers(1, &[&pseudo("CONNECT", "/")[..], &[(":protocol", "x")]].concat(), false).await;
    client.send(kind::DATA, flag::END_STREAM, 1, b"hello").await;
    assert_eq!(client.response().await, (200, b"ok".to_vec()));
    drop(server.handle.shutdown());
    server.handle.shutdown_now();
    assert!(matches!(server.ended.await.unwrap(), Err(Error::Forced) | Ok(())));
    let told = std::mem::take(&mut *told.0.lock().unwrap());
    let once = [(Side::Response, 2), (Side::Request, 5)];
    assert_eq!(told, [once, once].concat());
}
