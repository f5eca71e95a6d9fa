//! What a request through the layer allocates, in a binary of its own: the counter sees all threads.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, RequestId, Response, ResponseFuture, Serve,
    };
    use parapet_requestid::{self as requestid, SetRequestId};
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

    fn cost(layer: Option<&SetRequestId>, incoming: Option<&HeaderValue>, boxed: bool) -> usize {
        let origin = Handler::new(Origin { boxed });
        let handler = layer.map_or(origin.clone(), |layer| layer.wrap(origin));
        let request = || {
            let mut request = Request::new(Body::empty());
            request.headers_mut().reserve(4);
            // The core's facts are there already, as behind a server.
            request.set_request_id(RequestId::new(HeaderValue::from_static("x")).unwrap());
            if let Some(id) = incoming {
                request.headers_mut().insert("x-request-id", id.clone());
            }
            request
        };
        fewest_allocations(ALLOCATOR, request, |request| now(handler.serve(request)))
    }

    #[test]
    fn a_kept_id_costs_a_box_and_a_fresh_one_the_id_as_well() {
        let kept = HeaderValue::from_static("123aaa");
        let (new, silent) = (requestid::new(), requestid::new().response(false));
        for (what, layer, incoming, boxed, allocations) in [
            ("kept", &new, Some(&kept), true, 1),
            ("kept, ready answer", &new, Some(&kept), false, 0),
            ("kept, not on the response", &silent, Some(&kept), true, 0),
            ("fresh", &new, None, true, 2),
            ("fresh, not on the response", &silent, None, true, 1),
        ] {
            let base = cost(None, incoming, boxed);
            assert_eq!(cost(Some(layer), incoming, boxed) - base, allocations, "{what}");
        }
    }
}
