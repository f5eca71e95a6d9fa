//! When a connection that does nothing wrong ends: its age, its first byte, a short grace.

use std::time::Duration;

#[cfg(feature = "tls")]
use parapet_core::{BoxFuture, BoxIo, ConnectionLayer, LayerError};
use parapet_core::{ConnMeta, Connections, Server, handler_fn};
use parapet_testkit::{FrameClient, RawClient, kind};
use tokio::io::{DuplexStream, duplex};
use tokio::time::Instant;

use super::peer::{Peer, serve};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn connect(connections: &Connections) -> DuplexStream {
    let (client, io) = duplex(64 * 1024);
    tokio::spawn(connections.serve(io, ConnMeta::new(None)));
    client
}

#[cfg(feature = "tls")]
fn near(took: Duration, wanted: Duration) -> bool {
    (wanted..=wanted + Duration::from_millis(20)).contains(&took)
}

#[tokio::test(start_paused = true)]
async fn connections_made_together_do_not_grow_old_together() {
    const AGE: Duration = Duration::from_secs(20);
    let server = Server::backend().max_connection_age(AGE).handler(handler_fn(|_| async { "ok" }));
    let connections = server.into_connections().unwrap();
    let begin = Instant::now();
    let ends: Vec<_> = (0..40)
        .map(|number| {
            let mut raw = RawClient::over(connect(&connections));
            tokio::spawn(async move {
                if number % 2 == 0 {
                    let (mut client, _) = FrameClient::handshake(raw, &[]).await;
                    client.get(1, "/").await;
                    assert_eq!(client.response().await.0, 200);
                    let goaway = client.answer().await.unwrap();
                    assert_eq!((goaway.kind, goaway.code()), (kind::GOAWAY, Some(0)));
                } else {
                    raw.send(GET).await;
                    assert_eq!(raw.answer().await.text(), "ok");
                    assert_eq!(raw.rest().await, b"");
                }
                begin.elapsed()
            })
        })
        .collect();
    let mut ages = Vec::new();
    for end in ends {
        ages.push(end.await.unwrap());
    }
    // A timer is late by up to 10 ms.
    let within = AGE.mul_f64(0.9)..=AGE.mul_f64(1.1) + Duration::from_millis(10);
    assert!(ages.iter().all(|age| within.contains(age)), "{ages:?}");
    ages.sort_unstable();
    ages.dedup();
    assert!(ages.len() > 10, "{ages:?}");
}

