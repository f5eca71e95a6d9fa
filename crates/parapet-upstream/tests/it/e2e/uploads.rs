//! An upload that is longer than its answer takes.

use parapet_upstream::HttpTransport;
use tokio::io::AsyncWriteExt as _;

use super::{Proxy, to};
use crate::backend::{Backend, Conn, ok};

const SIZE: usize = 10 << 20;

fn post() -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {SIZE}\r\n\r\n")
}

#[tokio::test]
async fn an_answer_in_full_to_an_upload_that_nobody_reads_further_arrives() {
    let backend = Backend::start().await;
    let upstream = to(&backend, HttpTransport::new()).retries(0);
    let proxy = Proxy::start(parapet_core::Server::new(), upstream).await;
    let client = proxy.connect().await;
    let (reading, mut writing) = client.stream.into_split();
    let upload = tokio::spawn(async move {
        // The proxy stops reading at some time: that is no failure here.
        let _ = writing.write_all(post().as_bytes()).await;
        let _ = writing.write_all(&vec![b'u'; SIZE]).await;
        writing
    });
    let mut origin = backend.accept().await;
    origin.answer(ok("enough")).await;
    let mut client = Conn { stream: tokio::io::join(reading, tokio::io::sink()), read: Vec::new() };
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    client.until(b"enough").await;
    assert!(origin.closed().await.len() < SIZE, "the connection is closed in the middle");
    upload.abort();
}
