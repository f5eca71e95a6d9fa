//! What is told of the shutdown: each callback once, and all of them before the server's end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use parapet_core::{DrainPhase, Error, Server};

use super::peer::serve;
use super::workers::Workers;

/// Longer than any of this takes; only a broken test waits for it.
const LONG: Duration = Duration::from_secs(20);
/// What a callback takes, so that a server that does not wait for it is caught.
const WORK: Duration = Duration::from_millis(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_that_register_meanwhile_have_run_once_when_serve_returns() {
    for round in 0..20 {
        let server = serve(Server::new().wait_before_shutdown(Duration::ZERO)).await;
        let counts: Arc<Vec<_>> = Arc::new((0..100).map(|_| AtomicUsize::new(0)).collect());
        // The end waits for whoever registers.
        let guard = server.handle.task_guard();
        let registering: Vec<_> = (0..100)
            .map(|number| {
                let (handle, counts) = (server.handle.clone(), Arc::clone(&counts));
                tokio::spawn(async move {
                    handle.register_on_shutdown(move || {
                        thread::sleep(WORK);
                        counts[number].fetch_add(1, Ordering::SeqCst);
                    });
                })
            })
            .collect();
        drop(server.handle.shutdown());
        drop(server.handle.shutdown());
        for task in registering {
            task.await.unwrap();
        }
        drop(guard);
        server.ended.await.unwrap().unwrap();
        for (number, count) in counts.iter().enumerate() {
            assert_eq!(count.load(Ordering::SeqCst), 1, "callback {number} in round {round}");
        }
    }
}

#[test]
fn run_returns_when_callbacks_and_those_that_they_registered_have_ended() {
    for _ in 0..20 {
        let server = Workers::start(Server::new(), 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let (first, second, handle) = (Arc::clone(&ran), Arc::clone(&ran), server.handle.clone());
        server.handle.register_on_shutdown(move || {
            handle.register_on_shutdown(move || {
                thread::sleep(WORK * 4);
                second.fetch_add(1, Ordering::SeqCst);
            });
            first.fetch_add(1, Ordering::SeqCst);
        });
        drop(server.handle.shutdown());
        server.join().unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_callback_that_does_not_end_is_waited_for_to_the_end_of_grace() {
    let (release, released) = mpsc::channel::<()>();
    let server = Server::new()
        .wait_before_shutdown(Duration::ZERO)
        .grace_timeout(Duration::from_millis(100))
        .register_on_shutdown(move || {
            let _ = released.recv();
        });
    let server = serve(server).await;
    drop(server.handle.shutdown());
    let error = server.ended.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::DrainTimeout { connections: 0, requests: 0 }), "{error:?}");
    drop(release);
}

#[tokio::test]
async fn all_have_run_before_the_wait_ends_and_a_late_one_runs_at_once() {
    let server = serve(Server::new().wait_before_shutdown(Duration::from_millis(300))).await;
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let ran = Arc::clone(&ran);
        server.handle.register_on_shutdown(move || {
            ran.fetch_add(1, Ordering::SeqCst);
        });
    }
    let grace = server.handle.grace_started();
    drop(server.handle.shutdown());
    assert_eq!(server.handle.drain_phase(), DrainPhase::Wait);
    grace.await;
    assert_eq!(ran.load(Ordering::SeqCst), 100);
    server.ended.await.unwrap().unwrap();
    let (done, late) = mpsc::channel();
    server.handle.register_on_shutdown(move || done.send(()).unwrap());
    late.recv_timeout(Duration::from_secs(1)).unwrap();
}

#[test]
fn nobody_is_waited_for_when_the_shutdown_is_forced() {
    let (release, released) = mpsc::channel::<()>();
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    let server = Workers::start(
        Server::new().register_on_shutdown(move || {
            let _ = released.recv_timeout(LONG);
            end.store(true, Ordering::SeqCst);
        }),
        1,
    );
    server.handle.shutdown_now();
    assert!(matches!(server.join(), Err(Error::Forced)));
    assert!(!ended.load(Ordering::SeqCst), "it still runs");
    drop(release);
}
