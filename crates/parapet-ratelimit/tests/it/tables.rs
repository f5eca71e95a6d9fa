use std::sync::Arc;
use std::time::Duration;

use parapet_ratelimit::{
    Concurrent, Decision, FixedWindow, Gcra, Key, LeakyBucket, SlidingWindow, Strategy, Verdict,
};

use crate::fixtures::take;

const HOUR: Duration = Duration::from_secs(3_600);

/// Addresses, each once, against a table of a tenth of them: the busy and the limited client keep their counts.
#[test]
fn a_spray_of_addresses_evicts_its_own_entries() {
    let window = FixedWindow::new(100, HOUR * 24 * 300).unwrap().max_keys(20_000);
    let (limited, busy) = (Key::from("limited"), Key::from("busy"));
    while take(&window, "limited") == Some(true) {}
    for _ in 0..40 {
        take(&window, "busy");
    }
    for number in 0_u32..200_000 {
        let address = std::net::IpAddr::from(
            (0x2001_0db8_u128 << 96 | u128::from(number) << 64).to_be_bytes(),
        );
        let spray = Key::from(address);
        assert!(matches!(window.take(&spray, 1), Decision::Ready(Verdict::Allowed)));
    }
    let stats = window.stats();
    assert!(stats.keys <= 20_000 && stats.keys > 16_000, "{stats:?}");
    assert!(stats.evicted_live > 160_000, "{stats:?}");
    assert_eq!(take(&window, "limited"), Some(false));
    assert!(window.after(&limited, 1) > Duration::ZERO);
    assert_eq!(window.quota(&busy).unwrap().remaining, 60);
}

#[tokio::test(start_paused = true)]
async fn stale_keys_are_gone_after_a_pass_and_nothing_runs_in_the_background() {
    let second = Duration::from_secs(1);
    let rows: [(&str, Box<dyn Strategy>); 4] = [
        ("fixed", Box::new(FixedWindow::new(5, second).unwrap())),
        ("sliding", Box::new(SlidingWindow::new(5, second).unwrap())),
        ("gcra", Box::new(Gcra::new(5, second, 5).unwrap())),
        ("leaky", Box::new(LeakyBucket::new(second, 5).unwrap())),
    ];
    for (kind, strategy) in rows {
        for number in 0..5_000 {
            take(&*strategy, &number.to_string());
        }
        assert_eq!(strategy.stats().keys, 5_000, "{kind}");
        tokio::time::advance(Duration::from_secs(61)).await;
        let waiting = (kind == "leaky").then(|| {
            take(&*strategy, "waiter");
            match strategy.take(&Key::from("waiter"), 1) {
                Decision::Wait(verdict) => verdict,
                decision @ Decision::Ready(_) => panic!("{decision:?}"),
            }
        });
        for _ in 0..256 {
            take(&*strategy, "fresh");
        }
        let expected = 1 + usize::from(waiting.is_some());
        assert_eq!(strategy.stats().keys, expected, "{kind}");
    }
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

/// Without a pass being due: a dead key is found by the hand as others come in.
#[tokio::test(start_paused = true)]
async fn keys_that_come_in_push_dead_ones_out() {
    let window = FixedWindow::new(5, Duration::from_secs(1)).unwrap();
    for number in 0..10_000 {
        take(&window, &number.to_string());
    }
    tokio::time::advance(Duration::from_secs(2)).await;
    for number in 10_000..22_000 {
        take(&window, &number.to_string());
    }
    let keys = window.stats().keys;
    assert!(keys < 14_000, "{keys}");
}

#[test]
fn a_table_full_of_requests_in_progress_limits_the_next_key() {
    let slots = Concurrent::new(1).max_keys(8);
    let admitted = (0..100).filter(|number| take(&slots, &format!("{number}")) == Some(true));
    assert_eq!(admitted.count(), 8);
    assert!(matches!(
        slots.take(&Key::from("late"), 1),
        Decision::Ready(Verdict::Limited { after: Some(after) }) if after == Duration::from_secs(1)
    ));
    let stats = slots.stats();
    assert_eq!((stats.keys, stats.table_full, stats.evicted_live), (8, 93, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_on_one_key_never_exceed_the_limit() {
    let rows: [(&str, u64, Arc<dyn Strategy>); 3] = [
        ("fixed", 777, Arc::new(FixedWindow::new(777, HOUR * 24 * 300).unwrap())),
        ("sliding", 777, Arc::new(SlidingWindow::new(777, HOUR * 24 * 300).unwrap())),
        ("gcra", 777, Arc::new(Gcra::new(1, HOUR, 777).unwrap())),
    ];
    for (kind, most, strategy) in rows {
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let strategy = Arc::clone(&strategy);
                tokio::spawn(async move {
                    (0..2_000).filter(|_| take(&*strategy, "alice") == Some(true)).count() as u64
                })
            })
            .collect();
        let mut admitted = 0;
        for task in tasks {
            admitted += task.await.unwrap();
        }
        let stats = strategy.stats();
        assert_eq!(admitted, most, "{kind}");
        assert_eq!((stats.allowed, stats.limited), (most, 100_000 - most), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fixed_window_opens_again_when_it_said() {
    let window = FixedWindow::new(1, Duration::from_secs(7)).unwrap();
    assert_eq!(window.after(&Key::from("nobody"), 1), Duration::ZERO);
    assert_eq!([take(&window, "alice"), take(&window, "alice")], [Some(true), Some(false)]);
    let after = window.after(&Key::from("alice"), 1);
    assert!(after <= Duration::from_secs(7));
    tokio::time::advance(after.saturating_sub(Duration::from_nanos(1))).await;
    assert_eq!(take(&window, "alice"), Some(false));
    tokio::time::advance(Duration::from_nanos(1)).await;
    assert_eq!(take(&window, "alice"), Some(true));
}
