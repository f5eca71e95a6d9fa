//! What lookups allocate: nothing, but for the parameters of a pattern with names.

#[cfg(test)]
mod lookup {
    use std::alloc::System;

    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
    };
    use parapet_router::Router;
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
    fn a_thousand_patterns_cost_nothing_and_names_one_allocation() {
        let mut builder = Router::builder();
        for i in 0..500 {
            builder = builder
                .handle(&format!("/static/page-{i}"), terminal(Ready))
                .handle(&format!("GET site-{i}.test/api/v1/collection-{i}/"), terminal(Ready));
        }
        builder = builder
            .handle("/u/{id}/posts/{rest...}", terminal(Ready))
            .handle("GET /only", terminal(Ready));
        let handler = builder.build().unwrap().wrap(Handler::new(Ready));
        for (target, expected) in [
            ("/static/page-350", 0),
            ("/static/page-350/sub", 0),
            ("/static/nothing", 0),
            ("http://site-77.test/api/v1/collection-77/x", 0),
            ("http://Site-77.Test:80/api/v1/collection-77/", 0),
            ("http://site-78.test/api/v1/collection-77/x", 0),
            ("/u/7/posts/1/2", 1),
        ] {
            let request = || {
                let mut request = http::Request::builder().uri(target).body(Body::empty()).unwrap();
                // As the server does: one insertion of the core's facts, before any layer.
                let info = request.detached_info();
                request.extensions_mut().insert(info);
                request
            };
            let allocations =
                fewest_allocations(GLOBAL, request, |request| now(handler.serve(request)));
            assert_eq!(allocations, expected, "{target}");
        }
    }
}
