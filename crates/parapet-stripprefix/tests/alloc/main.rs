//! What the layer allocates: the new target of a request that has the prefix, nothing for another.

#[cfg(test)]
mod strip {
    use std::alloc::System;

    use bytes::Bytes;
    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
    };
    use parapet_stripprefix::StripPrefix;
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
    fn only_a_request_that_has_the_prefix_costs_an_allocation() {
        let strip = StripPrefix::new("/api").unwrap().wrap(Handler::new(Ready));
        for (path, expected) in [
            ("/api/x", 1),
            ("/api/x?q=1", 1),
            ("/%61pi%2Fx%20y?q", 1),
            ("/api", 1),
            ("/apix", 0),
            ("/static/a%20b", 0),
            ("/x/../api/y", 2),
        ] {
            // As the server makes it: the target is shared with the read buffer, and the core's facts are there.
            let request = || {
                let target = Bytes::from_static(path.as_bytes());
                let uri = http::Uri::from_maybe_shared(target).unwrap();
                let mut request = http::Request::builder().uri(uri).body(Body::empty()).unwrap();
                let info = request.detached_info();
                request.extensions_mut().insert(info);
                request
            };
            let allocations =
                fewest_allocations(GLOBAL, request, |request| now(strip.serve(request)));
            assert_eq!(allocations, expected, "{path}");
        }
    }
}
