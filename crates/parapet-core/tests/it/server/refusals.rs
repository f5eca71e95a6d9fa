//! What is no request is answered and closed, and no handler sees it.

use std::sync::atomic::Ordering;

use parapet_core::Server;

use super::peer::{Peer, counting};

const REASONS: [(u16, &str); 5] = [
    (400, "Bad Request\n"),
    (408, "Request Timeout\n"),
    (414, "URI Too Long\n"),
    (431, "Request Header Fields Too Large\n"),
    (505, "HTTP Version Not Supported\n"),
];

/// Status, and the bytes of a request that is refused.
fn rows() -> Vec<(u16, Vec<u8>)> {
    let text: &[(u16, &str)] = &[
        // Line ends.
        (400, "GET / HTTP/1.1\nHost: a\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n"),
        (400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        // Request line.
        (400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        (400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        (400, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\r\n\r\n"),
        (505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        // Target.
        (400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /?a=<b> HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
        // Field lines.
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n"),
        // Framing.
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000000000000\r\n\r\nx"),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        ),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        // Authority.
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a%20b\r\n\r\n"),
        (400, "GET http://a/ HTTP/1.1\r\n\r\n"),
        (400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ];
    let mut rows: Vec<_> =
        text.iter().map(|(status, text)| (*status, text.as_bytes().to_vec())).collect();
    let long = |length: usize| "a".repeat(length);
    rows.push((414, format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(16 * 1024)).into()));
    rows.push((431, format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", long(65_536)).into()));
    rows.push((431, format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(100)).into()));
    rows.push((400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()));
    rows
}

#[tokio::test]
async fn each_refused_request_has_its_status_and_reaches_no_handler() {
    let (server, calls) = counting(Server::new()).await;
    let reason = |status| REASONS.iter().find(|(known, _)| *known == status).unwrap().1;
    for (status, bytes) in rows() {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        // Alone.
        let mut peer = Peer::connect(server.address).await;
        peer.try_send(&bytes).await;
        let answer = peer.answer().await;
        assert_eq!(answer.status, status, "{shown:?}");
        assert_eq!(answer.text(), reason(status), "{shown:?}");
        assert_eq!(answer.field("connection"), Some("close"), "{shown:?}");
        assert_eq!(peer.rest().await, b"", "{shown:?}: nothing may follow");
        assert_eq!(calls.swap(0, Ordering::SeqCst), 0, "{shown:?}");
        // Behind a good one, with what looks like another behind it.
        let mut peer = Peer::connect(server.address).await;
        let good: &[u8] = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n";
        peer.try_send([good, &bytes, good].concat()).await;
        assert_eq!(peer.answer().await.text(), "GET /good ", "{shown:?}");
        assert_eq!(peer.answer().await.status, status, "{shown:?}");
        assert_eq!(peer.rest().await, b"", "{shown:?}: nothing may follow");
        assert_eq!(calls.swap(0, Ordering::SeqCst), 1, "{shown:?}");
    }
}

#[tokio::test]
async fn what_stands_just_inside_the_limits_passes() {
    let (server, _calls) = counting(Server::new()).await;
    let fields = |lines: usize| "X: 1\r\n".repeat(lines - 1);
    let head = "GET / HTTP/1.1\r\nHost: a\r\n";
    let room = 65_536 - head.len() - "X: \r\n\r\n".len();
    for request in [
        format!("{head}{}\r\n", fields(100)),
        format!("{head}X: {}\r\n\r\n", "a".repeat(room)),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(16 * 1024 - 1)),
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "GET / HTTP/1.0\r\n\r\n".into(),
    ] {
        let mut peer = Peer::connect(server.address).await;
        peer.send(&request).await;
        assert_eq!(peer.answer().await.status, 200, "{:?}", request.get(..40));
    }
}

#[tokio::test]
async fn a_malformed_chunk_fails_the_body_and_ends_the_connection() {
    let (server, _calls) = counting(Server::new()).await;
    for chunks in [
        "g\r\n",
        "\r\n",
        "5\nhello\r\n",
        "5\r\nhelloX",
        "11111111111111111\r\n",
        "0\r\nHost: b\r\n\r\n",
    ] {
        let mut peer = Peer::connect(server.address).await;
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        peer.send(format!("{head}{chunks}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let answer = peer.answer().await;
        assert_eq!(answer.status, 400, "{chunks:?}");
        assert_eq!(answer.field("connection"), Some("close"), "{chunks:?}");
        assert_eq!(peer.rest().await, b"", "{chunks:?}");
    }
}
