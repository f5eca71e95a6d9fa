//! The body of a response that comes over HTTP/1.1: carries the connection, and gives it back when it has ended well.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parapet_core::{BodyError, ServerHandle};
use parapet_h1::{DecodeError, ResponseEvent};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::h1::{Unit, Upload, UploadError, allowed_trailers, body_error, decode_text};
use crate::pool::Pool;

/// What was decoded before it was asked for, so that the result does not depend on how the bytes were cut.
#[derive(Debug)]
pub(crate) struct Ahead {
    first: Option<Decoded>,
    second: Option<Decoded>,
}

type Decoded = Result<ResponseEvent, DecodeError>;

impl Ahead {
    /// Decodes on behind the head, as far as the buffer suffices: up to two events.
    pub(crate) fn read(unit: &mut Unit) -> Self {
        let first = decode(unit);
        let second = match &first {
            Some(Ok(ResponseEvent::Data(_))) => decode(unit),
            _ => None,
        };
        Self { first, second }
    }

    /// The whole content, if that is all there was: nothing, or one run of bytes.
    pub(crate) fn take_whole(&mut self) -> Option<(Bytes, bool, Option<Duration>)> {
        match (&self.first, &self.second) {
            (Some(Ok(ResponseEvent::End { reusable, keep_alive_hint })), _) => {
                Some((Bytes::new(), *reusable, *keep_alive_hint))
            }
            (
                Some(Ok(ResponseEvent::Data(data))),
                Some(Ok(ResponseEvent::End { reusable, keep_alive_hint })),
            ) => {
                let whole = (data.clone(), *reusable, *keep_alive_hint);
                self.first = None;
                Some(whole)
            }
            _ => None,
        }
    }

    fn take(&mut self) -> Option<Decoded> {
        self.first.take().or_else(|| self.second.take())
    }
}

/// The next event that the buffer holds.
fn decode(unit: &mut Unit) -> Option<Decoded> {
    match unit.decoder.next(&mut unit.read) {
        Ok(ResponseEvent::NeedMore) => None,
        decoded => Some(decoded),
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    /// `None`: given back or closed.
    unit: Option<Box<Unit>>,
    pool: Arc<Pool>,
    server: Option<ServerHandle>,
    upload: Uploading,
    ahead: Ahead,
    /// Bytes still to come, if the head said it.
    left: Option<u64>,
    deadline: Option<Instant>,
    /// Data that was handed out while the upload was running.
    handed: Handed,
}

/// The rest of a request's body while its response is read.
#[derive(Debug)]
enum Uploading {
    /// Over, or polled here.
    Inline(Upload),
    /// In a task of its own, so that a reader who stops reading cannot stall it.
    Detached(Detached),
    Over,
}

/// Ends with the body.
#[derive(Debug)]
struct Detached(JoinHandle<Result<(), UploadError>>);

impl Drop for Detached {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug, Default)]
struct Handed {
    bytes: usize,
    frames: usize,
}

impl UpstreamBody {
    pub(crate) fn new(
        unit: Box<Unit>,
        pool: Arc<Pool>,
        server: Option<ServerHandle>,
        upload: Upload,
        ahead: Ahead,
        left: Option<u64>,
        deadline: Option<Instant>,
    ) -> Self {
        let upload = Uploading::Inline(upload);
        let handed = Handed::default();
        Self { unit: Some(unit), pool, server, upload, ahead, left, deadline, handed }
    }

    fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // An origin that always has more never lets the timer be asked.
        if self.unit.is_some() && self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return self.fail(BodyError::Timeout);
        }
        loop {
            if self.unit.is_none() {
                return Poll::Ready(None);
            }
            if let Err(error) = self.poll_upload(cx) {
                return self.fail(error);
            }
            match ready!(self.poll_decoded(cx)) {
                Err(error) => return self.fail(error),
                Ok(ResponseEvent::Data(data)) => {
                    self.look_ahead(cx);
                    self.handed_out(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(ResponseEvent::Trailers(trailers)) => {
                    self.look_ahead(cx);
                    let trailers = allowed_trailers(trailers);
                    if !trailers.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                }
                Ok(ResponseEvent::End { reusable, keep_alive_hint }) => {
                    self.finish(reusable, keep_alive_hint, cx);
                }
                Ok(_) => return self.fail(BodyError::Malformed("message out of turn")),
            }
        }
    }

    /// The next event, read if need be.
    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseEvent, BodyError>> {
        let malformed = |error| BodyError::Malformed(decode_text(error));
        if let Some(decoded) = self.ahead.take() {
            return Poll::Ready(decoded.map_err(malformed));
        }
        let Some(unit) = &mut self.unit else {
            return Poll::Ready(Err(BodyError::Malformed("message out of turn")));
        };
        loop {
            match unit.decoder.next(&mut unit.read) {
                Ok(ResponseEvent::NeedMore) => {}
                decoded => return Poll::Ready(decoded.map_err(malformed)),
            }
            match unit.poll_fill(cx) {
                Poll::Ready(Ok(0)) => {
                    let early = |_| io::Error::from(io::ErrorKind::UnexpectedEof).into();
                    return Poll::Ready(unit.decoder.eof().map_err(early));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(BodyError::Io(error))),
                Poll::Pending => {
                    ready!(unit.timer.poll(self.deadline, cx));
                    return Poll::Ready(Err(BodyError::Timeout));
                }
            }
        }
    }

    /// Decodes on while the buffer suffices: at its end the message gives its connection back before its last frame is
    /// returned.
    fn look_ahead(&mut self, cx: &mut Context<'_>) {
        let Some(unit) = &mut self.unit else { return };
        if self.ahead.first.is_none() && self.ahead.second.is_none() {
            self.ahead.first = decode(unit);
        }
        let next = self.ahead.first.as_ref().or(self.ahead.second.as_ref());
        if let Some(Ok(ResponseEvent::End { reusable, keep_alive_hint })) = next {
            let (reusable, keep_alive_hint) = (*reusable, *keep_alive_hint);
            self.ahead = Ahead { first: None, second: None };
            self.finish(reusable, keep_alive_hint, cx);
        }
    }

    /// The message is complete.
    fn finish(&mut self, reusable: bool, hint: Option<Duration>, cx: &mut Context<'_>) {
        let Some(mut unit) = self.unit.take() else { return };
        let uploaded = match &mut self.upload {
            Uploading::Inline(upload) => {
                if upload.is_running() {
                    // Whatever it says, the response is complete.
                    let _ = upload.poll(&mut unit.io, &mut unit.encoder, &mut unit.out, cx);
                }
                upload.is_done()
            }
            Uploading::Detached(_) | Uploading::Over => false,
        };
        self.upload = Uploading::Over;
        if uploaded && reusable && unit.read.is_empty() {
            self.pool.check_in(unit, hint, self.server.as_ref());
        }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.unit = None;
        self.upload = Uploading::Over;
        Poll::Ready(Some(Err(error)))
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        match (&mut self.upload, &mut self.unit) {
            (Uploading::Inline(upload), Some(unit)) if upload.is_running() => {
                match upload.poll(&mut unit.io, &mut unit.encoder, &mut unit.out, cx) {
                    Poll::Ready(Err(error)) => Err(body_error(error)),
                    Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
                }
            }
            (Uploading::Detached(task), _) => match Pin::new(&mut task.0).poll(cx) {
                Poll::Pending => Ok(()),
                Poll::Ready(Ok(Ok(()))) => {
                    // The connection is not used again: its sides were separated.
                    self.upload = Uploading::Over;
                    Ok(())
                }
                Poll::Ready(Ok(Err(error))) => Err(body_error(error)),
                Poll::Ready(Err(error)) => Err(BodyError::Io(error.into())),
            },
            _ => Ok(()),
        }
    }

    /// While the upload is running it is driven by whoever reads the response. One who stops reading would stall it, and
    /// the client and the origin could wait for each other; so after a while it is driven by a task of its own.
    fn handed_out(&mut self, bytes: usize) {
        let running = matches!(&self.upload, Uploading::Inline(upload) if upload.is_running());
        if !running {
            return;
        }
        self.handed.bytes += bytes;
        self.handed.frames += 1;
        if (self.handed.bytes >= DETACH_BYTES || self.handed.frames >= DETACH_FRAMES)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            self.detach(&runtime);
        }
    }

    fn detach(&mut self, runtime: &tokio::runtime::Handle) {
        let Some(unit) = self.unit.take() else { return };
        let Uploading::Inline(mut upload) = std::mem::replace(&mut self.upload, Uploading::Over)
        else {
            return;
        };
        let (mut unit, mut write) = unit.split();
        let mut encoder = std::mem::take(&mut unit.encoder);
        let mut out = std::mem::take(&mut unit.out);
        self.unit = Some(Box::new(unit));
        let task = runtime.spawn(async move {
            std::future::poll_fn(|cx| upload.poll(&mut write, &mut encoder, &mut out, cx)).await
        });
        self.upload = Uploading::Detached(Detached(task));
    }
}

impl HttpBody for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = ready!(this.poll_event(cx));
        if let (Some(left), Some(Ok(frame))) = (&mut this.left, &frame) {
            *left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len) as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.unit.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for UpstreamBody {
    /// The reader has gone. If the rest of the message lies in the buffer, the connection is as good as before; draining
    /// more is not tried.
    fn drop(&mut self) {
        let Some(mut unit) = self.unit.take() else { return };
        if !matches!(&self.upload, Uploading::Inline(upload) if upload.is_done()) {
            return;
        }
        loop {
            match self.ahead.take().or_else(|| decode(&mut unit)) {
                Some(Ok(ResponseEvent::Data(_) | ResponseEvent::Trailers(_))) => {}
                Some(Ok(ResponseEvent::End { reusable: true, keep_alive_hint }))
                    if unit.read.is_empty() =>
                {
                    self.pool.check_in(unit, keep_alive_hint, self.server.as_ref());
                    return;
                }
                _ => return,
            }
        }
    }
}

/// The body of a response whose connection speaks another protocol now: has no bytes and no end.
#[derive(Debug)]
pub(crate) struct Open;

impl HttpBody for Open {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Pending
    }
}

/// So much of a response is handed out before an upload that is still running gets a task of its own.
const DETACH_BYTES: usize = 64 << 10;
const DETACH_FRAMES: usize = 16;
