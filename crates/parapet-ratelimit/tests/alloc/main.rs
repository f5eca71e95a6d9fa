//! What a decision allocates: nothing, once its key is known; and what a waiting request keeps.

#[cfg(test)]
mod decision {
    use std::alloc::System;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
    };
    use parapet_ratelimit::{
        ConcurrentQueue, Decision, FixedWindow, Key, RateLimiter, Strategy, Verdict, concurrent,
        fixed_window_per_hour, gcra, leaky_bucket, sliding_window_per_hour,
    };
    use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

    #[global_allocator]
    static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    struct Ready;

    impl Serve for Ready {
        fn serve(&self, _request: Request) -> ResponseFuture {
            ResponseFuture::ready(Response::new(Body::empty()))
        }
    }

    fn request() -> Request {
        let mut request = http::Request::new(Body::empty());
        request.set_client_addr("10.0.0.1".parse().unwrap());
        request
    }

    /// Allocations of the third request.
    fn allocations(limiter: &RateLimiter) -> usize {
        let handler = limiter.wrap(Handler::new(Ready));
        for _ in 0..2 {
            drop(handler.serve(request()));
        }
        let request = request();
        let region = Region::new(GLOBAL);
        let answer = handler.serve(request);
        let allocations = region.change().allocations;
        drop(answer);
        allocations
    }

    /// One test: what is counted is the process's.
    #[test]
    fn an_admitted_request_costs_no_allocation_and_a_waiting_one_little_memory() {
        let hour = Duration::from_secs(3_600);
        for limiter in [
            fixed_window_per_hour(100),
            sliding_window_per_hour(100),
            gcra(100, hour, 100).unwrap(),
            leaky_bucket(Duration::from_nanos(1), 1).unwrap(),
            fixed_window_per_hour(0).dry_run(true),
            fixed_window_per_hour(0).skip(|_| true),
        ] {
            assert_eq!(allocations(&limiter), 0, "{limiter:?}");
        }
        let slot = allocations(&concurrent(100));
        assert!(slot <= 2, "a future and an entry that came and went: {slot}");

        let (queue, key) = (ConcurrentQueue::new(1, 1_000).unwrap(), Key::from("alice"));
        assert!(matches!(queue.take(&key, 1), Decision::Ready(_)));
        let mut waiting = Vec::with_capacity(1_000);
        let region = Region::new(GLOBAL);
        waiting.extend((0..1_000).map(|_| queue.take(&key, 1)));
        let change = region.change();
        let kept = (change.bytes_allocated - change.bytes_deallocated) / 1_000;
        assert!(kept <= 200, "{kept} bytes a waiting request");

        drop((waiting, queue));
        let region = Region::new(GLOBAL);
        let window = FixedWindow::per_hour(1);
        for number in 0..10_000 {
            window.take(&Key::from(format!("{number}")), 1);
        }
        let change = region.change();
        let held = change.bytes_allocated - change.bytes_deallocated;
        assert!((10_000 * 32..10_000 * 90).contains(&held), "{held} bytes for 10,000 keys");
        drop(window);
        let change = region.change();
        assert_eq!(change.bytes_allocated, change.bytes_deallocated, "a dropped limiter frees all");

        a_spray_of_addresses_stays_within_its_table();
    }

    /// Resident memory of this process in bytes.
    fn resident() -> u64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
    }

    /// Five million clients, each once, against a table of 100,000; in this process, where nobody else takes memory.
    fn a_spray_of_addresses_stays_within_its_table() {
        let window = FixedWindow::new(3, Duration::from_secs(300 * 86_400)).unwrap();
        let window = window.max_keys(100_000);
        let limited = Key::from("limited");
        let passes = &|key: &Key| matches!(window.take(key, 1), Decision::Ready(Verdict::Allowed));
        assert_eq!((0..9).filter(|_| passes(&limited)).count(), 3);
        let (before, region) = (resident(), Region::new(GLOBAL));
        std::thread::scope(|scope| {
            for from in [0, 2_500_000_u32] {
                scope.spawn(move || {
                    for number in from..from + 2_500_000 {
                        let client = IpAddr::from(Ipv4Addr::from_bits(number));
                        assert!(passes(&Key::from(client)), "{client}");
                    }
                });
            }
        });
        let change = region.change();
        let held = change.bytes_allocated - change.bytes_deallocated;
        let grown = resident().saturating_sub(before);
        assert!(held <= 6 << 20, "{held} bytes");
        assert!(grown <= 10 << 20, "{grown} bytes");
        assert!(!passes(&limited), "who was limited stays limited");
        let stats = window.stats();
        assert!(stats.keys <= 100_000 && stats.evicted_live > 4_800_000, "{stats:?}");
    }
}
