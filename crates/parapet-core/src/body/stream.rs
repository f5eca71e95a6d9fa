use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Frame;
use pin_project_lite::pin_project;

use super::BodyError;

pin_project! {
    /// A stream of chunks as a body.
    pub(super) struct StreamBody<S, D, E> {
        #[pin]
        stream: S,
        item: PhantomData<fn() -> (D, E)>,
    }
}

impl<S, D, E> StreamBody<S, D, E> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, item: PhantomData }
    }
}

impl<S, D, E> http_body::Body for StreamBody<S, D, E>
where
    S: Stream<Item = Result<D, E>>,
    D: Into<Bytes>,
    E: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let item = ready!(self.project().stream.poll_next(cx));
        Poll::Ready(
            item.map(|chunk| chunk.map(|data| Frame::data(data.into())).map_err(Into::into)),
        )
    }
}
