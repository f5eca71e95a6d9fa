//! What redirects allocate: nothing where they pass; the header map's two and the value where they answer.

#[cfg(test)]
mod redirects {
    use std::alloc::System;

    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
    };
    use parapet_redirect::{https, non_www, to, www};
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
    fn passing_allocates_nothing_and_answering_as_little_as_a_head_needs() {
        let next = || Handler::new(Ready);
        for (handler, authority, status, expected) in [
            (www().wrap(next()), "www.example.com", 200, 0),
            (www().wrap(next()), "localhost", 200, 0),
            (non_www().wrap(next()), "example.com", 200, 0),
            (to("/x", 301).unwrap().wrap(next()), "example.com", 200, 0),
            (https().wrap(next()), "example.com:80", 301, 3),
            (www().wrap(next()), "Example.com", 301, 3),
            (non_www().wrap(next()), "www.example.com", 301, 3),
            (to("https://a.test", 301).unwrap().wrap(next()), "example.com", 301, 2),
            (to("https://a.test", 301).unwrap().keep_path(true).wrap(next()), "a.test", 301, 3),
        ] {
            let request = || {
                let mut request = http::Request::builder()
                    .uri(format!("http://{authority}/x"))
                    .body(Body::empty())
                    .unwrap();
                request.set_matched_host(authority.into());
                request
            };
            let allocations = fewest_allocations(GLOBAL, request, |request| {
                let response = now(handler.serve(request));
                assert_eq!(response.status(), status, "{authority}");
                response
            });
            assert_eq!(allocations, expected, "{authority} {status}");
        }
    }
}
