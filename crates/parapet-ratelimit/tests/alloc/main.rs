//! What a decision allocates: nothing, once its key is known.

#[cfg(test)]
mod decision {
    use std::alloc::System;
    use std::time::Duration;

    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
    };
    use parapet_ratelimit::{
        RateLimiter, concurrent, fixed_window_per_hour, gcra, leaky_bucket, sliding_window_per_hour,
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

    #[test]
    fn an_admitted_request_costs_no_allocation_but_the_guard_of_a_slot() {
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
    }
}
