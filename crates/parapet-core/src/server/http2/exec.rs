//! Keeps the futures of a connection's streams in the connection's task: nothing is spawned per stream.

use std::future::Future;
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(future));
    }

    fn take(&self) -> Vec<BoxFuture<'static, ()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
