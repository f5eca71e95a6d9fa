//! What host lookups allocate: nothing.

#[cfg(test)]
mod lookup {
    use std::alloc::System;

    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
    };
    use parapet_host::{HostRouter, strip_port, to_lower};
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

    fn thousand_hosts() -> Handler {
        let mut builder = HostRouter::builder();
        for i in 0..700 {
            builder = builder.route([format!("site-{i}.example.com")], terminal(Ready));
        }
        for i in 0..300 {
            builder = builder.route([format!("*.tenant-{i}.example.net")], terminal(Ready));
        }
        builder.build().unwrap().wrap(Handler::new(Ready))
    }

    #[test]
    fn no_lookup_and_no_authority_that_is_as_it_should_be_allocates() {
        let three = parapet_host::new(["example.com", "www.example.com", "*.example.org"])
            .unwrap()
            .with(terminal(Ready))
            .wrap(Handler::new(Ready));
        let networks = parapet_host::cidr(["10.0.0.0/8", "fd00::/8"])
            .unwrap()
            .with(terminal(Ready))
            .wrap(Handler::new(Ready));
        let many = thousand_hosts();
        let rewrites = (strip_port(), to_lower()).wrap(Handler::new(Ready));
        for (handler, authority) in [
            (&three, "www.example.com"),
            (&three, "WWW.Example.com:8080"),
            (&three, "a.b.example.org"),
            (&three, "other.test"),
            (&networks, "10.1.2.3"),
            (&networks, "[fd00::1]:80"),
            (&networks, "name.test"),
            (&many, "site-650.example.com"),
            (&many, "SITE-650.Example.com:443"),
            (&many, "a.b.c.d.tenant-250.example.net"),
            (&many, "a.b.c.d.other.example.org"),
            (&rewrites, "name.test"),
        ] {
            let request = || {
                let mut request = http::Request::builder()
                    .uri(format!("http://{authority}/"))
                    .body(Body::empty())
                    .unwrap();
                // As the server does: one insertion of the core's facts, before any layer.
                let info = request.detached_info();
                request.extensions_mut().insert(info);
                request
            };
            let allocations =
                fewest_allocations(GLOBAL, request, |request| now(handler.serve(request)));
            assert_eq!(allocations, 0, "{authority}");
        }
    }
}
