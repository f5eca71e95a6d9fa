use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use parapet_core::{Body, Handler, Middleware, Request, Response, handler_fn};
use parapet_ratelimit::{Decision, Key, RateLimiter, Strategy, Verdict};

/// A request of its own client: `X-Real-IP` tells which, since there is no server.
pub(crate) fn request(client: &str) -> Request {
    http::Request::builder().header("x-real-ip", client).body(Body::empty()).unwrap()
}

pub(crate) fn ok() -> Handler {
    handler_fn(|_| async { "ok" })
}

pub(crate) async fn status(handler: &Handler, client: &str) -> u16 {
    handler.serve(request(client)).await.status().as_u16()
}

pub(crate) async fn text(response: Response) -> String {
    let collected = response.into_body().collect(1 << 20).await.unwrap();
    String::from_utf8(collected.into_data().to_vec()).unwrap()
}

pub(crate) fn wrap(limiter: &RateLimiter) -> Handler {
    limiter.wrap(ok())
}

/// Takes without waiting: `None` if it would have to wait.
pub(crate) fn take(strategy: &dyn Strategy, key: &str) -> Option<bool> {
    match strategy.take(&Key::from(key.to_owned()), 1) {
        Decision::Ready(verdict) => Some(verdict == Verdict::Allowed),
        Decision::Wait(_) => None,
    }
}

/// A strategy that answers as it is told and notes what it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    pub(crate) verdict: Verdict,
    pub(crate) after: Duration,
    pub(crate) puts: bool,
    pub(crate) calls: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self { verdict, after: Duration::ZERO, puts: true, calls: Arc::default() }
    }

    pub(crate) fn limited(after: Duration) -> Self {
        Self { after, ..Self::new(Verdict::Limited { after: None }) }
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn note(&self, call: &str, key: &Key) {
        self.calls.lock().unwrap().push(format!("{call} {key:?}"));
    }
}

impl Strategy for Scripted {
    fn take(&self, key: &Key, _cost: u32) -> Decision {
        self.note("take", key);
        Decision::Ready(self.verdict)
    }

    fn needs_put(&self) -> bool {
        self.puts
    }

    fn put(&self, key: &Key, _cost: u32) {
        self.note("put", key);
    }

    fn after(&self, key: &Key, _cost: u32) -> Duration {
        self.note("after", key);
        self.after
    }
}
