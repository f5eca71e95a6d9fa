//! A process that has no descriptor left.

use std::time::Duration;

use tokio::time::Instant;

use super::peer::Peer;
use super::run::Running;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_process_without_descriptors_does_not_spin_and_recovers() {
    let server = Running::start_with_files(64);
    let mut peers = Vec::new();
    for _ in 0..100 {
        let mut peer = Peer::connect(server.address).await;
        peer.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        peers.push(peer);
    }
    // What is measured is what a second costs; nothing is waited for.
    let before = server.cpu();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let spent = server.cpu() - before;
    assert!(spent <= 5, "{spent} hundredths of a second");
    // Room again: whoever waits in the backlog is served, though in front of it are 30 more that wait.
    peers.drain(..70);
    let begin = Instant::now();
    let mut peer = Peer::connect(server.address).await;
    peer.send(GET).await;
    assert_eq!(peer.answer().await.text(), "ok");
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn idle_connections_give_their_descriptors_to_new_clients() {
    let server = Running::start_with_files(64);
    // Three times what the process can have open, none of them closed by its client.
    let mut peers = Vec::new();
    for number in 0..200 {
        let mut peer = Peer::connect(server.address).await;
        peer.send(GET).await;
        assert_eq!(peer.answer().await.text(), "ok", "{number}");
        peers.push(peer);
    }
}
