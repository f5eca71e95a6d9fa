use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError};

use crate::budget::Share;
use crate::encoder::{Aim, Encode};
use crate::{Encoding, Error, digests};

/// The bytes of another body, encoded.
///
/// ```text
/// Reading ──(inner pending, input not yet flushed)──▶ Flushing ──▶ Reading
///    ├─(end or trailers of inner)──▶ Finishing ──▶ Ended
///    └─(inner or encoder fails)────▶ Ended, the encoder dropped unfinished
/// ```
pub(crate) struct Compressed {
    inner: Body,
    encoding: Encoding,
    /// Length of `inner` at the start, if it was known.
    length: Option<u64>,
    state: State,
    /// Made when the first byte comes, or the end.
    encoder: Option<Box<dyn Encode>>,
    /// What the encoder may hold; given back with it.
    memory: Option<Share>,
    /// What the encoder has not taken yet of a frame.
    input: Bytes,
    /// Whether the encoder may hold bytes that the receiver cannot decode yet.
    unflushed: bool,
    /// Output in the making, `CHUNK` long once there is an encoder.
    chunk: Vec<u8>,
    /// How much of `chunk` is output. Never `CHUNK` when a poll has returned.
    filled: usize,
    /// Input that may be taken before the worker is given back.
    slice: usize,
    trailers: Option<HeaderMap>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Flushing,
    Finishing,
    Ended,
}

/// Longest frame that comes out: the payload of a TLS record.
const CHUNK: usize = 16 * 1024;
/// Input between two yields: about a millisecond of work at the default levels.
const SLICE: usize = 64 * 1024;
/// What a frame counts at least, so that endless empty frames yield too.
const FRAME: usize = 64;

impl Compressed {
    pub(crate) fn new(inner: Body, encoding: Encoding, memory: Share) -> Self {
        Self {
            length: inner.known_length(),
            inner,
            encoding,
            state: State::Reading,
            encoder: None,
            memory: Some(memory),
            input: Bytes::new(),
            unflushed: false,
            chunk: Vec::new(),
            filled: 0,
            slice: SLICE,
            trailers: None,
        }
    }

    /// Lets the encoder work once; true if the aim is reached.
    fn step(&mut self, aim: Aim) -> Result<bool, Error> {
        let failed = |error| Error::Encoder { encoding: self.encoding.name(), error };
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            slot @ None => {
                self.chunk = vec![0; CHUNK];
                slot.insert(self.encoding.encoder(self.length).map_err(failed)?)
            }
        };
        let input = self.input.get(..self.input.len().min(self.slice)).unwrap_or_default();
        let room = self.chunk.get_mut(self.filled..).unwrap_or_default();
        let step = encoder.step(input, room, aim).map_err(failed)?;
        if step.read == 0 && step.written == 0 && !step.done {
            return Err(failed("no progress with room left".into()));
        }
        self.input.advance(step.read);
        self.slice = self.slice.saturating_sub(step.read);
        self.filled = self.filled.saturating_add(step.written);
        match aim {
            Aim::Feed => self.unflushed = true,
            Aim::Flush if step.done => self.unflushed = false,
            Aim::Flush | Aim::Finish => {}
        }
        Ok(step.done)
    }

    /// The output so far as a frame.
    fn emit(&mut self) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // A copy of what took the encoder a hundred times as long, so that an event of 30 bytes holds 30 bytes.
        let data = self.chunk.get(..self.filled).map(Bytes::copy_from_slice).unwrap_or_default();
        self.filled = 0;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// Nothing more comes: the memory goes, what is still encoded stays without an end.
    fn end(&mut self) {
        self.state = State::Ended;
        self.encoder = None;
        self.memory = None;
        self.input = Bytes::new();
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.end();
        self.filled = 0;
        self.chunk = Vec::new();
        Poll::Ready(Some(Err(error)))
    }

    fn encoder_failed(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        tracing::error!(
            encoding = self.encoding.name(),
            error = &error as &dyn std::error::Error,
            "an encoder failed"
        );
        self.fail(BodyError::Other(Box::new(error)))
    }
}

impl http_body::Body for Compressed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        loop {
            if this.filled == CHUNK {
                return this.emit();
            }
            if this.slice == 0 {
                this.slice = SLICE;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let aim = match this.state {
                State::Reading if this.input.is_empty() => {
                    match Pin::new(&mut this.inner).poll_frame(cx) {
                        Poll::Pending if this.unflushed => this.state = State::Flushing,
                        Poll::Pending => {
                            this.slice = SLICE;
                            return Poll::Pending;
                        }
                        Poll::Ready(Some(Ok(frame))) => this.take(frame),
                        Poll::Ready(Some(Err(error))) => return this.fail(error),
                        Poll::Ready(None) => this.state = State::Finishing,
                    }
                    continue;
                }
                State::Reading => Aim::Feed,
                State::Flushing => Aim::Flush,
                State::Finishing => Aim::Finish,
                State::Ended => return Poll::Ready(this.last_frame()),
            };
            match (this.step(aim), aim) {
                (Err(error), _) => return this.encoder_failed(error),
                (Ok(false), _) | (Ok(true), Aim::Feed) => {}
                (Ok(true), Aim::Flush) => {
                    this.state = State::Reading;
                    if this.filled > 0 {
                        return this.emit();
                    }
                }
                (Ok(true), Aim::Finish) => {
                    this.end();
                    if this.filled > 0 {
                        return this.emit();
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended && self.trailers.is_none() && self.filled == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Compressed {
    fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => {
                self.slice = self.slice.saturating_sub(FRAME.saturating_sub(data.len()));
                self.input = data;
            }
            Err(frame) => {
                if let Ok(mut trailers) = frame.into_trailers() {
                    digests::remove(&mut trailers);
                    self.trailers = Some(trailers);
                    self.state = State::Finishing;
                }
            }
        }
    }

    fn last_frame(&mut self) -> Option<Result<Frame<Bytes>, BodyError>> {
        self.chunk = Vec::new();
        self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))
    }
}
