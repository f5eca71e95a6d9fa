//! What a block allocates: nothing, whether it matches or not.

#[cfg(test)]
mod block {
    use std::alloc::System;

    use parapet_block::Block;
    use parapet_core::{
        Body, Handler, Middleware, Request, Response, ResponseFuture, Serve, terminal,
    };
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
    fn neither_branch_allocates() {
        let block = Block::new(|request: &Request| request.headers().contains_key("x-tenant"))
            .with(terminal(Ready));
        let handler = block.wrap(Handler::new(Ready));
        for field in ["x-tenant", "x-other"] {
            let request =
                || http::Request::builder().header(field, "1").body(Body::empty()).unwrap();
            let allocations =
                fewest_allocations(GLOBAL, request, |request| now(handler.serve(request)));
            assert_eq!(allocations, 0, "{field}");
        }
    }
}
