use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, handler_fn};
use parapet_logger::Logger;
use serde_json::Value;

pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Bytes in memory that a logger writes to.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A logger and what it wrote.
pub(crate) struct Log {
    pub(crate) logger: Logger,
    memory: Memory,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self::with(|logger| logger)
    }

    pub(crate) fn with(set: impl FnOnce(Logger) -> Logger) -> Self {
        let memory = Memory::default();
        Self { logger: set(Logger::to(memory.clone())), memory }
    }

    pub(crate) fn wrap(&self, next: Handler) -> Handler {
        self.logger.wrap(next)
    }

    pub(crate) fn text(&self) -> String {
        assert!(self.logger.flush(LONG));
        self.memory.text()
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        records(&self.text())
    }

    /// The one record.
    pub(crate) fn record(&self) -> Value {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records.into_iter().next().unwrap()
    }
}

pub(crate) fn records(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn get(uri: &str) -> Request {
    http::Request::builder().uri(uri).body(Body::empty()).unwrap()
}

pub(crate) fn answer(make: impl Fn() -> Response + Send + Sync + 'static) -> Handler {
    handler_fn(move |_| {
        let response = make();
        async { response }
    })
}

/// One exchange to its end; what a server does with a response.
pub(crate) async fn exchange(handler: &Handler, request: Request) {
    let response = handler.serve(request).await;
    let _ = response.into_body().collect(1 << 20).await;
}

pub(crate) fn poll(answer: &mut ResponseFuture) -> Poll<Response> {
    pin!(answer).poll(&mut Context::from_waker(Waker::noop()))
}
