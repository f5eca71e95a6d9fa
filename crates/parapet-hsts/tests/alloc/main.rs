//! What a request through the layer allocates, in a binary of its own: the counter sees all threads.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
    use parapet_hsts::{self as hsts, Hsts};
    use stats_alloc::Region;

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

    /// The fewest of many runs: other threads of the test binary allocate too.
    fn cost(layer: Option<&Hsts>, boxed: bool) -> usize {
        let origin = Handler::new(Origin { boxed });
        let handler = layer.map_or(origin.clone(), |layer| layer.wrap(origin));
        let run = |_| {
            let request = Request::new(Body::empty());
            let region = Region::new(ALLOCATOR);
            let mut answer = pin!(handler.serve(request));
            let Poll::Ready(response) =
                answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            else {
                panic!("the origin does not wait")
            };
            let change = region.change();
            drop(response);
            change.allocations + change.reallocations
        };
        (0..200).map(run).min().unwrap()
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
