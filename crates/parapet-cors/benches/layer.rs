//! Time of the layer: `cargo bench -p parapet-cors`. Prints nanoseconds, the median of many rounds.

use http::{HeaderValue, Method};
use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
use parapet_cors as cors;
use parapet_testkit::bench;

fn main() -> Result<(), cors::Error> {
    let next = || Handler::new(Ready);
    let only = cors::allow_origins(["https://example.com", "https://*.example.org"])?;
    let only = only.allow_credentials(true).allow_any_header().wrap(next());
    let exact: Fields = &[("origin", "https://example.com")];
    let preflight: Fields = &[
        ("origin", "https://example.com"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "x-a, x-b"),
    ];
    measure("no layer", &next(), &Method::GET, &[])?;
    measure("every origin", &cors::new().wrap(next()), &Method::GET, &[])?;
    measure("some, no Origin", &only, &Method::GET, &[])?;
    measure("some, exact", &only, &Method::GET, exact)?;
    measure("some, pattern", &only, &Method::GET, &[("origin", "https://a.example.org")])?;
    measure("preflight", &only, &Method::OPTIONS, preflight)
}

type Fields = &'static [(&'static str, &'static str)];

struct Ready;

impl Serve for Ready {
    /// The answer has room for fields, as one of an origin has.
    fn serve(&self, _: Request) -> ResponseFuture {
        let mut response = Response::new(Body::empty());
        response.headers_mut().reserve(8);
        ResponseFuture::ready(response)
    }
}

/// Measures `handler` on requests made beforehand.
fn measure(
    name: &str,
    handler: &Handler,
    method: &Method,
    fields: Fields,
) -> Result<(), cors::Error> {
    let request = || {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.clone();
        for (name, value) in fields {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        Ok(request)
    };
    bench::time_each(name, method.as_str(), request, |request| handler.serve(request))
}
