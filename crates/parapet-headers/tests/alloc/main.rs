//! What a request through the layers allocates, in a binary of its own: the counter sees all threads.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod tests {
    use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
    use parapet_headers as headers;
    use parapet_testkit::{fewest_allocations, now};

    use crate::ALLOCATOR;

    /// Answers after one boxed future.
    struct Origin;

    impl Serve for Origin {
        fn serve(&self, _: Request) -> ResponseFuture {
            let mut response = Response::new(Body::empty());
            response.headers_mut().reserve(8);
            ResponseFuture::new(async { response })
        }
    }

    fn cost(layer: &impl Middleware) -> usize {
        let handler = layer.wrap(Handler::new(Origin));
        let request = || {
            let mut request = Request::new(Body::empty());
            request.headers_mut().reserve(8);
            request
        };
        fewest_allocations(ALLOCATOR, request, |request| now(handler.serve(request)))
    }

    #[test]
    fn a_request_layer_costs_nothing_and_a_response_layer_one_box() {
        let base = cost(&None::<Handler>);
        let request = headers::set_request([("x-a", "1"), ("x-b", "2")]).unwrap();
        assert_eq!(cost(&request) - base, 0);
        let response = headers::set_response([("x-a", "1")]).unwrap().delete(["server"]).unwrap();
        assert_eq!(cost(&response) - base, 1);
    }
}
