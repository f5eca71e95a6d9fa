use parapet_core::{Handler, Middleware, Request, RequestExt, ResponseFuture, Serve};

/// Requests that reach this layer are not logged, by no logger around it.
pub fn disable() -> Disable {
    Disable
}

/// Made by [`disable`].
#[derive(Clone, Copy, Debug)]
pub struct Disable;

impl Middleware for Disable {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Disabled(next))
    }
}

struct Disabled(Handler);

impl Serve for Disabled {
    fn serve(&self, request: Request) -> ResponseFuture {
        if let Some(log) = request.log() {
            log.disable();
        }
        self.0.serve(request)
    }
}
