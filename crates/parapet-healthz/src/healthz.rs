use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use parapet_core::path::check_pattern;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, ServerHandle,
};

use crate::Error;
use crate::probe::{Probe, is_address};

/// [`Healthz::new`].
pub fn new() -> Healthz {
    Healthz::new()
}

/// Answers the probes of one endpoint; everything else goes to next.
///
/// Clones share their state: keep one to flip it.
#[derive(Clone)]
pub struct Healthz {
    state: Arc<State>,
    path: Arc<str>,
    any_host: bool,
    checks: Vec<Check>,
}

type Check = Arc<dyn Fn() -> bool + Send + Sync>;

/// Flipped by the operator from any thread, read by every probe.
#[derive(Debug)]
struct State {
    healthy: AtomicBool,
    ready: AtomicBool,
}

impl Healthz {
    /// A check at `/healthz`: healthy, ready, for probes by IP address.
    pub fn new() -> Self {
        let (healthy, ready) = (AtomicBool::new(true), AtomicBool::new(true));
        let state = Arc::new(State { healthy, ready });
        Self { state, path: "/healthz".into(), any_host: false, checks: Vec::new() }
    }

    /// The endpoint, compared with the normal path, hence written decoded. Default: `/healthz`.
    ///
    /// # Errors
    /// A path without leading slash, encoded, or not in normal form.
    pub fn path(self, path: &str) -> Result<Self, Error> {
        check_pattern(path).map_err(|error| Error::of_path(path, error))?;
        Ok(Self { path: path.into(), ..self })
    }

    /// Whether it answers whatever the host of the request, or none. Default: `false`, only where the host is an IP
    /// address, so that a site behind keeps its own path of that name.
    #[must_use]
    pub fn host(self, any_host: bool) -> Self {
        Self { any_host, ..self }
    }

    /// A further condition of readiness; all must hold. Asked by readiness probes only, in order, until one is false. A
    /// panic in it counts as false. At most 16.
    ///
    /// # Errors
    /// [`Error::TooManyChecks`].
    pub fn ready_when(
        mut self,
        check: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        if self.checks.len() >= MAX_CHECKS {
            return Err(Error::TooManyChecks);
        }
        self.checks.push(Arc::new(check));
        Ok(self)
    }

    /// Sets liveness, for all clones. Default: `true`.
    pub fn set(&self, healthy: bool) {
        self.state.healthy.store(healthy, Ordering::Release);
    }

    /// Sets readiness, for all clones. Default: `true`.
    pub fn set_ready(&self, ready: bool) {
        self.state.ready.store(ready, Ordering::Release);
    }

    /// What was [`set`](Self::set).
    pub fn is_healthy(&self) -> bool {
        self.state.healthy.load(Ordering::Acquire)
    }

    /// What was [`set_ready`](Self::set_ready): without drain and further conditions.
    pub fn is_ready(&self) -> bool {
        self.state.ready.load(Ordering::Acquire)
    }

    /// Whether `request` is a probe of this endpoint.
    fn is_asked(&self, request: &Request) -> bool {
        // A normal path is never longer than the raw one: most paths are told by their length.
        request.uri().path().len() >= self.path.len()
            && *request.method() != Method::CONNECT
            && request.normal_path().is_ok_and(|path| *path == *self.path.as_bytes())
            && (self.any_host || is_address(request.authority()))
    }

    fn is_good(&self, probe: Probe, is_draining: bool) -> bool {
        match probe {
            Probe::Liveness => self.is_healthy(),
            Probe::Readiness => {
                let holds =
                    |check: &Check| catch_unwind(AssertUnwindSafe(|| check())).unwrap_or(false);
                self.is_ready() && !is_draining && self.checks.iter().all(holds)
            }
        }
    }
}

impl Default for Healthz {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Healthz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Healthz")
            .field("path", &self.path)
            .field("any_host", &self.any_host)
            .field("state", &self.state)
            .field("checks", &self.checks.len())
            .finish()
    }
}

impl Middleware for Healthz {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Answering { health: self.clone(), next })
    }
}

struct Answering {
    health: Healthz,
    next: Handler,
}

impl Serve for Answering {
    fn serve(&self, request: Request) -> ResponseFuture {
        if !self.health.is_asked(&request) {
            return self.next.serve(request);
        }
        // The server of this request: one check may serve several, each drains for itself.
        let is_draining = request.server().is_some_and(ServerHandle::is_draining);
        let probe = Probe::of(request.uri().query());
        ResponseFuture::ready(answer(self.health.is_good(probe, is_draining)))
    }
}

/// Byte for byte what the Go original says, so that probes that look at the body keep working.
fn answer(good: bool) -> Response {
    let (status, text, length) = if good {
        (StatusCode::OK, "OK", HeaderValue::from_static("2"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", HeaderValue::from_static("19"))
    };
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, length);
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Each readiness probe waits for all of them.
const MAX_CHECKS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_follows_the_drain_and_liveness_does_not() {
        for (is_draining, ready) in [(false, true), (true, false)] {
            assert_eq!(new().is_good(Probe::Readiness, is_draining), ready);
            assert!(new().is_good(Probe::Liveness, is_draining));
        }
    }
}
