//! Time of a redirect layer: `cargo bench -p parapet-redirect`. Prints nanoseconds, the median of many rounds.

use std::error::Error;
use std::hint::black_box;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
};
use parapet_redirect::{https, non_www, to, www};
use tokio::time::Instant;

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
    /// Leaks the request: freeing it is not part of the layer.
    fn serve(&self, request: Request) -> ResponseFuture {
        std::mem::forget(request);
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
    let mut rounds = Vec::new();
    for _ in 0..2_001 {
        let requests: Result<Vec<_>, _> = (0..BATCH).map(|_| request(host)).collect();
        let requests = requests?;
        let start = Instant::now();
        for request in requests {
            std::mem::forget(black_box(handler.serve(request)));
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
    }
    print(name, rounds);
    Ok(())
}

/// Few enough to stay in the cache, as the one request of a connection does.
const BATCH: u32 = 64;

#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn print(name: &str, mut rounds: Vec<f64>) {
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    println!("{name:24} {median:7.1} ns");
}
