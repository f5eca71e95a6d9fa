//! One task for each connection, none for a request, stream or tunnel.

use std::sync::Arc;
use std::sync::Mutex;

use parapet_core::{Request, Response, Server, Upgrade, handler_fn};
use parapet_testkit::{FrameClient, pseudo};
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Handle;
use tokio::sync::Barrier;

use super::peer::{Peer, serve};

#[tokio::test]
async fn nothing_is_spawned_for_a_request_a_stream_or_a_tunnel() {
    const STREAMS: usize = 50;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let barrier = Arc::new(Barrier::new(STREAMS));
    let (tasks, all) = (Arc::clone(&seen), Arc::clone(&barrier));
    let handler = handler_fn(move |mut request: Request| {
        let (tasks, all) = (Arc::clone(&tasks), Arc::clone(&all));
        async move {
            let note =
                move || tasks.lock().unwrap().push(Handle::current().metrics().num_alive_tasks());
            if let Some(upgrade) = Upgrade::take(&mut request) {
                return upgrade.serve(Response::default(), move |mut io| async move {
                    note();
                    let _ = io.write_all(b"in").await;
                });
            }
            if request.uri().path() == "/together" {
                // All of them are in progress now.
                all.wait().await;
            }
            let _ = request.into_body().collect(1024).await;
            note();
            Response::new("ok".into())
        }
    });
    let server = serve(Server::backend().handler(handler)).await;
    let mut peer = Peer::connect(server.address).await;
    for _ in 0..10 {
        peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
        assert_eq!(peer.answer().await.text(), "ok");
    }
    peer.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").await;
    assert_eq!(peer.answer_to(true).await.status, 200);
    assert_eq!(peer.rest().await, b"in");
    let first = std::mem::take(&mut *seen.lock().unwrap());
    // The server, its listener, the connection.
    assert_eq!(first, [3; 11]);
    drop(peer);
    let (mut client, _) = FrameClient::connect(server.address).await;
    for number in 0..u32::try_from(STREAMS).unwrap() {
        client.get(1 + 2 * number, "/together").await;
    }
    let mut ended = 0;
    while ended < STREAMS {
        let frame = client.answer().await.unwrap();
        assert!(matches!(frame.status(), None | Some(200)), "{frame:?}");
        ended += usize::from(frame.ends_stream());
    }
    let [method, _, _, authority] = pseudo("CONNECT", "/");
    client.headers(1001, &[method, authority], false).await;
    let (status, tunneled) = client.response().await;
    assert_eq!((status, tunneled), (200, b"in".to_vec()));
    assert_eq!(*seen.lock().unwrap(), [3; STREAMS + 1]);
}
