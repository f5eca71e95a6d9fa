//! The body of requests and responses.

mod channel;
mod collect;
mod deadline;
mod error;
mod map;
mod rider;
mod stream;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use sync_wrapper::SyncWrapper;
use tokio::time::Instant;

pub use self::channel::{SendError, Sender};
pub use self::collect::Collected;
use self::deadline::EndAt;
pub use self::error::BodyError;
use self::map::{MapData, MapFrames};
use self::rider::Riders;
pub use self::rider::{BodyEnd, BodyObserver, Outcome, Side};
use self::stream::StreamBody;
use crate::upgrade::Tunnel;

/// The body of a request or a response: empty, bytes in memory, or a stream of frames with trailers.
///
/// Dropping a body drops what it holds: an upstream connection is closed or given back, an upload is given up, guards
/// run. See [`with_guard`](Self::with_guard) for when a body counts as closed.
#[derive(Default)]
pub struct Body {
    kind: Kind,
    riders: Riders,
    /// When it fails if it has not ended; `None`: it takes as long as it takes.
    end_at: Option<Pin<Box<EndAt>>>,
}

type DynBody = dyn http_body::Body<Data = Bytes, Error = BodyError> + Send;

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    Replayable {
        make: Arc<dyn Fn() -> Body + Send + Sync>,
        /// What each copy says of its length: asking must not make one (it may open a file).
        hint: SizeHint,
        /// The copy that is being read.
        current: Option<Box<Body>>,
    },
    Stream(Stream),
    /// A connection that is being handed over (101, 2xx to CONNECT): no bytes, never at its end.
    Tunnel(Box<Tunnel>),
    /// Was read to its end, or failed: no bytes, and no second copy either.
    Done,
}

struct Stream {
    body: SyncWrapper<Pin<Box<DynBody>>>,
    /// What the stream last said of itself: it is not `Sync`, and `&Body` must be able to tell.
    hint: SizeHint,
    end: bool,
    /// A mapped stream whose frames may change size: its length is unknown until `keep_length`.
    length_hidden: bool,
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body of bytes in memory.
    pub fn full(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        if data.is_empty() { Self::empty() } else { Kind::Full(data).into() }
    }

