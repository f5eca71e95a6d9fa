//! What one request costs with a logger around, beyond what it costs without.
//!
//! Run with `cargo bench -p parapet-logger`.

use std::future::Future;
use std::io::Write;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, HeaderValue, Uri};
use http_body::Body as _;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, RequestId, Response, ResponseFuture, Serve,
};
use parapet_logger::{self as logger, Format, Logger};
use tokio::time::Instant;

/// Answers with five bytes after one boxed future, as an upstream does.
struct Origin;

impl Serve for Origin {
    fn serve(&self, _: Request) -> ResponseFuture {
        ResponseFuture::new(async { Response::new(Body::full("hello")) })
    }
}

/// Sets as many fields as upstream and requestid do.
struct Setting;

impl Serve for Setting {
    fn serve(&self, request: Request) -> ResponseFuture {
        if let Some(log) = request.log() {
            log.set("upstream", "10.0.0.1:8080");
            log.set("upstreamStatus", 200_u64);
            log.set("upstreamTries", 1_u64);
            log.set("requestId", "0190a5b2-0000-7000-8000-000000000000");
        }
        Origin.serve(request)
    }
}

fn request(headers: &HeaderMap) -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("http://example.com/some/path?x=1&y=2");
    *request.headers_mut() = headers.clone();
    // The core's facts are there already, as behind a server.
    if let Some(id) = RequestId::new(HeaderValue::from_static("x")) {
        request.set_request_id(id);
    }
    request.set_client_addr([192, 0, 2, 10].into());
    request
}

fn exchange(handler: &Handler, request: Request) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut answer = pin!(handler.serve(request));
    if let Poll::Ready(mut response) = answer.as_mut().poll(&mut cx) {
        let _ = std::hint::black_box(Pin::new(response.body_mut()).poll_frame(&mut cx));
    }
}

/// Nanoseconds a request, the median of many short rounds; requests are made outside of the time, few at once, so that
/// they are in the cache as those of a server are.
fn nanos(handler: &Handler, headers: &HeaderMap) -> f64 {
    let round = |_| {
        let requests: Vec<_> = (0..REQUESTS).map(|_| request(headers)).collect();
        let begun = Instant::now();
        for request in requests {
            exchange(handler, request);
        }
        Instant::now().duration_since(begun).as_secs_f64() * 1e9 / f64::from(REQUESTS)
    };
    let mut rounds: Vec<f64> = (0..ROUNDS).map(round).collect();
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN)
}

const REQUESTS: u32 = 32;
const ROUNDS: u32 = 10_000;

fn main() -> std::io::Result<()> {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("referer", "https://example.com/from/here?q=1"),
        ("x-forwarded-for", "192.0.2.10"),
        ("x-real-ip", "192.0.2.10"),
    ] {
        headers.append(name, HeaderValue::from_static(value));
    }
    let log = || Logger::to(std::io::sink()).omit_empty(true);
    let origin = || Handler::new(Origin);
    let base = nanos(&origin(), &headers);
    let mut out = std::io::stdout().lock();
    writeln!(out, "without a logger       {base:7.0} ns")?;
    let json = log();
    let handlers = [
        ("JSON", json.wrap(origin())),
        ("JSON, four fields set", log().wrap(Handler::new(Setting))),
        ("logfmt", log().format(Format::Logfmt).wrap(origin())),
        ("combined", log().format(Format::Combined).wrap(origin())),
        ("disabled within", log().wrap(logger::disable().wrap(origin()))),
    ];
    for (name, handler) in &handlers {
        let cost = nanos(handler, &headers) - base;
        writeln!(out, "{name:<22} {cost:+7.0} ns")?;
    }
    json.flush(std::time::Duration::from_secs(5));
    let stats = json.stats();
    if let Some(bytes) = stats.bytes.checked_div(stats.written) {
        writeln!(out, "a JSON record          {bytes:7} bytes; {stats:?}")?;
    }
    Ok(())
}
