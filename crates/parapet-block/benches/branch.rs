//! Time of one request through a block: `cargo bench -p parapet-block`. Prints nanoseconds, the median of many rounds.
//!
//! `predicate alone` is a handler that asks the predicate and calls next: what a block costs beside it is the difference.

use std::error::Error;
use std::hint::black_box;

use parapet_block::Block;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
};
use parapet_testkit::bench;

fn main() -> Result<(), Box<dyn Error>> {
    let next = Handler::new(Ready);
    let block = Block::new(has_tenant).with(terminal(Ready)).wrap(next.clone());
    let alone = Handler::new(Alone(next.clone()));
    for field in ["x-tenant", "x-other"] {
        for (name, handler) in [("no layer", &next), ("predicate alone", &alone), ("block", &block)]
        {
            bench::time_each(name, field, || request(field), |request| handler.serve(request))?;
        }
    }
    Ok(())
}

fn has_tenant(request: &Request) -> bool {
    request.headers().contains_key("x-tenant")
}

struct Alone(Handler);

impl Serve for Alone {
    fn serve(&self, request: Request) -> ResponseFuture {
        black_box(has_tenant(&request));
        self.0.serve(request)
    }
}

struct Ready;

impl Serve for Ready {
    /// Frees the request: the next one finds warm memory, as in a server.
    fn serve(&self, _request: Request) -> ResponseFuture {
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

fn request(field: &str) -> Result<Request, Box<dyn Error>> {
    let mut request = http::Request::builder().header(field, "1").body(Body::empty())?;
    // As the server does: one insertion of the core's facts, before any layer.
    let info = request.detached_info();
    request.extensions_mut().insert(info);
    Ok(request)
}