    /// Wraps any `http_body::Body`. Costs one box.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Self::boxed(Box::pin(map::MapErr::new(body)), false)
    }

    /// A body of unknown length from a stream of chunks.
    pub fn from_stream<S, D, E>(stream: S) -> Self
    where
        S: futures_core::Stream<Item = Result<D, E>> + Send + 'static,
        D: Into<Bytes> + 'static,
        E: Into<BodyError> + 'static,
    {
        Self::boxed(Box::pin(StreamBody::new(stream)), false)
    }

    /// A body that is fed by a [`Sender`], which waits while `capacity` frames are queued (at least 1).
    pub fn channel(capacity: usize) -> (Sender, Self) {
        let (sender, receiver) = channel::channel(capacity);
        (sender, Self::boxed(Box::pin(receiver), false))
    }

    /// A body of which `make` yields as many independent copies as are wanted (a spill file, for instance). The first is
    /// made at once, each [`replay`](Self::replay) makes one when it is read.
    pub fn replayable(make: impl Fn() -> Self + Send + Sync + 'static) -> Self {
        let first = make();
        let hint = first.size_hint();
        Kind::Replayable { make: Arc::new(make), hint, current: Some(Box::new(first)) }.into()
    }

    pub(crate) fn tunnel(tunnel: Tunnel) -> Self {
        Kind::Tunnel(Box::new(tunnel)).into()
    }

    fn boxed(body: Pin<Box<DynBody>>, length_hidden: bool) -> Self {
        let (hint, end) =
            (http_body::Body::size_hint(&*body), http_body::Body::is_end_stream(&*body));
        if end {
            return Self::empty();
        }
        Kind::Stream(Stream { body: SyncWrapper::new(body), hint, end, length_hidden }).into()
    }

    /// Exact number of DATA bytes left; `None` if unknown.
    pub fn known_length(&self) -> Option<u64> {
        self.size_hint_of_kind().exact()
    }

    /// Whether nothing more will come, trailers included.
    pub fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty | Kind::Done => true,
            Kind::Full(_) | Kind::Tunnel(_) => false,
            Kind::Replayable { current, .. } => {
                current.as_ref().is_some_and(|body| body.is_end_stream())
            }
            Kind::Stream(stream) => stream.end,
        }
    }

    /// Bounds of the number of DATA bytes left.
    pub fn size_hint(&self) -> SizeHint {
        self.size_hint_of_kind()
    }

    /// A second, independent body with the same bytes from the first on. `None` if this body cannot give one: it is a
    /// stream, or bytes in memory that were read already.
    pub fn replay(&self) -> Option<Self> {
        match &self.kind {
            Kind::Empty => Some(Self::empty()),
            Kind::Full(data) => Some(Kind::Full(data.clone()).into()),
            Kind::Replayable { make, hint, .. } => {
                let (make, hint) = (Arc::clone(make), *hint);
                Some(Kind::Replayable { make, hint, current: None }.into())
            }
            Kind::Stream(_) | Kind::Tunnel(_) | Kind::Done => None,
        }
    }

    /// Passes each frame through `f`. Guards and observers stay where they are. The known length is lost unless
    /// [`keep_length`](Self::keep_length) follows.
    #[must_use]
    pub fn map_frames<F>(self, f: F) -> Self
    where
        F: FnMut(Frame<Bytes>) -> Frame<Bytes> + Send + 'static,
    {
        if self.is_tunnel() {
            return self; // the hand-over of a connection has no frames, and must be found by the server
        }
        Self::boxed(Box::pin(MapFrames::new(self, f)), true)
    }

    /// Passes the bytes of each DATA frame through `f`; trailers go by. The known length is lost unless
    /// [`keep_length`](Self::keep_length) follows.
    #[must_use]
    pub fn map_data<F>(self, f: F) -> Self
    where
        F: FnMut(Bytes) -> Bytes + Send + 'static,
    {
        if self.is_tunnel() {
            return self; // the hand-over of a connection has no frames, and must be found by the server
        }
        Self::boxed(Box::pin(MapData::new(self, f)), true)
    }

    /// Behind [`map_frames`](Self::map_frames) or [`map_data`](Self::map_data): the mapping changes no sizes, so the
    /// known length stays known. No effect on other bodies.
    #[must_use]
    pub fn keep_length(mut self) -> Self {
        if let Kind::Stream(stream) = &mut self.kind {
            stream.length_hidden = false;
        }
        self
    }

    /// Holds `guard` until the body is closed: its end was returned (the frame after which
    /// [`is_end_stream`](Self::is_end_stream) is true, trailers, or `None`), an error was returned, or the body was
    /// dropped; at once if it is at its end already. Newest first.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Send + 'static) -> Self {
        self.riders.push_guard(Box::new(guard));
        self.close_if_ended();
        self
    }

    /// Tells `observer` once how the body ended and how many DATA bytes passed this place, at the moments at which a
    /// guard is dropped.
    #[must_use]
    pub fn observe(mut self, observer: Arc<dyn BodyObserver>, side: Side) -> Self {
        self.riders.push_observer(observer, side);
        self.close_if_ended();
        self
    }

    /// Bounds the body in time: at `at` what it reads from is dropped, guards run, and it fails with
    /// [`BodyError::Timeout`]. A tunnel is closed then. Of several deadlines the earliest holds. Length and trailers pass.
    ///
    /// A body that is empty or in memory needs no bound and gets none; the others cost one box. The clock runs from the
    /// first time that the body is polled, which must be inside a tokio runtime with time, and wakes whoever polled last:
    /// a body that nobody polls does not end by itself.
    #[must_use]
    pub fn with_deadline(mut self, at: Instant) -> Self {
        match &mut self.kind {
            Kind::Empty | Kind::Full(_) | Kind::Done => {}
            Kind::Tunnel(tunnel) => tunnel.end_at(at),
            Kind::Replayable { .. } | Kind::Stream(_) => {
                let is_earlier = self.end_at.as_ref().is_none_or(|end| at < end.at());
                if is_earlier && !self.is_end_stream() {
                    self.end_at = Some(Box::pin(EndAt::new(at)));
                }
            }
        }
        self
    }

    /// Reads the whole body, at most `limit` bytes of data.
    ///
    /// # Errors
    /// [`BodyError::LengthLimitExceeded`] as soon as more than `limit` bytes are there or announced; else what the body
    /// fails with.
    pub async fn collect(self, limit: usize) -> Result<Collected, BodyError> {
        collect::collect(self, limit).await
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// What the body fails with. Cancel safe: a dropped future loses no frame.
    pub async fn frame(&mut self) -> Option<Result<Frame<Bytes>, BodyError>> {
        std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut *self), cx)).await
    }

    /// Marks a body as complete without its bytes having been read: a HEAD, 204 or 304 answer, whose bytes must not be
    /// sent. Observers hear `Complete`.
    pub(crate) fn complete_unread(&mut self) {
        self.kind = Kind::Done;
        self.riders.close(&Outcome::Complete);
    }

    /// Whether the response is the hand-over of its connection.
    pub(crate) fn is_tunnel(&self) -> bool {
        matches!(self.kind, Kind::Tunnel(_))
    }

    /// Takes the tunnel out, if the response is the hand-over of its connection.
    pub(crate) fn take_tunnel(&mut self) -> Option<Tunnel> {
        match std::mem::replace(&mut self.kind, Kind::Done) {
            Kind::Tunnel(tunnel) => Some(*tunnel),
            kind => {
                self.kind = kind;
                None
            }
        }
    }

    /// Replaces the bytes by a tunnel and keeps guards and observers, which then live until it ends.
    pub(crate) fn into_tunnel(mut self, f: crate::upgrade::TunnelFn) -> Self {
        let riders = std::mem::take(&mut self.riders);
        let mut body = Self::tunnel(Tunnel::new(f, self));
        body.riders = riders;
        body
    }

    /// The tunnel of this body ended with this many bytes toward the client and from it.
    pub(crate) fn tunnel_ended(&mut self, sent: u64, received: u64, outcome: &Outcome<'_>) {
        self.riders.close_tunnel(sent, received, outcome);
    }

    /// Nothing more comes of it: what it read from is dropped, and its timer.
    fn finish(&mut self) {
        self.kind = Kind::Done;
        self.end_at = None;
    }

    fn close_if_ended(&mut self) {
        if self.is_end_stream() {
            self.riders.close(&Outcome::Complete);
        }
    }

    fn size_hint_of_kind(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty | Kind::Done => SizeHint::with_exact(0),
            Kind::Full(data) => SizeHint::with_exact(data.len() as u64),
            Kind::Replayable { hint, current, .. } => {
                current.as_ref().map_or_else(|| *hint, |body| body.size_hint_of_kind())
            }
            Kind::Stream(stream) if stream.length_hidden && !stream.end => SizeHint::default(),
            Kind::Stream(stream) => stream.hint,
            Kind::Tunnel(_) => SizeHint::default(),
        }
    }

    fn poll_kind(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // Before the source, which may always be ready; so the timer also wakes whoever waits for something else next.
        if let Some(end) = &mut self.end_at
            && end.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(BodyError::Timeout)));
        }
        match &mut self.kind {
            Kind::Empty | Kind::Done => Poll::Ready(None),
            Kind::Full(data) => {
                let data = std::mem::take(data);
                self.kind = Kind::Done;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Kind::Replayable { make, current, .. } => {
                let body = current.get_or_insert_with(|| Box::new(make()));
                http_body::Body::poll_frame(Pin::new(&mut **body), cx)
            }
            Kind::Stream(stream) => {
                let body = stream.body.get_mut();
                let frame = ready!(body.as_mut().poll_frame(cx));
                stream.hint = http_body::Body::size_hint(&**body);
                stream.end = http_body::Body::is_end_stream(&**body);
                Poll::Ready(frame)
            }
            Kind::Tunnel(_) => Poll::Pending,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(self.poll_kind(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.riders.count(data.len() as u64);
                }
                if frame.is_trailers() || self.is_end_stream() {
                    self.finish();
                    self.riders.close(&Outcome::Complete);
                }
            }
            None => {
                self.finish();
                self.riders.close(&Outcome::Complete);
            }
            Some(Err(error)) => {
                self.finish();
                self.riders.close(&Outcome::Failed(error));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        Self::is_end_stream(self)
    }

    fn size_hint(&self) -> SizeHint {
        self.size_hint_of_kind()
    }
}

impl From<Kind> for Body {
    fn from(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }
}

impl From<Bytes> for Body {
    fn from(data: Bytes) -> Self {
        Self::full(data)
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::full(text)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::full(text)
    }
}

/// Tells kind and length, never a byte of the content.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Empty => "empty",
            Kind::Full(_) => "full",
            Kind::Replayable { .. } => "replayable",
            Kind::Stream(_) => "stream",
            Kind::Tunnel(_) => "tunnel",
            Kind::Done => "done",
        };
        f.debug_struct("Body")
            .field("kind", &kind)
            .field("known_length", &self.known_length())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
