use parapet_core::Server;
use parapet_upstream::HttpTransport;

use super::{CHUNKED_POST, GET, Proxy, to};
use crate::backend::{Backend, ok};

#[tokio::test]
async fn chunks_flow_both_ways_before_either_side_has_ended() {
    let backend = Backend::start().await;
    let proxy = Proxy::http(&backend).await;
    let mut client = proxy.connect().await;
    client.send(CHUNKED_POST).await;
    let mut origin = backend.accept().await;
    origin.answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.head().await;
    for _ in 0..3 {
        client.send("4\r\nping\r\n").await;
        origin.until(b"4\r\nping\r\n").await;
        origin.send("4\r\npong\r\n").await;
        client.until(b"4\r\npong\r\n").await;
    }
    client.send("0\r\n\r\n").await;
    origin.until(b"0\r\n\r\n").await;
    origin.send("0\r\n\r\n").await;
    assert_eq!(client.until(b"0\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_written_and_trailers_follow() {
    let backend = Backend::start().await;
    let proxy = Proxy::http(&backend).await;
    let mut client = proxy.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: te\r\nte: trailers\r\n\r\n").await;
    let mut origin = backend.accept().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntrailer: grpc-status\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let request = origin.answer(head).await;
    assert!(request.contains("te: trailers\r\n"), "{request}");
    client.head().await;
    for event in ["b\r\ndata: one\n\n\r\n", "b\r\ndata: two\n\n\r\n"] {
        origin.send(event).await;
        assert_eq!(client.until(b"\n\n\r\n").await, event);
    }
    origin.send("0\r\ngrpc-status: 0\r\nset-cookie: a=b\r\n\r\n").await;
    assert_eq!(client.until(b"\r\n\r\n").await, "0\r\ngrpc-status: 0\r\n\r\n");
}

#[tokio::test]
async fn an_early_hint_arrives_before_the_answer_where_it_may() {
    for wanted in [true, false] {
        let backend = Backend::start().await;
        let server = Server::new().early_hints_http1(wanted);
        let proxy = Proxy::start(server, to(&backend, HttpTransport::new())).await;
        let mut client = proxy.connect().await;
        client.send(GET).await;
        let mut origin = backend.accept().await;
        origin.answer("HTTP/1.1 103 Early\r\nlink: </a>\r\nkeep-alive: 1\r\n\r\n").await;
        if wanted {
            let hint = client.head().await; // before the answer exists
            assert!(hint.starts_with("HTTP/1.1 103 "), "{hint}");
            assert!(hint.contains("link: </a>\r\n") && !hint.contains("keep-alive"), "{hint}");
        }
        origin.send(ok("done")).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        assert_eq!(client.until(b"done").await, "done");
    }
}

#[tokio::test]
async fn nine_interim_heads_are_a_502() {
    let backend = Backend::start().await;
    let proxy = Proxy::start(Server::new(), to(&backend, HttpTransport::new()).retries(0)).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut origin = backend.accept().await;
    origin.answer("HTTP/1.1 102 Processing\r\n\r\n".repeat(9)).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert_eq!(client.until(b"\n").await, "Bad Gateway\n");
}
