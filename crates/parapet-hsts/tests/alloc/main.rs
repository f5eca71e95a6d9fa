//! What a request through the layer allocates, in a binary of its own: the counter sees all threads.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod tests {
    use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
    use parapet_hsts::{self as hsts, Hsts};
    use parapet_testkit::{fewest_allocations, now};

    use super::ALLOCATOR;

    /// Answers at once, or after one boxed future.
    struct Origin {
        boxed: bool,
    }

    impl Serve for Origin {
        fn serve(&self, _: Request) -> ResponseFuture {
            let mut response = Response::new(Body::empty());
            response.headers_mut().reserve(4);
            if self.boxed {
                return ResponseFuture::new(async { response });
            }
            ResponseFuture::ready(response)
        }
    }

    fn cost(layer: Option<&Hsts>, boxed: bool) -> usize {
        let origin = Handler::new(Origin { boxed });
        let handler = layer.map_or(origin.clone(), |layer| layer.wrap(origin));
        let request = || Request::new(Body::empty());
        fewest_allocations(ALLOCATOR, request, |request| now(handler.serve(request)))
    }

    #[test]
    fn the_layer_costs_a_box_and_none_around_a_ready_answer() {
        let built = Hsts::builder(std::time::Duration::from_secs(10)).over_http(true).build();
        for layer in [hsts::default(), hsts::preload().over_http(true), built.unwrap()] {
            for (boxed, allocations) in [(true, 1), (false, 0)] {
                assert_eq!(cost(Some(&layer), boxed) - cost(None, boxed), allocations, "{layer:?}");
            }
        }
    }
}
