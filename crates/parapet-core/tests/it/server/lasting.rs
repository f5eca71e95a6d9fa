//! What lasts: event streams, slow and silent clients, nonsense, early answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use parapet_core::{
    Body, ConnMeta, ConnState, Http2, Request, Response, Server, Upgrade, handler_fn,
};
use parapet_testkit::RawClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::sync::{Notify, mpsc};

use super::peer::{Peer, serve};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn an_event_stream_that_is_silent_for_an_hour_is_kept() {
    let handler = handler_fn(|_| async {
        let (events, body) = Body::channel(1);
        tokio::spawn(async move {
            let _ = events.data("first").await;
            tokio::time::sleep(Duration::from_secs(3600)).await;
            let _ = events.data("second").await;
            let _ = events.finish().await;
        });
        Response::new(body)
    });
    let connections = Server::frontend().handler(handler).into_connections().unwrap();
    let (mut client, io) = duplex(64 * 1024);
    let serving = tokio::spawn(connections.serve(io, ConnMeta::new(None)));
    client.write_all(GET.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.ends_with("0\r\n\r\n") {
        let mut bytes = [0; 1024];
        let read = client.read(&mut bytes).await.unwrap();
        assert!(read > 0, "cut after {text:?}");
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    assert!(text.contains("first") && text.contains("second"), "{text:?}");
    drop(client);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_over_a_pipe_serves_after_a_silence() {
    let connections = Server::frontend().handler(handler_fn(|_| async { "ok" }));
    let connections = connections.into_connections().unwrap();
    for head in [GET.to_owned(), format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(5000))] {
        let (client, io) = duplex(64 * 1024);
        tokio::spawn(connections.serve(io, ConnMeta::new(None)));
        let (mut client, mut times) = (client, 0);
        while times < 3 {
            client.write_all(head.as_bytes()).await.unwrap();
            let mut bytes = [0; 1024];
            let read = client.read(&mut bytes).await.unwrap();
            assert!(bytes[..read].ends_with(b"\r\n\r\nok"));
            // Past the point where an idle connection gives its buffers back.
            tokio::time::sleep(Duration::from_secs(5)).await;
            times += 1;
        }
    }
}

#[tokio::test]
async fn a_mebibyte_that_nobody_reads_does_not_hide_the_answer() {
    let refuse = handler_fn(|_| async { (StatusCode::FORBIDDEN, "no") });
    let server = serve(Server::new().handler(refuse)).await;
    let mut peer = Peer::connect(server.address).await;
    let size = 1 << 20;
    peer.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")).await;
    peer.try_send(vec![b'x'; size]).await;
    let answer = peer.answer().await;
    assert_eq!(
        (answer.status, answer.text(), answer.field("connection")),
        (403, "no\n", Some("close"))
    );
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn a_chunked_echo_keeps_its_bytes_wrapped_and_bare() {
    let handler = handler_fn(|request: Request| async move {
        let wrap = request.uri().path() == "/wrapped";
        let body = request.into_body();
        Response::new(if wrap { body.map_data(|data| data) } else { body })
    });
    let server = serve(Server::new().handler(handler)).await;
    for path in ["/bare", "/wrapped"] {
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let (read, mut write) = tokio::io::split(stream);
        let writer = tokio::spawn(async move {
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            write.write_all(head.as_bytes()).await.unwrap();
            for number in 0..1024_u32 {
                let chunk = vec![number.to_be_bytes()[3]; 1024];
                write.write_all(b"400\r\n").await.unwrap();
                write.write_all(&chunk).await.unwrap();
                write.write_all(b"\r\n").await.unwrap();
            }
            write.write_all(b"0\r\n\r\n").await.unwrap();
            write
        });
        let mut peer = RawClient::over(tokio::io::join(read, tokio::io::sink()));
        let body = peer.answer().await.body;
        let expected: Vec<u8> =
            (0..1024_u32).flat_map(|number| vec![number.to_be_bytes()[3]; 1024]).collect();
        assert!(body == expected, "{path}: {} bytes", body.len());
        drop(writer.await.unwrap());
    }
}

#[tokio::test]
async fn nonsense_and_half_heads_trouble_nobody_and_are_all_closed() {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let (told, mut ends) = mpsc::unbounded_channel();
    let server = Server::backend()
        .http2(Http2::frontend())
        .handler(handler_fn(|_| async { "ok" }))
        .on_conn_state(move |_, state| {
            if state == ConnState::Closed {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = told.send(());
            }
        });
    let bound = server.addr("127.0.0.1:0").bind().unwrap();
    let (address, handle) = (bound.local_addrs()[0], bound.handle());
    let ended = tokio::spawn(bound.serve());
    let mut slow = Vec::new();
    for _ in 0..1000 {
        let mut peer = Peer::connect(address).await;
        peer.send("GET / HTTP/1.1\r\nHo").await;
        slow.push(peer);
    }
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..24 {
        let mut peer = Peer::connect(address).await;
        let bytes: Vec<u8> = (0..4096)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed.to_be_bytes()[0]
            })
            .collect();
        peer.try_send(&bytes).await;
        peer.half_close().await;
        peer.rest().await;
    }
    let mut peer = Peer::connect(address).await;
    peer.send(GET).await;
    assert_eq!(peer.answer().await.text(), "ok");
    drop((peer, slow));
    for _ in 0..1025 {
        ends.recv().await.unwrap();
    }
    assert_eq!((handle.stats().total.accepted, closed.load(Ordering::SeqCst)), (1025, 1025));
    drop(handle.shutdown());
    handle.shutdown_now();
    let _ = ended.await.unwrap();
    assert_eq!(handle.stats().total.open(), 0);
}

#[tokio::test]
async fn a_tunnel_hears_of_the_drain_and_lives_to_the_end_of_grace() {
    let heard = Arc::new(Notify::new());
    let tell = Arc::clone(&heard);
    let handler = handler_fn(move |mut request: Request| {
        let tell = Arc::clone(&tell);
        async move {
            let upgrade = Upgrade::take(&mut request).unwrap();
            upgrade.serve(Response::default(), move |mut io| async move {
                let draining = io.draining();
                draining.await;
                tell.notify_one();
                let mut word = [0; 4];
                while io.read_exact(&mut word).await.is_ok() {
                    io.write_all(&word).await.unwrap();
                }
            })
        }
    });
    let server = Server::new()
        .wait_before_shutdown(Duration::ZERO)
        .grace_timeout(Duration::from_secs(2))
        .handler(handler);
    let server = serve(server).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").await;
    assert_eq!(peer.answer_to(true).await.status, 200);
    let begin = tokio::time::Instant::now();
    drop(server.handle.shutdown());
    heard.notified().await;
    peer.send("ping").await;
    assert_eq!(peer.take(4).await, b"ping");
    assert_eq!(peer.rest().await, b"");
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(server.ended.await.unwrap().is_err());
}
