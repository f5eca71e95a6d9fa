//! Keeps the futures of a connection's streams in the connection's task: nothing is spawned per stream.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::BoxFuture;

/// What hyper is given as its executor: a queue that the connection's task takes over.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl<F> hyper::rt::Executor<F> for Queue
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.push(async move {
            future.await;
        });
    }
}

impl Queue {
    pub(super) fn push(&self, future: impl Future<Output = ()> + Send + 'static) {
        let future = Box::pin(Caught(Some(Box::pin(future))));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(future);
    }

    fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A stream's future whose panic ends this stream alone: what it holds is dropped, which resets the stream.
struct Caught(Option<BoxFuture<'static, ()>>);

impl Caught {
    fn end(&mut self) {
        if catch_unwind(AssertUnwindSafe(|| drop(self.0.take()))).is_err() {
            tracing::error!(target: "parapet_core", "a destructor of a request panicked");
        }
    }
}

impl Future for Caught {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.0 else { return Poll::Ready(()) };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(_) => tracing::error!(target: "parapet_core", "a response body panicked"),
        }
        self.end();
        Poll::Ready(())
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        self.end();
    }
}

/// The streams of one connection.
#[derive(Default)]
pub(super) struct Streams(FuturesUnordered<BoxFuture<'static, ()>>);

impl Streams {
    /// Takes over what is queued and polls what is ready. Dropping drops every stream.
    pub(super) fn poll(&mut self, queue: &Queue, cx: &mut Context<'_>) {
        loop {
            for future in queue.take() {
                self.0.push(future);
            }
            match self.0.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => return,
            }
        }
    }
}
