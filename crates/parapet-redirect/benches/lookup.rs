//! Time of a redirect layer: `cargo bench -p parapet-redirect`. Prints nanoseconds, the median of many rounds.

use std::error::Error;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
};
use parapet_redirect::{https, non_www, to, www};
use parapet_testkit::bench;

fn main() -> Result<(), Box<dyn Error>> {
    let next = || Handler::new(Ready);
    measure("no layer", "example.com", &next())?;
    measure("non_www, passes", "example.com", &non_www().wrap(next()))?;
    measure("www, passes", "www.example.com", &www().wrap(next()))?;
    measure("to, passes", "example.com", &to("/x", 301)?.wrap(next()))?;
    measure("https, redirects", "example.com", &https().wrap(next()))?;
    measure("non_www, redirects", "www.example.com", &non_www().wrap(next()))?;
    measure("to, redirects", "example.com", &to("https://a.test", 301)?.wrap(next()))?;
    Ok(())
}

struct Ready;

impl Serve for Ready {
    /// Frees the request: the next one finds warm memory, as in a server.
    fn serve(&self, _request: Request) -> ResponseFuture {
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

fn request(host: &str) -> Result<Request, Box<dyn Error>> {
    let mut request = http::Request::builder().uri("/x").body(Body::empty())?;
    // As the server and a host block do.
    request.set_authority(host.parse()?);
    request.set_matched_host(host.into());
    Ok(request)
}

/// Measures `handler` on requests made beforehand.
fn measure(name: &str, host: &str, handler: &Handler) -> Result<(), Box<dyn Error>> {
    bench::time_each(name, host, || request(host), |request| handler.serve(request))
}
