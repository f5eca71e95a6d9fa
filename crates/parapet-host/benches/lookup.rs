//! Time of one lookup: `cargo bench -p parapet-host`. Prints nanoseconds, the median of many rounds.

use std::error::Error;
use std::hint::black_box;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
};
use parapet_host::{HostMatcher, HostRouter};
use parapet_testkit::bench;

fn main() -> Result<(), Box<dyn Error>> {
    let three = HostMatcher::new(["example.com", "www.example.com", "*.example.org"])?;
    for host in ["www.example.com", "WWW.Example.com:8080", "a.example.org", "other.test"] {
        let request = request(host)?;
        bench::time("three names, matcher", host, || {
            black_box(three.is_match(black_box(&request)));
        });
    }

    let mut router = HostRouter::builder();
    for i in 0..700 {
        router = router.route([format!("site-{i}.example.com")], terminal(Ready));
    }
    for i in 0..300 {
        router = router.route([format!("*.tenant-{i}.apps.example.net")], terminal(Ready));
    }
    let handler = router.build()?.wrap(Handler::new(Ready));
    let deep = "a.b.c.d.tenant-250.apps.example.net";
    for host in ["site-650.example.com", "SITE-650.Example.com", deep, "x.other.example.org"] {
        through("1,000 hosts, whole layer", host, &handler)?;
    }
    let one = || HostRouter::builder().route(["site-650.example.com"], terminal(Ready)).build();
    through("one host", "site-650.example.com", &one()?.wrap(Handler::new(Ready)))?;
    let (layer, _live) = one()?.live();
    through("one host, live", "site-650.example.com", &layer.wrap(Handler::new(Ready)))?;
    through("no layer", "site-650.example.com", &Handler::new(Ready))?;
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
    let mut request = http::Request::builder().uri("/").body(Body::empty())?;
    // As the server does.
    request.set_authority(host.parse()?);
    Ok(request)
}

/// Measures `handler` on requests made beforehand.
fn through(name: &str, host: &str, handler: &Handler) -> Result<(), Box<dyn Error>> {
    bench::time_each(name, host, || request(host), |request| handler.serve(request))
}
