//! Time of one lookup: `cargo bench -p parapet-router`. Prints nanoseconds, the median of many rounds.

use std::error::Error;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
};
use parapet_router::Router;
use parapet_testkit::bench;

fn main() -> Result<(), Box<dyn Error>> {
    let next = Handler::new(Ready);
    let mut builder = Router::builder();
    for i in 0..500 {
        builder = builder
            .handle(&format!("/static/page-{i}.html"), terminal(Ready))
            .handle(&format!("GET /api/v1/collection-{i}/"), terminal(Ready));
    }
    let router = builder.build()?.wrap(next.clone());
    for path in [
        "/static/page-350.html",
        "/api/v1/collection-350/items/1234",
        "/api/v1/collection-999/items/1234",
        "/nothing/of/the/kind",
    ] {
        for (name, handler) in [("no layer", &next), ("1,000 patterns", &router)] {
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
