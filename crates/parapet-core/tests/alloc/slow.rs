//! Clients that begin and do not go on: what each makes the server hold. Over pipes, so that nothing lies in the system's
//! buffers.

use std::sync::PoisonError;

use bytes::Bytes;
use futures_util::stream::repeat_with;
use parapet_core::{Body, BodyError, ConnMeta, Handler, Response, Server, handler_fn};
use stats_alloc::Region;
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::Builder;

use super::server::held;
use super::{ALLOCATOR, COUNTING, Ready};

const CONNECTIONS: usize = 20;
const KIB: i64 = 1024;

/// Sends `bytes` on each of many connections, and gives what each makes the server hold once it stands still, and what is
/// left of all when they are gone. The server takes all of `bytes`: it has read what one is judged by.
fn holds(server: Server, bytes: &[u8]) -> (i64, i64) {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connections = server.into_connections().unwrap();
        let connect = async |clients: &mut Vec<DuplexStream>| {
            let (mut client, io) = duplex(1024);
            tokio::spawn(connections.serve(io, ConnMeta::new(None)));
            client.write_all(bytes).await.unwrap();
            clients.push(client);
        };
        let mut clients = Vec::with_capacity(CONNECTIONS);
        // What the first one makes for ever is not counted.
        connect(&mut clients).await;
        clients.clear();
        settle().await;
        let region = Region::new(ALLOCATOR);
        for _ in 0..CONNECTIONS {
            connect(&mut clients).await;
        }
        settle().await;
        let each = held(&region) / i64::try_from(CONNECTIONS).unwrap();
        clients.clear();
        settle().await;
        (each, held(&region))
    })
}

/// Lets every task go as far as it can: they wait for nothing but each other.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_head_without_an_end_holds_at_most_twice_what_a_head_may_have() {
    let begun = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec(), vec![b'x'; 65_000]].concat();
    let (each, left) = holds(Server::frontend().handler(Handler::new(Ready)), &begun);
    assert!(each > 64 * KIB, "{each} bytes: the server has not read the head");
    assert!(each < 128 * KIB, "{each} bytes a connection");
    assert!(left < 16 * KIB, "{left} bytes are left");
}

#[test]
fn requests_behind_one_in_progress_hold_no_more_than_such_a_head() {
    let pending = handler_fn(|_| std::future::pending::<Response>());
    let many = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2400);
    let (each, left) = holds(Server::frontend().handler(pending), &many);
    assert!(each > 64 * KIB, "{each} bytes: the server has not read on");
    assert!(each < 128 * KIB, "{each} bytes a connection");
    assert!(left < 16 * KIB, "{left} bytes are left");
}

#[test]
fn a_client_that_reads_nothing_holds_no_more_than_what_is_queued() {
    let endless = handler_fn(|_| async {
        let frames = repeat_with(|| Ok::<_, BodyError>(Bytes::from(vec![b'x'; 16 * 1024])));
        Response::new(Body::from_stream(frames))
    });
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (each, left) = holds(Server::frontend().handler(endless), get);
    assert!(each > 64 * KIB, "{each} bytes: the body was not asked");
    assert!(each < 96 * KIB, "{each} bytes a connection");
    assert!(left < 16 * KIB, "{left} bytes are left");
}
