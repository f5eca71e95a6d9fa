use parapet_core::{ConnMeta, RequestExt, Server, handler_fn};
use parapet_requestid as requestid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

/// The answer to one request with `fields` from 192.0.2.1.
async fn answer(server: Server, fields: &str) -> String {
    let origin = handler_fn(|request: parapet_core::Request| async move {
        request.request_id().map(|id| id.as_str().to_owned()).unwrap_or_default()
    });
    let connections = server.handler(origin).into_connections().unwrap();
    let (mut client, io) = duplex(4096);
    let talk = async move {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let meta = ConnMeta::new("192.0.2.1:1".parse().ok());
    tokio::join!(connections.serve(io, meta), talk).1
}

#[tokio::test]
async fn an_id_is_kept_from_trusted_peers_only_if_so_set() {
    for (trusted, kept) in [("192.0.2.0/24", true), ("198.51.100.0/24", false)] {
        let server = Server::frontend().trust_cidrs([trusted.parse().unwrap()]);
        let server = server.with(requestid::new().trust_peer_only());
        let answer = answer(server, "X-Request-Id: 123aaa\r\n").await;
        assert_eq!(answer.contains("\r\nx-request-id: 123aaa\r\n"), kept, "{answer}");
        assert_eq!(answer.ends_with("\r\n\r\n123aaa"), kept, "{answer}");
        assert_eq!(answer.matches("x-request-id").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_line_break_in_an_id_never_arrives() {
    let server = Server::new().with(requestid::new());
    let answer = answer(server, "X-Request-Id: crlf\rinjection\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(!answer.contains("injection"), "{answer}");
}
