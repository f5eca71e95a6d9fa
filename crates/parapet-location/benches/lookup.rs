//! Time of one lookup: `cargo bench -p parapet-location`. Prints nanoseconds, the median of many rounds.

use std::error::Error;
use std::hint::black_box;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
};
use parapet_location::{Locations, PathMatcher, exact, prefix, regexp};
use parapet_testkit::bench;

fn main() -> Result<(), Box<dyn Error>> {
    let asked = "/api/v1/collection-650/items/1234";
    let sample = request(asked)?;
    bench::time("normal_path alone", asked, || {
        black_box(black_box(&sample).normal_path().is_ok());
    });
    for (name, matcher) in [
        ("exact, matcher", PathMatcher::exact(asked)?),
        ("prefix, matcher", PathMatcher::prefix("/api/v1")?),
        ("prefix misses, matcher", PathMatcher::prefix("/api/v2")?),
        ("regexp misses, matcher", PathMatcher::regexp(r"\.(js|css|png)$")?),
    ] {
        bench::time(name, asked, || {
            black_box(matcher.is_match(black_box(&sample)));
        });
    }

    let next = || Handler::new(Ready);
    through("no layer", asked, &next())?;
    through("exact, layer", asked, &exact(asked)?.wrap(next()))?;
    through("prefix, layer", asked, &prefix("/api/v1")?.wrap(next()))?;
    through("prefix misses, layer", asked, &prefix("/api/v2")?.wrap(next()))?;
    through("regexp misses, layer", asked, &regexp(r"\.(js|css|png)$")?.wrap(next()))?;

    let mut builder = Locations::builder();
    for i in 0..500 {
        builder = builder
            .exact(&format!("/static/page-{i}.html"), terminal(Ready))
            .prefix(&format!("/api/v1/collection-{i}"), terminal(Ready));
    }
    let thousand = builder.build()?.wrap(next());
    for asked in [
        "/static/page-350.html",
        "/api/v1/collection-350/items/1234",
        "/api/v1/collection-999/items/1234",
        "/nothing/of/the/kind",
    ] {
        through("1,000 routes, layer", asked, &thousand)?;
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

/// Measures `handler` on requests made beforehand.
fn through(name: &str, path: &str, handler: &Handler) -> Result<(), Box<dyn Error>> {
    bench::time_each(name, path, || request(path), |request| handler.serve(request))
}
