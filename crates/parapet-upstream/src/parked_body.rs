use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError};

/// A body that cannot be copied, lent to an attempt: if nobody polled it, the next attempt can have it.
pub(crate) struct ParkedBody {
    place: Place,
    /// Taken from the place at the first poll.
    current: Option<Body>,
    hint: SizeHint,
}

type Place = Arc<Mutex<Option<Body>>>;

/// Where the lent body is until it is polled.
pub(crate) struct Lent(Place);

impl ParkedBody {
    pub(crate) fn lend(body: Body) -> (Body, Lent) {
        let hint = body.size_hint();
        let place = Arc::new(Mutex::new(Some(body)));
        (Body::new(Self { place: Arc::clone(&place), current: None, hint }), Lent(place))
    }
}

impl Lent {
    /// The body, if no byte of it was asked for.
    pub(crate) fn take_back(self) -> Option<Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl http_body::Body for ParkedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.current.is_none() {
            this.current = this.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        match &mut this.current {
            Some(body) => Pin::new(body).poll_frame(cx),
            // Taken back while somebody still holds this one: it must not look complete.
            None => Poll::Ready(Some(Err(BodyError::Disconnected))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.current.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.current.as_ref().map_or(self.hint, Body::size_hint)
    }
}
