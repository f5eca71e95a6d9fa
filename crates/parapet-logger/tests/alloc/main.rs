//! What a logged request allocates, in a binary of its own: the counter sees all threads.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod tests {
    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, RequestId, Response, ResponseFuture, Serve,
    };
    use parapet_logger::Logger;
    use parapet_testkit::{fewest_allocations, now};

    use crate::ALLOCATOR;

    /// Answers at once, or after one boxed future.
    struct Origin {
        boxed: bool,
    }

    impl Serve for Origin {
        fn serve(&self, _: Request) -> ResponseFuture {
            let response = Response::new(Body::empty());
            if self.boxed {
                return ResponseFuture::new(async { response });
            }
            ResponseFuture::ready(response)
        }
    }

    /// Up to the end of the exchange.
    fn cost(logger: Option<&Logger>, boxed: bool) -> usize {
        let origin = Handler::new(Origin { boxed });
        let handler = logger.map_or(origin.clone(), |logger| logger.wrap(origin));
        let request = || {
            let mut request = Request::new(Body::empty());
            // The core's facts are there already, as behind a server.
            let id = http::HeaderValue::from_static("x");
            request.set_request_id(RequestId::new(id).unwrap());
            request
        };
        fewest_allocations(ALLOCATOR, request, |request| drop(now(handler.serve(request))))
    }

    #[test]
    fn a_logged_request_costs_its_record_and_a_box() {
        let logger = Logger::to(std::io::sink());
        assert_eq!(cost(Some(&logger), true) - cost(None, true), 2);
        assert_eq!(
            cost(Some(&logger), false) - cost(None, false),
            1,
            "a ready answer needs no box"
        );
    }
}
