use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::sync::mpsc;

use super::BodyError;

/// Feeds a body made by [`Body::channel`](super::Body::channel).
///
/// Dropping it without [`finish`](Self::finish) or trailers fails the body with [`BodyError::Disconnected`], so that a
/// producer that died half-way never looks like a clean end.
#[derive(Debug)]
pub struct Sender(mpsc::Sender<Item>);

/// The reader of the body is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body was dropped")]
pub struct SendError;

#[derive(Debug)]
enum Item {
    Frame(Frame<Bytes>),
    End,
    Failed(BodyError),
}

impl Sender {
    /// Sends bytes, waiting for room. Cancel safe: a dropped future sent nothing.
    ///
    /// # Errors
    /// [`SendError`] when the body was dropped.
    pub async fn data(&self, data: impl Into<Bytes>) -> Result<(), SendError> {
        self.send(Item::Frame(Frame::data(data.into()))).await
    }

    /// Ends the body with trailers.
    ///
    /// # Errors
    /// [`SendError`] when the body was dropped.
    pub async fn trailers(self, trailers: HeaderMap) -> Result<(), SendError> {
        self.send(Item::Frame(Frame::trailers(trailers))).await
    }

    /// Ends the body.
    ///
    /// # Errors
    /// [`SendError`] when the body was dropped.
    pub async fn finish(self) -> Result<(), SendError> {
        self.send(Item::End).await
    }

    /// Fails the body.
    ///
    /// # Errors
    /// [`SendError`] when the body was dropped.
    pub async fn fail(self, error: BodyError) -> Result<(), SendError> {
        self.send(Item::Failed(error)).await
    }

    /// Ends as soon as the body was dropped.
    pub async fn closed(&self) {
        self.0.closed().await;
    }

    async fn send(&self, item: Item) -> Result<(), SendError> {
        self.0.send(item).await.map_err(|_| SendError)
    }
}

pub(super) struct Receiver {
    items: mpsc::Receiver<Item>,
    done: bool,
}

pub(super) fn channel(capacity: usize) -> (Sender, Receiver) {
    let (sender, items) = mpsc::channel(capacity.max(1));
    (Sender(sender), Receiver { items, done: false })
}

impl http_body::Body for Receiver {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.done {
            return Poll::Ready(None);
        }
        self.items.poll_recv(cx).map(|item| match item {
            // Trailers are an end too: `Body` does not poll behind them.
            Some(Item::Frame(frame)) => Some(Ok(frame)),
            Some(Item::End) => {
                self.done = true;
                None
            }
            Some(Item::Failed(error)) => {
                self.done = true;
                Some(Err(error))
            }
            None => {
                self.done = true;
                Some(Err(BodyError::Disconnected))
            }
        })
    }
}
