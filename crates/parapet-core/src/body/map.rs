//! Bodies around a body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Body, BodyError};

pin_project! {
    /// Any `http_body::Body` with the error type of ours.
    pub(super) struct MapErr<B> {
        #[pin]
        inner: B,
    }
}

impl<B> MapErr<B> {
    pub(super) fn new(inner: B) -> Self {
        Self { inner }
    }
}

impl<B> HttpBody for MapErr<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.project().inner.poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// [`Body::map_frames`].
pub(super) struct MapFrames<F> {
    inner: Body,
    f: F,
}

impl<F> MapFrames<F> {
    pub(super) fn new(inner: Body, f: F) -> Self {
        Self { inner, f }
    }
}

impl<F> HttpBody for MapFrames<F>
where
    F: FnMut(Frame<Bytes>) -> Frame<Bytes> + Send + 'static,
    Self: Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(&mut this.f)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<F> Unpin for MapFrames<F> {}

/// [`Body::map_data`].
pub(super) struct MapData<F> {
    inner: Body,
    f: F,
}

impl<F> MapData<F> {
    pub(super) fn new(inner: Body, f: F) -> Self {
        Self { inner, f }
    }
}

impl<F> Unpin for MapData<F> {}

impl<F> HttpBody for MapData<F>
where
    F: FnMut(Bytes) -> Bytes + Send + 'static,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(&mut this.f))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
