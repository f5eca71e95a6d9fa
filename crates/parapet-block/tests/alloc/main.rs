//! What a block allocates: nothing, whether it matches or not.

#[cfg(test)]
mod block {
    use std::alloc::System;

    use parapet_block::Block;
    use parapet_core::{
        Body, Handler, Middleware, Request, Response, ResponseFuture, Serve, terminal,
    };
    use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

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
            let request = http::Request::builder().header(field, "1").body(Body::empty()).unwrap();
            let region = Region::new(GLOBAL);
            let response = handler.serve(request).into_ready();
            let allocations = region.change().allocations;
            assert!(response.is_ok());
            assert_eq!(allocations, 0, "{field}");
        }
    }
}
