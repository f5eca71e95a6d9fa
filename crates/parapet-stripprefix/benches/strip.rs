//! Time of one request through the layer: `cargo bench -p parapet-stripprefix`. Prints nanoseconds, the median of many
//! rounds.

use std::error::Error;

use bytes::Bytes;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
};
use parapet_stripprefix::StripPrefix;
use parapet_testkit::bench;

fn main() -> Result<(), Box<dyn Error>> {
    let next = Handler::new(Ready);
    let strip = StripPrefix::new("/api")?.wrap(next.clone());
    for path in ["/api/v1/collection-650/items/1234", "/static/page-350.html", "/%61pi/a%2Fb?x=1"] {
        for (name, handler) in [("no layer", &next), ("strip", &strip)] {
            bench::time_each(name, path, || request(path), |request| handler.serve(request))?;
        }
    }
    Ok(())
}

struct Ready;

impl Serve for Ready {
    /// Frees the request: a layer that allocates is to find warm memory, as in a server.
    fn serve(&self, _request: Request) -> ResponseFuture {
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

/// As the server makes it: the target is a slice of the read buffer, and the core's facts are there.
fn request(path: &str) -> Result<Request, Box<dyn Error>> {
    let target = Bytes::from_owner(path.to_owned());
    let uri = http::Uri::from_maybe_shared(target)?;
    let mut request = http::Request::builder().uri(uri).body(Body::empty())?;
    let info = request.detached_info();
    request.extensions_mut().insert(info);
    Ok(request)
}
