//! Requests, and what became of them.

use parapet_core::{Body, ConnMeta, Connections, Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(crate) fn get(uri: &str) -> Request {
    http::Request::get(uri).body(Body::empty()).expect("a request")
}

pub(crate) async fn text(response: Response) -> String {
    let collected = response.into_body().collect(64 * 1024).await.expect("a whole body");
    String::from_utf8(collected.into_data().to_vec()).expect("text")
}

/// Sends `bytes` over a pipe and gives all that comes back until the server closes.
pub(crate) async fn exchange(connections: &Connections, meta: ConnMeta, bytes: &str) -> String {
    let (mut client, io) = tokio::io::duplex(64 * 1024);
    let talking = async move {
        client.write_all(bytes.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("it answers");
        answer
    };
    tokio::join!(connections.serve(io, meta), talking).1
}
