//! Connections that are taken over.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use parapet_core::{
    Body, BodyEnd, BodyObserver, Request, RequestExt as _, Response, Server, Side, Upgrade,
    handler_fn,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::peer::{Peer, Serving, serve};

/// Echoes the bytes of every connection that offers to be taken over.
async fn echo() -> Serving {
    let handler = handler_fn(|mut request: Request| async move {
        let Some(upgrade) = Upgrade::take(&mut request) else {
            return Response::new(Body::full(
                request
                    .headers()
                    .keys()
                    .map(http::HeaderName::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
            ));
        };
        let mut response = Response::new(Body::empty());
        if !upgrade.is_connect() {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
        }
        let response = upgrade.serve(response, |mut io| async move {
            let mut buffer = [0; 64];
            while let Ok(read @ 1..) = io.read(&mut buffer).await {
                let _ = io.write_all(&buffer[..read]).await;
            }
        });
        // A layer that looks at frames changes nothing about a hand-over.
        response.map(|body| body.map_frames(|frame| frame))
    });
    serve(Server::new().handler(handler)).await
}

#[tokio::test]
async fn bytes_sent_with_the_head_arrive_in_the_tunnel() {
    let server = echo().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly", 101),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nearly", 200),
    ] {
        let mut peer = Peer::connect(server.address).await;
        peer.send(request).await;
        let answer = peer.answer_to(true).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.field("content-length"), None);
        assert_eq!(peer.take(5).await, b"early");
        peer.send("late").await;
        assert_eq!(peer.take(4).await, b"late");
        peer.half_close().await;
        assert_eq!(peer.rest().await, b"");
    }
}

#[tokio::test]
async fn a_request_with_a_body_and_h2c_offer_nothing() {
    let server = echo().await;
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\nContent-Length: 1\r\n\r\nx",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, http2-settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
    ] {
        let mut peer = Peer::connect(server.address).await;
        peer.send(request).await;
        let answer = peer.answer().await;
        assert_eq!(answer.status, 200, "{request:?}");
        assert!(!answer.text().contains("http2-settings"), "{}", answer.text());
    }
}

#[tokio::test]
async fn the_drain_cuts_a_tunnel_at_its_end() {
    let server = echo().await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").await;
    assert_eq!(peer.answer_to(true).await.status, 200);
    server.handle.shutdown_now();
    assert_eq!(peer.rest().await, b"");
    assert!(server.ended.await.unwrap().is_err());
}

#[tokio::test]
async fn facts_of_the_connection_reach_the_handler() {
    let handler = handler_fn(|request: Request| async move {
        let conn = request.conn();
        format!(
            "{} {} {:?}",
            conn.listener() == conn.local_addr().unwrap().to_string(),
            conn.id() > 0,
            conn.protocol()
        )
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(peer.answer().await.text(), "true true Some(Http1)");
}

#[tokio::test]
async fn observers_of_a_hand_over_hear_of_its_end_with_the_bytes_of_both_sides() {
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let observer: Arc<dyn BodyObserver> = Arc::new(Told(told));
    let handler = handler_fn(move |mut request: Request| {
        let observer = Arc::clone(&observer);
        async move {
            let upgrade = Upgrade::take(&mut request).expect("it offers one");
            let response = upgrade.serve(Response::new(Body::empty()), |mut io| async move {
                let mut buffer = [0; 5];
                let _ = io.read_exact(&mut buffer).await;
                let _ = io.write_all(b"answer").await;
                let _ = io.read(&mut buffer).await;
            });
            response.map(|body| {
                body.observe(Arc::clone(&observer), Side::Response).observe(observer, Side::Request)
            })
        }
    });
    let server = serve(Server::new().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nearly").await;
    peer.answer_to(true).await;
    assert_eq!(peer.take(6).await, b"answer");
    assert!(hears.try_recv().is_err(), "the tunnel is still open");
    peer.half_close().await;
    assert_eq!(peer.rest().await, b"");
    assert_eq!(hears.recv().await, Some((Side::Request, 5)));
    assert_eq!(hears.recv().await, Some((Side::Response, 6)));
}

/// Passes on what it hears.
struct Told(tokio::sync::mpsc::UnboundedSender<(Side, u64)>);

impl BodyObserver for Told {
    fn ended(&self, side: Side, end: BodyEnd<'_>) {
        let _ = self.0.send((side, end.data_bytes));
    }
}
