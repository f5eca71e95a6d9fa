//! What the layers allocate: nothing for an answer that is ready, one box for one that has to be waited for.

#[cfg(test)]
mod layers {
    use std::alloc::System;
    use std::time::Duration;

    use parapet_core::{
        Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
    };
    use parapet_testkit::{fewest_allocations, now};
    use parapet_timeout::{RequestDeadline, Timeout};
    use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

    #[global_allocator]
    static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    /// Answers at once, or in a box of its own at the first poll.
    #[derive(Clone, Copy)]
    struct Answer {
        boxed: bool,
        streamed: bool,
    }

    impl Serve for Answer {
        fn serve(&self, _request: Request) -> ResponseFuture {
            let body = Body::full("x");
            let body = if self.streamed { Body::new(body) } else { body };
            let response = Response::new(body);
            if self.boxed {
                ResponseFuture::new(std::future::ready(response))
            } else {
                ResponseFuture::ready(response)
            }
        }
    }

    fn allocations(handler: &Handler) -> usize {
        let request = || {
            let mut request = http::Request::builder().uri("/").body(Body::empty()).unwrap();
            // As the server does: one insertion of the core's facts, before any layer.
            let info = request.detached_info();
            request.extensions_mut().insert(info);
            request
        };
        fewest_allocations(GLOBAL, request, |request| {
            let response = now(handler.serve(request));
            assert_eq!(response.status(), 200);
            response
        })
    }

    #[tokio::test]
    async fn each_costs_one_box_for_an_answer_that_is_not_ready() {
        let hour = Duration::from_secs(3600);
        for (boxed, streamed, timeout, deadline) in [
            (false, false, 0, 1),
            (true, false, 1, 2),
            // The box of the body's deadline.
            (false, true, 0, 2),
            (true, true, 1, 3),
        ] {
            let answer = Handler::new(Answer { boxed, streamed });
            let alone = allocations(&answer);
            let timed = allocations(&Timeout::new(hour).wrap(answer.clone()));
            assert_eq!(timed - alone, timeout, "timeout: {boxed} {streamed}");
            let bounded = allocations(&RequestDeadline::new(hour).wrap(answer.clone()));
            // One more than the boxes: the extension.
            assert_eq!(bounded - alone, deadline, "deadline: {boxed} {streamed}");
            let skipped = Timeout::new(hour).skip_if(|_| true).wrap(answer);
            assert_eq!(allocations(&skipped), alone);
        }
    }
}
