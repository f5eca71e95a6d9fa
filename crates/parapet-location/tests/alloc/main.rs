//! What lookups of paths allocate: nothing, but for one list when one of several expressions matches.

#[cfg(test)]
mod lookup {
    use std::alloc::System;

    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
    };
    use parapet_location::{Locations, exact, prefix};
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

    fn allocations(handler: &Handler, path: &str) -> usize {
        let request = || {
            let mut request = http::Request::builder().uri(path).body(Body::empty()).unwrap();
            // As the server does: one insertion of the core's facts, before any layer.
            let info = request.detached_info();
            request.extensions_mut().insert(info);
            request
        };
        // The automaton of the expressions is built as it is first used.
        fewest_allocations(GLOBAL, request, |request| now(handler.serve(request)))
    }

    #[test]
    fn lookups_allocate_nothing_but_the_list_of_matching_expressions() {
        let next = || Handler::new(Ready);
        let mut builder = Locations::builder();
        for i in 0..500 {
            builder = builder
                .exact(&format!("/static/page-{i}.html"), terminal(Ready))
                .prefix(&format!("/api/v1/collection-{i}"), terminal(Ready));
        }
        for i in 0..50 {
            builder = builder.regexp(&format!(r"-{i}\.(js|css)$"), terminal(Ready));
        }
        let many = builder.build().unwrap().wrap(next());
        let exact = exact("/a/b").unwrap().with(terminal(Ready)).wrap(next());
        let prefix = prefix("/a").unwrap().with(terminal(Ready)).wrap(next());
        for (handler, path, expected) in [
            (&exact, "/a/b", 0),
            (&exact, "/a/c", 0),
            (&prefix, "/a/c", 0),
            (&prefix, "/b", 0),
            (&many, "/static/page-350.html", 0),
            (&many, "/api/v1/collection-350/items/1234", 0),
            (&many, "/api/v1/collection-999/items/1234", 0),
            (&many, "/x-42.js", 1),
        ] {
            assert_eq!(allocations(handler, path), expected, "{path}");
        }
    }
}
