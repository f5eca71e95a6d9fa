use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};
use parapet_core::{Body, BodyError};
use parapet_h1::RequestEncoder;
use parapet_header::forbidden_in_trailers;
use tokio::io::AsyncWrite;

use super::Outgoing;

/// The body of a request on its way into the connection.
///
/// ```text
/// Gated ─100, or its time is over→ Sending ─end of the body→ Flushing ─all taken→ Done
/// Gated, Sending, Flushing ─final head that needs no body→ Stopped
/// ```
#[derive(Debug)]
pub(crate) struct Upload {
    body: Body,
    state: State,
    /// A write failed. The rest is kept: if the I/O had taken nothing yet, it goes out on another connection.
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The body waits for 100 (RFC 9110 §10.1.1).
    Gated,
    Sending,
    /// The body has ended, its last bytes are not all taken.
    Flushing,
    Done,
    /// Given up: the connection must not be used again.
    Stopped,
}

/// Why an upload cannot go on.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// The client's body failed.
    Body(BodyError),
    /// The client's body is longer or shorter than it said.
    Length,
}

impl Upload {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, state: State::Sending, broken: false }
    }

    /// Only the head is sent for now.
    pub(crate) fn close_gate(&mut self) {
        self.state = State::Gated;
    }

    /// The body may be sent.
    pub(crate) fn open_gate(&mut self) {
        if self.state == State::Gated {
            self.state = State::Sending;
        }
    }

    /// Nothing more is sent.
    pub(crate) fn stop(&mut self) {
        if self.state != State::Done {
            self.state = State::Stopped;
            self.body = Body::empty();
        }
    }

    /// Goes on where a failed write ended it, on another connection.
    pub(crate) fn resume(&mut self) {
        self.broken = false;
    }

    pub(crate) fn is_gated(&self) -> bool {
        self.state == State::Gated
    }

    /// Everything was taken by the I/O.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// There is something left to do.
    pub(crate) fn is_running(&self) -> bool {
        !self.broken && !matches!(self.state, State::Done | State::Stopped)
    }

    /// Sends on: `Ready` when nothing is left to do or it was stopped.
    ///
    /// The body is asked for more only when everything before was taken, and before the first write, so that a head and
    /// a small body leave in one. A failed write stops the upload and is no error yet: the origin may have answered, and
    /// what it said is read first.
    pub(crate) fn poll(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        encoder: &mut RequestEncoder,
        out: &mut Outgoing,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UploadError>> {
        if self.broken {
            return Poll::Ready(Ok(()));
        }
        match self.poll_write(io, encoder, out, cx) {
            Poll::Ready(Err(Failed::Write(_))) => {
                self.broken = true;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(Failed::Upload(error))) => {
                self.stop();
                Poll::Ready(Err(error))
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        encoder: &mut RequestEncoder,
        out: &mut Outgoing,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failed>> {
        loop {
            match self.state {
                State::Done | State::Stopped => return Poll::Ready(Ok(())),
                State::Gated => {
                    ready!(out.poll_drain(io, cx))?;
                    ready!(out.poll_flush(io, cx))?;
                    return Poll::Pending;
                }
                State::Flushing => {
                    ready!(out.poll_drain(io, cx))?;
                    ready!(out.poll_flush(io, cx))?;
                    self.state = State::Done;
                }
                State::Sending => {
                    // Before the first write, and after everything was taken.
                    let waits = (out.written == 0 || out.is_empty())
                        && self.poll_gather(encoder, out, cx)?.is_pending();
                    ready!(out.poll_drain(io, cx))?;
                    if waits && self.state == State::Sending {
                        ready!(out.poll_flush(io, cx))?;
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Queues frames that are there already, up to one batch. `Pending`: the body has none now.
    fn poll_gather(
        &mut self,
        encoder: &mut RequestEncoder,
        out: &mut Outgoing,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, UploadError> {
        loop {
            if self.body.is_end_stream() {
                self.end(None, encoder, out)?;
                return Ok(Poll::Ready(()));
            }
            if out.is_full() {
                return Ok(Poll::Ready(()));
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(None) => {
                    self.end(None, encoder, out)?;
                    return Ok(Poll::Ready(()));
                }
                Poll::Ready(Some(Err(error))) => return Err(UploadError::Body(error)),
                Poll::Ready(Some(Ok(frame))) => {
                    if self.frame(frame, encoder, out)? {
                        return Ok(Poll::Ready(()));
                    }
                }
            }
        }
    }

    /// Queues one frame; true if it was the last.
    fn frame(
        &mut self,
        frame: Frame<Bytes>,
        encoder: &mut RequestEncoder,
        out: &mut Outgoing,
    ) -> Result<bool, UploadError> {
        match frame.into_data() {
            Ok(data) => {
                let wrap = encoder.data(data.len()).map_err(|_| UploadError::Length)?;
                out.push(wrap, data);
                Ok(false)
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.end(Some(&allowed_trailers(trailers)), encoder, out)?;
                Ok(true)
            }
        }
    }

    fn end(
        &mut self,
        trailers: Option<&HeaderMap>,
        encoder: &mut RequestEncoder,
        out: &mut Outgoing,
    ) -> Result<(), UploadError> {
        let mut end = BytesMut::new();
        encoder.end(trailers, &mut end).map_err(|_| UploadError::Length)?;
        out.push_end(end);
        self.state = State::Flushing;
        self.body = Body::empty();
        Ok(())
    }
}

enum Failed {
    Write(#[expect(dead_code, reason = "what the peer says next tells more")] io::Error),
    Upload(UploadError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<UploadError> for Failed {
    fn from(error: UploadError) -> Self {
        Self::Upload(error)
    }
}

/// Without the fields that RFC 9110 §6.5.1 forbids in trailers.
pub(crate) fn allowed_trailers(mut trailers: HeaderMap) -> HeaderMap {
    let forbidden: Vec<_> =
        trailers.keys().filter(|name| forbidden_in_trailers(name)).cloned().collect();
    for name in forbidden {
        trailers.remove(name);
    }
    trailers
}
