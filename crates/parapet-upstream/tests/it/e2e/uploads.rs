//! An upload that is longer than its answer takes.

use parapet_upstream::HttpTransport;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Proxy, to};
use crate::backend::{Backend, Conn, ok, within};

const SIZE: usize = 10 << 20;
/// More than all socket buffers on the way hold: a client that does not read stops it.
const ANSWER: usize = 48 << 20;

fn post() -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {SIZE}\r\n\r\n")
}

#[tokio::test]
async fn a_long_answer_that_nobody_reads_yet_stalls_no_upload() {
    let backend = Backend::start().await;
    let proxy = Proxy::http(&backend).await;
    // It reads nothing before everything it sent has arrived.
    let arrived = tokio::sync::Notify::new();
    let mut client = proxy.connect().await;
    let exchange = async {
        client.send(post()).await;
        client.send(vec![b'u'; SIZE]).await;
        within(arrived.notified()).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        let mut left = ANSWER - client.read.len();
        let mut buffer = vec![0; 1 << 16];
        while left > 0 {
            left -= within(client.stream.read(&mut buffer)).await.unwrap();
        }
        // Much of the upload was still to come when the answer began: such a connection is not kept.
        assert_eq!(within(client.stream.read(&mut buffer)).await.unwrap(), 0);
    };
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        let read = conn.read.len();
        let (mut reading, mut writing) = conn.stream.into_split();
        let send = async {
            writing
                .write_all(ok("").replace(": 0", &format!(": {ANSWER}")).as_bytes())
                .await
                .unwrap();
            writing.write_all(&vec![b'd'; ANSWER]).await.unwrap();
        };
        let receive = async {
            let mut left = SIZE - read;
            let mut buffer = vec![0; 1 << 16];
            while left > 0 {
                left -= within(reading.read(&mut buffer)).await.unwrap();
            }
            arrived.notify_one();
            // What was split for the upload is not used again.
            assert_eq!(within(reading.read(&mut buffer)).await.unwrap(), 0);
        };
        tokio::join!(send, receive);
    };
    tokio::join!(exchange, origin);
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
