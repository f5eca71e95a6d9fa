use std::sync::atomic::AtomicUsize;
use std::sync::{Barrier, mpsc};

use super::*;

/// Longer than any of this takes; only a broken test waits for it.
const LONG: Duration = Duration::from_secs(20);

fn handle() -> ServerHandle {
    ServerHandle::new(Duration::from_secs(10), Some(Duration::from_secs(30)))
}

#[test]
fn each_callback_runs_once_while_a_hundred_register_during_shutdown() {
    for round in 0..200 {
        let handle = handle();
        let counts: Arc<Vec<AtomicUsize>> =
            Arc::new((0..100).map(|_| AtomicUsize::new(0)).collect());
        let (done, ran) = mpsc::channel();
        // Four threads register 25 each: what matters is that registering and beginning meet.
        let barrier = Barrier::new(5);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (handle, counts, done, barrier) =
                    (handle.clone(), Arc::clone(&counts), done.clone(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for number in thread * 25..(thread + 1) * 25 {
                        let (counts, done) = (Arc::clone(&counts), done.clone());
                        handle.register_on_shutdown(move || {
                            counts[number].fetch_add(1, Ordering::Relaxed);
                            done.send(()).expect("the test waits");
                        });
                    }
                });
            }
            barrier.wait();
            drop(handle.shutdown());
        });
        for _ in 0..100 {
            ran.recv_timeout(LONG).expect("each runs");
        }
        // All senders gone: nothing is left that could run a second time.
        drop(done);
        assert!(ran.recv_timeout(LONG).is_err());
        for (number, count) in counts.iter().enumerate() {
            assert_eq!(count.load(Ordering::Relaxed), 1, "callback {number} in round {round}");
        }
    }
}

#[test]
fn what_is_registered_after_the_drain_runs_even_when_the_runtime_has_ended() {
    let handle = handle();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    handle.set_runtime(runtime.handle().clone());
    drop(handle.shutdown());
    handle.enter(DrainPhase::Ended);
    drop(runtime);
    let (done, ran) = mpsc::channel();
    handle.register_on_shutdown(move || done.send(()).expect("the test waits"));
    ran.recv_timeout(LONG).expect("it runs");
}

#[test]
fn callbacks_see_the_runtime_may_block_and_may_register_others() {
    let handle = handle();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let runtime = runtime.expect("a runtime");
    handle.set_runtime(runtime.handle().clone());
    let (done, ran) = mpsc::channel();
    let (again, second) = (handle.clone(), done.clone());
    handle.register_on_shutdown(move || {
        let answer = tokio::runtime::Handle::current().block_on(async { 7 });
        again.register_on_shutdown(move || second.send(8).expect("the test waits"));
        done.send(answer).expect("the test waits");
    });
    drop(handle.shutdown());
    drop(handle.shutdown());
    let mut seen =
        [ran.recv_timeout(LONG), ran.recv_timeout(LONG)].map(|seen| seen.expect("both run"));
    seen.sort_unstable();
    assert_eq!(seen, [7, 8]);
    assert!(ran.recv_timeout(LONG).is_err(), "two shutdowns run it once");
}

#[test]
fn a_panic_in_a_callback_keeps_no_other_from_running() {
    let handle = handle();
    let (done, ran) = mpsc::channel();
    handle.register_on_shutdown(|| panic!("as planned"));
    handle.register_on_shutdown(move || done.send(()).expect("the test waits"));
    handle.shutdown_now();
    ran.recv_timeout(LONG).expect("the other one runs");
    assert!(handle.is_forced());
}

#[tokio::test(start_paused = true)]
async fn the_phases_go_forward_and_wake_those_who_wait() {
    let handle = handle();
    assert_eq!((handle.drain_phase(), handle.is_draining()), (DrainPhase::Running, false));
    assert_eq!(handle.drain_deadline(), None);
    let (draining, grace) = (handle.draining(), handle.grace_started());
    let shutdown = handle.shutdown();
    draining.await;
    let started = Instant::now();
    assert_eq!((handle.drain_phase(), handle.is_draining()), (DrainPhase::Wait, true));
    assert_eq!(handle.wait_ends(), Some(started + Duration::from_secs(10)));
    assert_eq!(handle.drain_deadline(), Some(started + Duration::from_secs(40)));
    assert!(!handle.wants_close(started + Duration::from_millis(4_999)));
    assert!(handle.wants_close(started + Duration::from_secs(5)), "from half the wait on");
    tokio::time::advance(Duration::from_secs(1)).await;
    handle.shutdown_now();
    assert_eq!(handle.wait_ends(), Some(started + Duration::from_secs(10)), "begun once");
    handle.enter(DrainPhase::Grace);
    grace.await;
    handle.enter(DrainPhase::Wait);
    assert_eq!(handle.drain_phase(), DrainPhase::Grace, "never back");
    handle.enter(DrainPhase::Ended);
    shutdown.await;
}

#[tokio::test]
async fn a_task_guard_holds_the_drain_until_it_is_dropped() {
    let handle = handle();
    let (first, second) = (handle.task_guard(), handle.task_guard());
    let mut done = Box::pin(handle.tasks_done());
    let mut is_done = async || futures_util::poll!(done.as_mut()).is_ready();
    assert!(!is_done().await);
    drop(first);
    assert!(!is_done().await);
    drop(second);
    assert!(is_done().await);
}

#[test]
fn shutdown_now_skips_the_wait() {
    let handle = handle();
    handle.shutdown_now();
    let ends = handle.wait_ends().expect("it has begun");
    assert!(ends <= Instant::now());
    assert!(handle.wants_close(ends));
}
