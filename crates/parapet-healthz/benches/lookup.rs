//! Time that other paths lose: `cargo bench -p parapet-healthz`. Prints nanoseconds, the median of many rounds.

use std::error::Error;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
};
use parapet_testkit::bench;

fn main() -> Result<(), Box<dyn Error>> {
    let next = Handler::new(Ready);
    let checked = parapet_healthz::new().wrap(next.clone());
    for path in ["/", "/api/v1/collection-650/items/1234"] {
        for (name, handler) in [("no layer", &next), ("other path", &checked)] {
            bench::time_each(name, path, || request(path), |request| handler.serve(request))?;
        }
    }
    Ok(())
}

struct Ready;

impl Serve for Ready {
    /// Frees the request: the next one finds warm memory, as in a server.
    fn serve(&self, _request: Request) -> ResponseFuture {
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

fn request(path: &str) -> Result<Request, Box<dyn Error>> {
    let mut request = http::Request::builder().uri(path).body(Body::empty())?;
    // As the server does: one insertion of the core's facts, before any layer.
    let info = request.detached_info();
    request.extensions_mut().insert(info);
    Ok(request)
}
