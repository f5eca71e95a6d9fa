//! Reads one body to its end.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use parapet_core::{Body, BodyError};

use crate::prefixed::Prefixed;
use crate::replay::Content;
use crate::spill::{self, SpillDir};

/// How bodies are read.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) memory_limit: usize,
    pub(crate) max_size: Option<u64>,
    pub(crate) read_timeout: Option<Duration>,
}

/// What became of a body.
#[derive(Debug)]
pub(crate) enum Buffered {
    /// It came to its end.
    Complete { content: Content, trailers: Option<HeaderMap> },
    /// There is no file to be had: the body as it was.
    Unbuffered { body: Body, error: io::Error },
}

/// Why a body did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Body(#[from] BodyError),
    /// No frame within `read_timeout`.
    #[error("the client sent nothing for longer than read_timeout")]
    Stalled,
    #[error("the temporary file of a request body cannot be written")]
    Write(#[source] io::Error),
    /// There is no timer for `read_timeout`.
    #[error("no runtime is entered")]
    NoRuntime(#[from] tokio::runtime::TryCurrentError),
}

/// Reads `body`. Holds `memory_limit` bytes and one frame at most.
pub(crate) async fn buffer(
    mut body: Body,
    rules: &Rules,
    dir: &SpillDir,
) -> Result<Buffered, Failure> {
    let mut held = Held::default();
    let mut file: Option<File> = None;
    let mut length: u64 = 0;
    let mut trailers = None;
    while let Some(frame) = next_frame(&mut body, rules.read_timeout).await? {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                trailers = frame.into_trailers().ok();
                continue;
            }
        };
        length = length.saturating_add(data.len() as u64);
        if rules.max_size.is_some_and(|max| length > max) {
            return Err(BodyError::LengthLimitExceeded.into());
        }
        if held.len().saturating_add(data.len()) <= rules.memory_limit {
            held.push(data, rules.memory_limit);
            continue;
        }
        let open = match file.take() {
            Some(file) => file,
            None => match dir.create().await {
                Ok(file) => file,
                Err(error) => {
                    let body = Body::new(Prefixed::new([held.take(), data], body));
                    return Ok(Buffered::Unbuffered { body, error });
                }
            },
        };
        file = Some(spill::append(open, [held.take(), data]).await.map_err(Failure::Write)?);
    }
    let content = match file {
        None => Content::Memory(held.take()),
        Some(file) => {
            let rest = [held.take(), Bytes::new()];
            let file = spill::append(file, rest).await.map_err(Failure::Write)?;
            Content::File { file: Arc::new(file), length }
        }
    };
    Ok(Buffered::Complete { content, trailers })
}

async fn next_frame(
    body: &mut Body,
    longest: Option<Duration>,
) -> Result<Option<Frame<Bytes>>, Failure> {
    let frame = match longest {
        None => body.frame().await,
        Some(longest) => {
            tokio::runtime::Handle::try_current()?; // a timer would panic
            tokio::time::timeout(longest, body.frame()).await.map_err(|_| Failure::Stalled)?
        }
    };
    Ok(frame.transpose()?)
}

/// Bytes that wait in memory: one frame as it came, or a copy of several. A frame is a slice of a larger buffer, which many
/// small ones would keep.
#[derive(Debug)]
enum Held {
    Frame(Bytes),
    Copy(Vec<u8>),
}

impl Default for Held {
    fn default() -> Self {
        Self::Frame(Bytes::new())
    }
}

impl Held {
    fn len(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Copy(copy) => copy.len(),
        }
    }

    /// Adds `data`, with which it holds no more than `limit` bytes.
    fn push(&mut self, data: Bytes, limit: usize) {
        let mut copy = match std::mem::take(self) {
            Self::Frame(frame) if frame.is_empty() => {
                *self = Self::Frame(data);
                return;
            }
            Self::Frame(frame) => frame.to_vec(),
            Self::Copy(copy) => copy,
        };
        let wanted = copy.len().saturating_add(data.len());
        if copy.capacity() < wanted {
            // Twice as much, but never room for more than may be held.
            let room = wanted.saturating_mul(2).min(limit).saturating_sub(copy.len());
            copy.reserve_exact(room);
        }
        copy.extend_from_slice(&data);
        *self = Self::Copy(copy);
    }

    fn take(&mut self) -> Bytes {
        match std::mem::take(self) {
            Self::Frame(frame) => frame,
            Self::Copy(copy) => copy.into(),
        }
    }
}

#[cfg(test)]
mod tests;
