//! Two real processes, one after the other: hand-over of listeners, and what the service manager hears.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parapet_core::{Error, Server};
use parapet_testkit::{RawClient, free_port};
use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixStream};

use super::peer::Peer;
use super::run::{HANDOVER, HANGS, LISTEN, REUSE_PORT, Running, say, socket_path};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// Restarts of the overlap.
const ROUNDS: usize = 5;

fn with_handover(path: &Path, workers: u64, socket: u64) -> Running {
    Running::start_with(60_000, 20_000, workers, socket, &[(HANDOVER, path.as_os_str())])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_lose_no_request() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("handover");
    let socket = u64::from(std::process::id()) + 1_000_000;
    let mut old = with_handover(&path, 2, socket);
    let address = old.address;
    let leave = Arc::new(AtomicBool::new(false));
    // Half of them keep their connection as long as it is kept, half make one for each request.
    let load: Vec<_> = (0..6)
        .map(|number| {
            let leave = Arc::clone(&leave);
            tokio::spawn(async move {
                let (mut served, mut peer) = (0, None);
                while !leave.load(Ordering::SeqCst) {
                    let mut current = match peer.take() {
                        Some(peer) => peer,
                        None => Peer::connect(address).await,
                    };
                    current.send(GET).await;
                    let answer = current.answer().await;
                    assert_eq!(answer.text(), "ok");
                    served += 1;
                    if number % 2 == 0 && answer.field("connection") != Some("close") {
                        peer = Some(current);
                    }
                }
                served
            })
        })
        .collect();
    for round in 0..10 {
        let new = with_handover(&path, 1 + round % 2, socket);
        assert_eq!(new.address, address);
        // Without the wait, a minute here, and as soon as all is done.
        old.ends_well();
        old = new;
    }
    leave.store(true, Ordering::SeqCst);
    for task in load {
        assert!(task.await.unwrap() > 0);
    }
    let mut peer = RawClient::over(UnixStream::connect(socket_path(socket)).await.unwrap());
    peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(peer.answer().await.text(), "ok");
    old.signal(Signal::INT);
    old.ends_well();
    assert!(!path.exists() && !socket_path(socket).exists(), "both files are removed at the end");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// A new connection and its first answer; `Err`: it was reset, which the system does to a handshake that was in flight on a
/// listener that closes.
async fn first_answer(address: SocketAddr) -> io::Result<Option<Peer>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(GET.as_bytes()).await?;
    if stream.peek(&mut [0]).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut peer = Peer::over(stream);
    let answer = peer.answer().await;
    assert_eq!(answer.text(), "ok");
    Ok((answer.field("connection") != Some("close")).then_some(peer))
}

/// Asks on connections that are kept as long as they are; gives the answers on kept ones, and how many new connections
/// were lost.
async fn stay(address: SocketAddr, leave: Arc<AtomicBool>) -> (usize, usize) {
    let (mut served, mut lost) = (0, 0);
    while !leave.load(Ordering::SeqCst) {
        let mut kept = first_answer(address).await.unwrap_or_else(|_| {
            lost += 1;
            None
        });
        while let Some(mut peer) = kept.take_if(|_| !leave.load(Ordering::SeqCst)) {
            peer.send(GET).await;
            let answer = peer.answer().await;
            assert_eq!(answer.text(), "ok");
            served += 1;
            if answer.field("connection") != Some("close") {
                kept = Some(peer);
            }
        }
    }
    (served, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_overlap_on_one_port_lose_no_request_of_a_kept_connection() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = address.to_string();
    let environment = [(REUSE_PORT, OsStr::new("1")), (LISTEN, OsStr::new(&listen))];
    let start = || Running::start_with(200, 20_000, 2, 0, &environment);
    let mut old = start();
    assert_eq!(old.address, address);
    let leave = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..6).map(|_| tokio::spawn(stay(address, Arc::clone(&leave)))).collect();
    for _ in 0..ROUNDS {
        let new = start();
        old.signal(Signal::TERM);
        old.ends_well();
        old = new;
    }
    leave.store(true, Ordering::SeqCst);
    let mut all_lost = 0;
    for task in load {
        let (served, lost) = task.await.unwrap();
        assert!(served > ROUNDS, "{served}");
        all_lost += lost;
    }
    let migrates = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req");
    if migrates.is_ok_and(|setting| setting.trim() == "1") {
        assert_eq!(all_lost, 0, "new connections");
    } else {
        say(&format!(
            "net.ipv4.tcp_migrate_req is not 1 here: kept connections are asserted alone; of the new ones {all_lost} were lost"
        ));
    }
    old.signal(Signal::INT);
    old.ends_well();
}

#[tokio::test]
async fn a_new_process_that_dies_before_it_is_ready_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("handover");
    let mut old = with_handover(&path, 1, 0);
    let hangs = [(HANDOVER, path.as_os_str()), (HANGS, OsStr::new("1"))];
    let mut new = Running::spawn(60_000, 20_000, 1, 0, &hangs);
    assert_eq!(new.line(), "starting");
    drop(new);
    let mut peer = Peer::connect(old.address).await;
    peer.send(GET).await;
    let answer = peer.answer().await;
    assert_eq!((answer.text(), answer.field("connection")), ("ok", None));
    drop(peer);
    // And the next one takes over.
    let next = with_handover(&path, 1, 0);
    assert_eq!(next.address, old.address);
    old.ends_well();
}

#[test]
fn a_signal_while_a_server_starts_ends_it() {
    let mut server = Running::spawn(60_000, 20_000, 1, 0, &[(HANGS, OsStr::new("1"))]);
    assert_eq!(server.line(), "starting");
    server.signal(Signal::TERM);
    server.ends_well();
}

#[test]
fn a_hand_over_socket_that_cannot_be_opened_is_an_error() {
    let path = "/nowhere/to/be/found";
    let error = Server::new().addr("127.0.0.1:0").handover(path).bind().unwrap_err();
    assert!(matches!(error, Error::Handover { .. }), "{error:?}");
    assert_eq!(error.to_string(), "no hand-over of listeners at /nowhere/to/be/found");
}

#[cfg(feature = "systemd")]
#[test]
fn the_service_manager_hears_of_start_reload_and_stop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(parapet_testkit::LONG)).unwrap();
    let heard = || {
        let mut message = [0; 1024];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let notify = [("NOTIFY_SOCKET", path.as_os_str())];
    let mut server = Running::start_with(0, 5000, 1, 0, &notify);
    assert_eq!(heard(), "READY=1\n");
    server.signal(Signal::HUP);
    assert_eq!(server.line(), "hangup");
    let reloading = heard();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(heard(), "READY=1\n");
    server.signal(Signal::TERM);
    assert_eq!(heard(), "STOPPING=1\n");
    server.ends_well();
}
