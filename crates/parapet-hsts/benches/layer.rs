//! Time of the layer: `cargo bench -p parapet-hsts`. Prints nanoseconds, the median of many rounds.

use std::convert::Infallible;

use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
use parapet_hsts as hsts;
use parapet_testkit::bench;

fn main() -> Result<(), Infallible> {
    let next = || Handler::new(Ready);
    for (name, handler) in [
        ("no layer", next()),
        ("not sent", hsts::preload().wrap(next())),
        ("sent", hsts::preload().over_http(true).wrap(next())),
    ] {
        let request = || Ok::<_, Infallible>(Request::new(Body::empty()));
        bench::time_each(name, "", request, |request| handler.serve(request))?;
    }
    Ok(())
}

struct Ready;

impl Serve for Ready {
    /// The answer has room for a field, as one of an origin has.
    fn serve(&self, _: Request) -> ResponseFuture {
        let mut response = Response::new(Body::empty());
        response.headers_mut().reserve(4);
        ResponseFuture::ready(response)
    }
}
