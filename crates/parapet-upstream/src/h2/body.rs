use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use parapet_core::{Body, BodyError};
use tokio::time::Instant;

use super::failure;
use super::handle::Stream;
use crate::h1::allowed_trailers;
use crate::response_fields::trim_values;
use crate::timer::Timer;

/// Where a request's body waits until hyper asks for it: a request that was not processed gets it back from here.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    body: Mutex<Option<Body>>,
    failed: Mutex<Option<Arc<BodyError>>>,
    sent: AtomicBool,
    /// Nobody reads the response any more.
    given_up: AtomicBool,
    /// Of the upload, which has to hear of that.
    upload: AtomicWaker,
    /// Of the exchange, which waits for the end of the upload.
    waker: AtomicWaker,
}

impl Outbox {
    pub(super) fn new(body: Body) -> Arc<Self> {
        Arc::new(Self { body: Mutex::new(Some(body)), ..Self::default() })
    }

    /// The body, if nobody has asked for it.
    pub(super) fn take(&self) -> Option<Body> {
        lock(&self.body).take()
    }

    /// Why the body has failed.
    pub(super) fn failure(&self) -> Option<Arc<BodyError>> {
        lock(&self.failed).clone()
    }

    /// Whether the whole body was handed to the connection; if not, `cx` is woken when it is.
    pub(super) fn is_sent(&self, cx: &Context<'_>) -> bool {
        self.waker.register(cx.waker());
        self.sent.load(Ordering::Acquire)
    }

    /// The reader of the response has gone: what is left of the upload is for nobody. hyper would go on with it, and the
    /// stream would stay open.
    fn give_up(&self) {
        if !self.sent.load(Ordering::Acquire) {
            self.given_up.store(true, Ordering::Release);
            self.upload.wake();
        }
    }

    fn end(&self) {
        self.sent.store(true, Ordering::Release);
        self.waker.wake();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request's body as hyper sees it.
#[derive(Debug)]
pub(super) struct RequestBody {
    outbox: Arc<Outbox>,
    /// `None` before the first poll and after the end.
    body: Option<Body>,
    end: bool,
    hint: SizeHint,
}

impl RequestBody {
    pub(super) fn new(outbox: &Arc<Outbox>) -> Self {
        let (end, hint) = match &*lock(&outbox.body) {
            Some(body) => (body.is_end_stream(), body.size_hint()),
            None => (true, SizeHint::with_exact(0)),
        };
        if end {
            outbox.sent.store(true, Ordering::Release);
        }
        Self { outbox: Arc::clone(outbox), body: None, end, hint }
    }
}

/// The client's body failed; what it was is kept in the outbox.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request failed")]
pub(super) struct Failed(#[source] h2::Error);

impl Failed {
    /// hyper resets the stream with the reason that it finds in the error.
    fn cancel() -> Self {
        Self(h2::Reason::CANCEL.into())
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        let this = self.get_mut();
        if this.body.is_none() {
            this.body = this.outbox.take();
        }
        this.outbox.upload.register(cx.waker());
        if this.body.is_some() && this.outbox.given_up.load(Ordering::Acquire) {
            (this.body, this.end) = (None, true);
            this.outbox.end();
            return Poll::Ready(Some(Err(Failed::cancel())));
        }
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        (this.end, this.hint) = (body.is_end_stream(), body.size_hint());
        Poll::Ready(match frame {
            Some(Err(error)) => {
                this.end = true;
                *lock(&this.outbox.failed) = Some(Arc::new(error));
                this.outbox.end();
                Some(Err(Failed::cancel()))
            }
            Some(Ok(frame)) => {
                if this.end || frame.is_trailers() {
                    this.outbox.end();
                }
                Some(Ok(allowed(frame)))
            }
            None => {
                this.end = true;
                this.outbox.end();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.end
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // Reset or refused: nothing more will be sent.
        self.outbox.end();
    }
}

/// A response's body; dropped before its end it resets the stream.
#[derive(Debug)]
pub(super) struct ResponseBody {
    incoming: Incoming,
    stream: Stream,
    outbox: Arc<Outbox>,
    deadline: Option<Instant>,
    timer: Timer,
}

impl ResponseBody {
    pub(super) fn new(
        incoming: Incoming,
        mut stream: Stream,
        outbox: Arc<Outbox>,
        deadline: Option<Instant>,
    ) -> Self {
        stream.ended = incoming.is_end_stream();
        Self { incoming, stream, outbox, deadline, timer: Timer::default() }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        // What is always ready never waits for the timer.
        if this.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Poll::Ready(Some(Err(BodyError::Timeout)));
        }
        loop {
            let polled = Pin::new(&mut this.incoming).poll_frame(cx);
            let Poll::Ready(frame) = polled else {
                ready!(this.timer.poll(this.deadline, cx));
                return Poll::Ready(Some(Err(BodyError::Timeout)));
            };
            match frame {
                None => {
                    this.stream.ended = true;
                    return Poll::Ready(None);
                }
                Some(Err(error)) => {
                    let error = if let Some(cause) = this.outbox.failure() {
                        BodyError::Other(Box::new(cause))
                    } else {
                        // Not by a reset of ours.
                        this.stream.ended = true;
                        failure::of_body(error)
                    };
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => {
                    this.stream.ended |= frame.is_trailers() || this.incoming.is_end_stream();
                    let mut frame = allowed(frame);
                    if let Some(trailers) = frame.trailers_mut() {
                        trim_values(trailers);
                    }
                    if frame.trailers_ref().is_none_or(|trailers| !trailers.is_empty()) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.outbox.give_up();
    }
}

/// Without the trailers that RFC 9110 §6.5.1 forbids.
fn allowed(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(trailers) => Frame::trailers(allowed_trailers(trailers)),
        Err(frame) => frame,
    }
}
