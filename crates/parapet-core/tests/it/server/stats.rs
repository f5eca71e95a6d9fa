//! What `ServerHandle::stats` counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parapet_core::{
    ConnState, DrainPhase, Http2, Listen, ListenerStats, Request, Response, Server, ServerHandle,
    Upgrade, handler_fn,
};
use parapet_testkit::{FrameClient, kind};
use tokio::sync::{Notify, mpsc};

use super::peer::Peer;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// `/wait` is answered when the notify is rung; a CONNECT is taken over.
fn server(go: &Arc<Notify>) -> Server {
    let go = Arc::clone(go);
    let handler = handler_fn(move |mut request: Request| {
        let go = Arc::clone(&go);
        async move {
            if let Some(upgrade) = Upgrade::take(&mut request) {
                return upgrade.serve(Response::default(), |io| async {
                    let _io = io;
                    std::future::pending::<()>().await;
                });
            }
            if request.uri().path() == "/wait" {
                go.notified().await;
            }
            Response::new("ok".into())
        }
    });
    Server::backend().handler(handler).first_byte_timeout(Duration::from_secs(20))
}

fn of(handle: &ServerHandle, name: &str) -> ListenerStats {
    let stats = handle.stats();
    stats.listeners.into_iter().find(|listener| &*listener.name == name).unwrap()
}

#[tokio::test]
async fn each_connection_stream_and_refusal_is_in_its_listeners_counters() {
    let go = Arc::new(Notify::new());
    let (told, mut states) = mpsc::unbounded_channel();
    let listen = |name| Listen::tcp(([127, 0, 0, 1], 0).into()).name(name);
    let server = server(&go)
        .http2(Http2::new().max_concurrent_streams(2))
        .listen(listen("one"))
        .listen(listen("two"))
        .on_conn_state(move |_, state| {
            let _ = told.send(state);
        });
    let bound = server.bind().unwrap();
    let (addresses, handle) = (bound.local_addrs(), bound.handle());
    let ended = tokio::spawn(bound.serve());
    let mut until = async |wanted| while states.recv().await.unwrap() != wanted {};

    // One connection of each state, all on the first listener.
    let silent = Peer::connect(addresses[0]).await;
    until(ConnState::New).await;
    let mut idle = Peer::connect(addresses[0]).await;
    idle.send(GET).await;
    idle.answer().await;
    until(ConnState::Idle).await;
    let mut busy = Peer::connect(addresses[0]).await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    until(ConnState::Active).await;
    let mut tunnel = Peer::connect(addresses[0]).await;
    tunnel.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").await;
    tunnel.answer_to(true).await;
    until(ConnState::Upgraded).await;
    let one = of(&handle, "one");
    assert_eq!((one.accepted, one.closed, one.open()), (4, 0, 4), "{one:?}");
    assert_eq!((one.new, one.idle, one.active, one.upgraded), (1, 1, 1, 1), "{one:?}");
    assert_eq!(one.requests, 1);

    // HTTP/2 and refusals on the second.
    let (mut client, _) = FrameClient::connect(addresses[1]).await;
    for stream in [1, 3] {
        client.get(stream, "/wait").await;
    }
    client.get(5, "/").await;
    let refused = client.answer().await.unwrap();
    assert_eq!((refused.kind, refused.code()), (kind::RST_STREAM, Some(7)));
    client.get(7, "/").await;
    let refused = client.answer().await.unwrap();
    assert_eq!((refused.kind, refused.code()), (kind::RST_STREAM, Some(7)));
    let two = of(&handle, "two");
    assert_eq!((two.streams_open, two.requests, two.streams_refused), (2, 2, 2), "{two:?}");
    assert_eq!((two.active, two.accepted), (1, 1));
    // The client resets both; a PING on a stream is the end.
    for stream in [1u32, 3] {
        client.send(kind::RST_STREAM, 0, stream, &8u32.to_be_bytes()).await;
    }
    client.send(kind::PING, 0, 1, &[0; 8]).await;
    let frames = client.rest().await;
    until(ConnState::Closed).await;
    let mut bad = Peer::connect(addresses[1]).await;
    bad.send("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(bad.answer().await.status, 400);
    drop(bad);
    until(ConnState::Closed).await;
    let two = of(&handle, "two");
    assert_eq!((two.streams_open, two.streams_reset, two.requests), (0, 2, 0), "{two:?}");
    assert_eq!((two.accepted, two.closed, two.open()), (2, 2, 0), "{two:?}");
    assert_eq!(two.goaways, BTreeMap::from([(1, 1)]), "{frames:?}");
    assert_eq!(two.local_replies, BTreeMap::from([(StatusCode::BAD_REQUEST, 1)]));
    // Two SETTINGS (one an acknowledgement), two resets, a ping.
    assert_eq!(two.glitches, 10 + 1 + 2 + 10);

    let stats = handle.stats();
    assert_eq!((stats.total.accepted, stats.total.open()), (6, 4));
    assert_eq!(stats.drain_phase, DrainPhase::Running);
    go.notify_one();
    assert_eq!(busy.answer().await.text(), "ok");
    drop((silent, idle, busy, tunnel));
    handle.shutdown_now();
    ended.await.unwrap().unwrap_err();
    let stats = handle.stats();
    assert_eq!((stats.total.closed, stats.total.open()), (6, 0), "{stats:?}");
    assert_eq!(stats.drain_phase, DrainPhase::Ended);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn handshakes_are_full_resumed_or_failed() {
    use super::tls::{config, connector};
    let (told, mut ends) = mpsc::unbounded_channel();
    let server = server(&Arc::default()).tls(config(&["a"])).on_conn_state(move |_, state| {
        if state == ConnState::Closed {
            let _ = told.send(());
        }
    });
    let server = super::peer::serve(server).await;
    let connector = connector(&["http/1.1"]);
    for _ in 0..2 {
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let name = rustls_pki_types::ServerName::try_from("a").unwrap();
        let mut peer = Peer::over(connector.connect(name, stream).await.unwrap());
        // The answer comes behind the tickets.
        peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert_eq!(peer.answer().await.text(), "ok");
        drop(peer);
        ends.recv().await.unwrap();
    }
    let mut nonsense = Peer::connect(server.address).await;
    nonsense.send([0x16, 3, 1, 0, 5, 9, 9, 9, 9, 9]).await;
    nonsense.rest().await;
    ends.recv().await.unwrap();
    let total = server.handle.stats().total;
    assert_eq!(
        (total.handshakes_full, total.handshakes_resumed, total.refused_tls),
        (1, 1, 1),
        "{total:?}"
    );
}
