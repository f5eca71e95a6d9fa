//! What a request through the layer allocates, in a binary of its own: the counter sees all threads.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};
    use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
    use parapet_cors as cors;
    use parapet_testkit::{fewest_allocations, now};

    use super::ALLOCATOR;

    /// Answers at once, or after one boxed future.
    struct Origin {
        boxed: bool,
    }

    impl Serve for Origin {
        fn serve(&self, _: Request) -> ResponseFuture {
            let mut response = Response::new(Body::empty());
            response.headers_mut().reserve(8);
            if self.boxed {
                return ResponseFuture::new(async { response });
            }
            ResponseFuture::ready(response)
        }
    }

    type Fields = &'static [(&'static str, &'static str)];

    fn cost(layer: Option<&dyn Middleware>, method: &Method, fields: Fields, boxed: bool) -> usize {
        let origin = Handler::new(Origin { boxed });
        let handler = layer.map_or(origin.clone(), |layer| layer.wrap(origin));
        let request = || {
            let mut request = Request::new(Body::empty());
            *request.method_mut() = method.clone();
            for (name, value) in fields {
                request.headers_mut().insert(*name, HeaderValue::from_static(value));
            }
            request
        };
        fewest_allocations(ALLOCATOR, request, |request| now(handler.serve(request)))
    }

    /// What it is, layer, method, fields, whether next boxes, allocations.
    type Row<'a> = (&'static str, &'a dyn Middleware, Method, Fields, bool, usize);

    #[test]
    fn a_response_costs_a_box_and_a_preflight_its_header_map() {
        let list = ["https://example.com", "https://*.example.org"];
        let any = cors::new().expose_all();
        let only = cors::allow_origins(list).unwrap().allow_credentials(true).allow_any_header();
        let exact: Fields = &[("origin", "https://example.com")];
        let pattern: Fields = &[("origin", "https://a.example.org")];
        let rows: [Row<'_>; 7] = [
            ("every origin", &any, Method::GET, &[], true, 1),
            ("every origin, ready", &any, Method::GET, exact, false, 0),
            ("some, none sent", &only, Method::GET, &[], true, 1),
            ("some, none sent, ready", &only, Method::GET, &[], false, 0),
            ("some, exact", &only, Method::GET, exact, true, 1),
            ("some, pattern", &only, Method::GET, pattern, true, 1),
            ("some, exact, ready", &only, Method::GET, exact, false, 0),
        ];
        for (what, layer, method, fields, boxed, allocations) in rows {
            let base = cost(None, &method, fields, boxed);
            assert_eq!(cost(Some(layer), &method, fields, boxed) - base, allocations, "{what}");
        }
        let preflight: Fields = &[
            ("origin", "https://example.com"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "x-a, x-b"),
        ];
        for layer in [&any as &dyn Middleware, &only] {
            // Index and entries of one map.
            assert_eq!(cost(Some(layer), &Method::OPTIONS, preflight, true), 2);
        }
    }
}
