//! The drain.

use std::sync::Arc;
use std::time::Duration;

use parapet_core::{DrainPhase, Error, Server, handler_fn};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::peer::{Peer, serve};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_request_in_progress_is_answered_and_then_the_server_ends_well() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (start, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let handler = handler_fn(move |_| {
        let (start, wait) = (Arc::clone(&start), Arc::clone(&wait));
        async move {
            start.notify_one();
            wait.notified().await;
            "done"
        }
    });
    let server = Server::new().wait_before_shutdown(Duration::ZERO).handler(handler);
    let server = serve(server).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send(REQUEST).await;
    begun.notified().await;
    drop(server.handle.shutdown());
    server.handle.grace_started().await;
    go.notify_one();
    let answer = peer.answer().await;
    assert_eq!((answer.text(), answer.field("connection")), ("done", Some("close")));
    assert_eq!(peer.rest().await, b"");
    server.ended.await.unwrap().unwrap();
    assert_eq!(server.handle.drain_phase(), DrainPhase::Ended);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn new_connections_are_served_during_the_wait() {
    let server = Server::new().wait_before_shutdown(Duration::from_millis(300));
    let server = serve(server.handler(handler_fn(|_| async { "ok" }))).await;
    let mut idle = Peer::connect(server.address).await;
    idle.send(REQUEST).await;
    assert_eq!(idle.answer().await.field("connection"), None);
    drop(server.handle.shutdown());
    assert!(server.handle.is_draining());
    let mut peer = Peer::connect(server.address).await;
    peer.send(REQUEST).await;
    assert_eq!(peer.answer().await.text(), "ok");
    drop(peer);
    // In grace an idle connection has a second for a request on its way.
    server.handle.grace_started().await;
    idle.send(REQUEST).await;
    assert_eq!(idle.answer().await.field("connection"), Some("close"));
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_outlasts_the_grace_is_cut_and_told() {
    let handler = handler_fn(|_| async {
        std::future::pending::<()>().await;
        "never"
    });
    let server = Server::new()
        .wait_before_shutdown(Duration::ZERO)
        .grace_timeout(Duration::from_millis(100))
        .handler(handler);
    let server = serve(server).await;
    let mut peer = Peer::connect(server.address).await;
    peer.send(REQUEST).await;
    drop(server.handle.shutdown());
    let error = server.ended.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::DrainTimeout { connections: 1, requests: 1 }), "{error:?}");
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test]
async fn a_task_guard_holds_the_grace_open() {
    let server = Server::new().wait_before_shutdown(Duration::ZERO);
    let server = serve(server.handler(handler_fn(|_| async { "ok" }))).await;
    let guard = server.handle.task_guard();
    drop(server.handle.shutdown());
    server.handle.grace_started().await;
    tokio::task::yield_now().await;
    assert!(!server.ended.is_finished());
    drop(guard);
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn answers_ask_to_leave_from_the_middle_of_the_wait_on() {
    const WAIT: Duration = Duration::from_secs(1);
    let server = Server::new().wait_before_shutdown(WAIT);
    let server = serve(server.handler(handler_fn(|_| async { "ok" }))).await;
    let mut idle = Peer::connect(server.address).await;
    idle.send(REQUEST).await;
    assert_eq!(idle.answer().await.field("connection"), None);
    let begin = Instant::now();
    drop(server.handle.shutdown());
    assert!(server.handle.is_draining());
    let (mut stayed, mut left) = (0, 0);
    while server.handle.drain_phase() == DrainPhase::Wait {
        let mut peer = Peer::connect(server.address).await;
        let sent = begin.elapsed();
        peer.send(REQUEST).await;
        let closes = peer.answer().await.field("connection") == Some("close");
        let answered = begin.elapsed();
        if answered < WAIT / 2 {
            assert!(!closes, "after {answered:?}");
            stayed += 1;
        } else if sent > WAIT / 2 + Duration::from_millis(1) {
            assert!(closes, "after {sent:?}");
            left += 1;
        }
    }
    assert!(stayed > 0 && left > 0, "{stayed} {left}");
    // An idle connection has a second of the grace.
    let grace = Instant::now();
    assert_eq!(idle.rest().await, b"");
    let took = grace.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_millis(1500), "{took:?}");
    server.ended.await.unwrap().unwrap();
}
