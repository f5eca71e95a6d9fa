//! Messages cut at every byte, through the whole server, over a pipe.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parapet_core::{BodyError, ConnMeta, Connections, Request, Server, handler_fn};
use parapet_testkit::RawClient;
use tokio::io::duplex;

/// Whole conversations: what a client sends, refused or not.
const CONVERSATIONS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /x?y=z HTTP/1.1\r\nHost: [::1]:80\r\nX-A:  b \r\nCookie: a=b; c=d\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
     5;a=\"b;c\"\r\nhello\r\n0A\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
     0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
     5\r\nhelloX\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
     3\r\nabc\r\n0\r\nHost: b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /%0g HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
];

fn connections(smuggled: &Arc<AtomicUsize>) -> Connections {
    let smuggled = Arc::clone(smuggled);
    let handler = handler_fn(move |request: Request| {
        if request.uri().path() == "/smuggled" {
            smuggled.fetch_add(1, Ordering::SeqCst);
        }
        async move {
            let line = format!("{} {:?}", request.method(), request.uri());
            let host = request.headers().get("host").cloned();
            let body = request.into_body().collect(1 << 16).await?;
            let trailers = body.trailers().map(http::HeaderMap::len);
            Ok::<_, BodyError>(format!("{line} {host:?} {:?} {trailers:?}", body.data()))
        }
    });
    // A client that closed its half after its last request still gets its answers.
    Server::new().half_close(true).handler(handler).into_connections().unwrap()
}

/// What the server says to `pieces`, dates aside.
async fn talk(connections: &Connections, pieces: &[&str]) -> String {
    let (client, io) = duplex(64 * 1024);
    let serving = tokio::spawn(connections.serve(io, ConnMeta::new("192.0.2.1:1".parse().ok())));
    let mut client = RawClient::over(client);
    for piece in pieces {
        client.try_send(piece).await;
        // The server's task runs in turn with this one: it takes what is there before more comes.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }
    client.half_close().await;
    let text = String::from_utf8(client.rest().await).unwrap();
    serving.await.unwrap();
    text.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_conversation_cut_at_every_byte_goes_the_same_way() {
    let smuggled = Arc::new(AtomicUsize::new(0));
    let connections = connections(&smuggled);
    for conversation in CONVERSATIONS {
        let whole = talk(&connections, &[conversation]).await;
        assert!(whole.starts_with("HTTP/1."), "{conversation:?}: {whole:?}");
        for at in 1..conversation.len() {
            let (begin, end) = conversation.split_at(at);
            assert_eq!(
                talk(&connections, &[begin, end]).await,
                whole,
                "{conversation:?} cut at {at}"
            );
        }
        let bytes: Vec<_> =
            (0..conversation.len()).filter_map(|at| conversation.get(at..=at)).collect();
        assert_eq!(talk(&connections, &bytes).await, whole, "{conversation:?} byte by byte");
    }
    assert_eq!(smuggled.load(Ordering::SeqCst), 0, "nothing behind a refusal is a request");
}
