//! Bodies that were read to their end, and can be read again from the first byte on.

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError};

use crate::spill::Reader;

/// The content of a body.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Memory(Bytes),
    /// Shared by all copies, and closed with the last of them.
    File {
        file: Arc<File>,
        length: u64,
    },
}

impl Content {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(data) => data.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// A body with this content and these trailers.
    pub(crate) fn into_body(self, trailers: Option<HeaderMap>) -> Body {
        match (self, trailers) {
            (Self::Memory(data), None) => Body::full(data),
            (content, trailers) => {
                Body::replayable(move || Body::new(Copy::new(content.clone(), trailers.clone())))
            }
        }
    }
}

/// One reading of a body.
struct Copy {
    data: Data,
    trailers: Option<HeaderMap>,
}

enum Data {
    /// Empty: was read.
    Memory(Bytes),
    File(Reader),
}

impl Copy {
    fn new(content: Content, trailers: Option<HeaderMap>) -> Self {
        let data = match content {
            Content::Memory(data) => Data::Memory(data),
            Content::File { file, length } => Data::File(Reader::new(file, length)),
        };
        Self { data, trailers }
    }

    fn left(&self) -> u64 {
        match &self.data {
            Data::Memory(data) => data.len() as u64,
            Data::File(reader) => reader.left(),
        }
    }
}

impl http_body::Body for Copy {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.left() == 0 {
            return Poll::Ready(this.trailers.take().map(|map| Ok(Frame::trailers(map))));
        }
        match &mut this.data {
            Data::Memory(data) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(data))))),
            Data::File(reader) => reader
                .poll_piece(cx)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece.map_err(BodyError::Io)?)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0 && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}
