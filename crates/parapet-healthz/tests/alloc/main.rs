//! What the check allocates: nothing for other paths, the header map's two for an answer.

#[cfg(test)]
mod probes {
    use std::alloc::System;

    use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
    use parapet_testkit::{fewest_allocations, now};
    use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

    #[global_allocator]
    static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    struct Ready;

    impl Serve for Ready {
        fn serve(&self, _request: Request) -> ResponseFuture {
            ResponseFuture::ready(Response::new(Body::empty()))
        }
    }

    #[test]
    fn other_paths_cost_nothing_and_an_answer_its_head() {
        let handler = parapet_healthz::new().wrap(Handler::new(Ready));
        for (uri, expected) in [
            ("http://10.0.0.1/", 0),
            ("http://10.0.0.1/api/v1/collection/1234", 0),
            ("http://a.test/healthz", 0),
            ("http://10.0.0.1/healthz", 2),
            ("http://10.0.0.1/healthz?ready=1", 2),
        ] {
            let request = || http::Request::builder().uri(uri).body(Body::empty()).unwrap();
            let allocations =
                fewest_allocations(GLOBAL, request, |request| now(handler.serve(request)));
            assert_eq!(allocations, expected, "{uri}");
        }
    }
}