#[cfg(feature = "tls")]
#[tokio::test(start_paused = true)]
async fn silence_behind_a_tls_handshake_ends_in_both_protocols() {
    use super::tls::{config, handshake};
    let server = Server::new()
        .first_byte_timeout(Duration::from_secs(7))
        .read_header_timeout(Duration::from_secs(3))
        .tls(config(&["a"]));
    let connections = server.into_connections().unwrap();
    for alpn in ["h2", "http/1.1"] {
        let mut stream = handshake(connect(&connections), "a", &[alpn]).await;
        let begin = Instant::now();
        let mut client = RawClient::over(&mut stream);
        client.rest().await;
        assert!(near(begin.elapsed(), Duration::from_secs(7)), "{alpn}: {:?}", begin.elapsed());
    }
    // From its first byte on, the preface has the time of a head.
    let mut stream = handshake(connect(&connections), "a", &["h2"]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut client = RawClient::over(&mut stream);
    client.send("PRI * HTT").await;
    let begin = Instant::now();
    client.rest().await;
    assert!(near(begin.elapsed(), Duration::from_secs(3)), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn silence_does_not_outlast_a_short_grace() {
    for grace in [100, 1000] {
        let server = Server::backend()
            .wait_before_shutdown(Duration::ZERO)
            .grace_timeout(Duration::from_millis(grace))
            .handler(handler_fn(|_| async { "ok" }));
        let server = serve(server).await;
        // Silent from the start, and idle in both protocols, deaf to GOAWAY.
        let silent = Peer::connect(server.address).await;
        let mut idle = Peer::connect(server.address).await;
        idle.send(GET).await;
        assert_eq!(idle.answer().await.text(), "ok");
        let (mut idle2, _) = FrameClient::connect(server.address).await;
        idle2.get(1, "/").await;
        assert_eq!(idle2.response().await.0, 200);
        drop(server.handle.shutdown());
        let ended = server.ended.await.unwrap();
        assert!(ended.is_ok(), "{grace}: {ended:?}");
        drop((silent, idle, idle2));
    }
}

#[cfg(feature = "tls")]
#[tokio::test(start_paused = true)]
async fn half_a_hello_is_closed_while_a_hundred_others_are_served() {
    use super::tls::{config, handshake};
    let server = Server::frontend().tls(config(&["a"])).handler(handler_fn(|_| async { "ok" }));
    let connections = server.into_connections().unwrap();
    let begin = Instant::now();
    let mut half = RawClient::over(connect(&connections));
    half.send([0x16, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3, 7, 7, 7]).await;
    for _ in 0..100 {
        let mut peer = RawClient::over(handshake(connect(&connections), "a", &[]).await);
        peer.send(GET).await;
        assert_eq!(peer.answer().await.text(), "ok");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "nobody waited for a timer");
    assert_eq!(half.rest().await, b"");
    assert!(near(begin.elapsed(), Duration::from_secs(10)), "{:?}", begin.elapsed());
}

/// Stands still for nine seconds.
#[cfg(feature = "tls")]
struct Slow;

#[cfg(feature = "tls")]
impl ConnectionLayer for Slow {
    fn call<'a>(
        &'a self,
        io: BoxIo,
        _meta: &'a mut ConnMeta,
    ) -> BoxFuture<'a, Result<BoxIo, LayerError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(9)).await;
            Ok(io)
        })
    }
}

#[cfg(feature = "tls")]
#[tokio::test(start_paused = true)]
async fn a_client_that_is_slow_in_every_phase_has_twenty_seconds_in_all() {
    use super::tls::{config, handshake};
    let server = Server::frontend().modify_connection(Slow).tls(config(&["a"]));
    let connections = server.into_connections().unwrap();
    let begin = Instant::now();
    let stream = connect(&connections);
    // The layer has nine seconds, the handshake nine of its ten, the head two of its ten.
    tokio::time::sleep(Duration::from_secs(18)).await;
    let mut peer = RawClient::over(handshake(stream, "a", &[]).await);
    peer.send("GET / HT").await;
    assert_eq!(peer.rest().await, b"");
    assert!(near(begin.elapsed(), Duration::from_secs(20)), "{:?}", begin.elapsed());
}

#[cfg(feature = "tls")]
#[tokio::test(start_paused = true)]
async fn an_idle_tls_connection_ends_with_close_notify() {
    use super::tls::{config, handshake};
    let server = Server::frontend().idle_timeout(Duration::from_secs(5)).tls(config(&["a"]));
    let connections = server.handler(handler_fn(|_| async { "ok" })).into_connections().unwrap();
    let mut peer = RawClient::over(handshake(connect(&connections), "a", &[]).await);
    peer.send(GET).await;
    assert_eq!(peer.answer().await.text(), "ok");
    // At its end, and at the client's own.
    assert!(peer.ends_well().await);
    let mut peer = RawClient::over(handshake(connect(&connections), "a", &[]).await);
    peer.send(GET).await;
    assert_eq!(peer.answer().await.text(), "ok");
    peer.half_close().await;
    assert!(peer.ends_well().await);
    // HTTP/2 says GOAWAY before it.
    let stream = handshake(connect(&connections), "a", &["h2"]).await;
    let (mut client, _) = FrameClient::handshake(RawClient::over(stream), &[]).await;
    client.get(1, "/").await;
    assert_eq!(client.response().await.0, 200);
    let goaway = client.answer().await.unwrap();
    assert_eq!((goaway.kind, goaway.code()), (kind::GOAWAY, Some(0)));
}
