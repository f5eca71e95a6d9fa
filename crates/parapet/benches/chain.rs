//! What each layer of a usual chain costs a proxied 1 KiB GET, and what all of them cost together:
//! `cargo bench -p parapet --features full --bench chain`.
//!
//! Time is the fastest twentieth's of many short rounds over requests made beforehand, allocations are those of one warm request, both
//! beside the same handler without the layer. The handler answers as a proxy does: after one boxed future, with a body
//! in memory.

use std::alloc::System;
use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri};
use http_body::Body as _;
use parapet::prelude::*;
use parapet::router::Router;
use parapet::stripprefix::StripPrefix;
use parapet::timeout::{RequestDeadline, Timeout};
use parapet::{
    ResponseFuture, Serve, TrustProxy, authn, body, compress, cors, headers, healthz, host, hsts,
    location, logger, ratelimit, redirect, requestid,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Box<dyn Error>> {
    // For the layers that wait.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    let log = || logger::Logger::to(std::io::sink());
    let router = Router::builder()
        .handle("GET /some/path", Handler::new(Origin))
        .handle("/{any...}", Handler::new(Origin))
        .build()?;
    let single: [(&str, Arc<dyn Middleware>); 23] = [
        ("logger", Arc::new(log())),
        ("requestid", Arc::new(requestid::new())),
        ("ratelimit, per second", Arc::new(ratelimit::fixed_window_per_second(u32::MAX))),
        ("body::limit_request", Arc::new(body::limit_request(15 << 20))),
        ("body::buffer_request", Arc::new(body::buffer_request())),
        ("compress::gzip, not accepted", Arc::new(compress::gzip())),
        ("compress::br, not accepted", Arc::new(compress::br())),
        ("host, two names", Arc::new(host::new(["example.com", "www.example.com"])?)),
        ("redirect::https, passes", Arc::new(redirect::https())),
        ("redirect::non_www, passes", Arc::new(redirect::non_www())),
        ("hsts", Arc::new(hsts::preload())),
        ("cors, same origin", Arc::new(cors::allow_origins(["https://app.example.com"])?)),
        ("location, exact, misses", Arc::new(location::exact("/healthz")?.with(healthz::new()))),
        (
            "location, regexp, misses",
            Arc::new(location::regexp(r"\.(js|css|png)$")?.with(hsts::preload())),
        ),
        ("headers, one set", Arc::new(headers::set_response([("Cache-Control", "no-cache")])?)),
        ("headers, nine deleted", Arc::new(headers::delete_response(BUCKET)?)),
        ("healthz, other path", Arc::new(healthz::new())),
        ("router, matches", Arc::new(router)),
        ("stripprefix, matches", Arc::new(StripPrefix::new("/some")?)),
        ("timeout", Arc::new(Timeout::new(Duration::from_secs(5)))),
        ("timeout, whole request", Arc::new(RequestDeadline::new(Duration::from_secs(5)))),
        ("README chain", Arc::new(readme(log())?)),
        ("README chain without limits", Arc::new(twelve(log())?)),
    ];
    let with_field: [(&str, Arc<dyn Middleware>, Field); 2] = [
        (
            "compress::gzip, compresses",
            Arc::new(compress::gzip()),
            ("accept-encoding", "gzip, deflate, br"),
        ),
        (
            "authn::Basic",
            Arc::new(authn::Basic::new("user", "secret").build()?),
            ("authorization", "Basic dXNlcjpzZWNyZXQ="),
        ),
    ];
    let bare = Cost::of(&behind(Chain::new())?, None);
    row("no layer", bare.nanos, bare.allocations);
    let single = single.into_iter().map(|(name, layer)| (name, layer, None));
    let with_field = with_field.into_iter().map(|(name, layer, field)| (name, layer, Some(field)));
    for (name, layer, field) in with_field.chain(single) {
        let with = Cost::of(&behind(layer)?, field);
        row(name, with.nanos - bare.nanos, with.allocations - bare.allocations);
    }
    Ok(())
}

/// The chain of a server with this one layer, behind its trust step: what the request says of its scheme is believed.
fn behind(layer: impl Middleware) -> parapet::Result<Handler> {
    let server = Server::new().trust_proxy(TrustProxy::dangerous_all());
    Ok(server.with(layer).handler(Handler::new(Origin)).into_handler()?)
}

/// The layers of the README of the Go original, as its sites have them.
fn readme(log: impl Middleware) -> parapet::Result<Chain> {
    Ok(Chain::new()
        .with(log)
        .with(requestid::new())
        .with(ratelimit::fixed_window_per_second(u32::MAX))
        .with(ratelimit::fixed_window_per_minute(u32::MAX))
        .with(ratelimit::fixed_window_per_hour(u32::MAX))
        .with(ratelimit::fixed_window_per_second(u32::MAX)) // the site's own
        .with(inner()?))
}

fn twelve(log: impl Middleware) -> parapet::Result<Chain> {
    Ok(Chain::new().with(log).with(requestid::new()).with(inner()?))
}

fn inner() -> parapet::Result<Chain> {
    let cached = headers::set_response([("Cache-Control", "public, max-age=31536000")])?;
    let site = host::new(["example.com", "www.example.com"])?
        .with(redirect::https())
        .with(hsts::preload())
        .with(redirect::non_www())
        .with(headers::delete_response(BUCKET)?)
        .with(location::regexp(r"\.(js|css|svg|png|jp(e)?g|gif)$")?.with(cached));
    Ok(Chain::new()
        .with(body::limit_request(15 << 20))
        .with(body::buffer_request())
        .with(compress::gzip())
        .with(compress::br())
        .with(site)
        .with(location::exact("/healthz")?.with(healthz::new())))
}

const BUCKET: [&str; 9] = [
    "Server",
    "x-goog-generation",
    "x-goog-hash",
    "x-goog-meta-goog-reserved-file-mtime",
    "x-goog-metageneration",
    "x-goog-storage-class",
    "x-goog-stored-content-encoding",
    "x-goog-stored-content-length",
    "x-guploader-uploadid",
];

/// Name and value.
type Field = (&'static str, &'static str);

/// Answers 1 KiB of text after one boxed future, as an upstream does.
struct Origin;

impl Serve for Origin {
    fn serve(&self, _: Request) -> ResponseFuture {
        ResponseFuture::new(async {
            let mut response = Response::new(Body::full(KIB));
            let headers = response.headers_mut();
            headers.reserve(16);
            headers.insert("content-type", HeaderValue::from_static("text/plain"));
            headers.insert("content-length", HeaderValue::from_static("1024"));
            headers.insert("server", HeaderValue::from_static("origin"));
            response
        })
    }
}

const KIB: &[u8] = &[b'x'; 1024];

/// With room for the fields that a proxy adds.
fn request(field: Option<Field>) -> Request {
    let mut fields = HeaderMap::with_capacity(16);
    for (name, value) in [
        ("host", "example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.5"),
        ("referer", "https://example.com/from/here"),
        ("cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "192.0.2.10"),
    ]
    .into_iter()
    .chain(field)
    {
        fields.append(name, HeaderValue::from_static(value));
    }
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("https://example.com/some/path?x=1");
    *request.headers_mut() = fields;
    request
}

struct Cost {
    nanos: f64,
    allocations: f64,
}

impl Cost {
    fn of(handler: &Handler, field: Option<Field>) -> Self {
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let requests: Vec<_> = (0..REQUESTS).map(|_| request(field)).collect();
                let begun = Instant::now();
                for request in requests {
                    exchange(handler, request);
                }
                begun.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS)
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        // The fewest of many: other threads allocate too.
        let allocations = (0..1_000)
            .map(|_| {
                let request = request(field);
                let region = Region::new(ALLOCATOR);
                exchange(handler, request);
                let change = region.change();
                change.allocations + change.reallocations
            })
            .min()
            .unwrap_or_default();
        let allocations = f64::from(u32::try_from(allocations).unwrap_or(u32::MAX));
        Self { nanos: rounds.get(rounds.len() / 20).copied().unwrap_or(f64::NAN), allocations }
    }
}

const REQUESTS: u32 = 32;
const ROUNDS: u32 = 5_001;

fn exchange(handler: &Handler, request: Request) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut answer = pin!(handler.serve(request));
    let Poll::Ready(mut response) = answer.as_mut().poll(&mut cx) else {
        // A layer that waits would look cheap.
        std::process::abort();
    };
    while let Poll::Ready(Some(frame)) = Pin::new(response.body_mut()).poll_frame(&mut cx) {
        let _ = black_box(frame);
    }
}

#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn row(name: &str, nanos: f64, allocations: f64) {
    println!("{name:32} {nanos:8.0} ns {allocations:4.0} allocations");
}
