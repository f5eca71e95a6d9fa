use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError, Collected, ResponseError, plain_error};

use crate::scheme::Denial;
use crate::{AuthError, Reason};

/// The content of `body`, at most `max` bytes of it, and the body as it came: same content, same trailers, and a length
/// that is known if it was.
pub(super) async fn read(body: Body, max: usize) -> Result<(Bytes, Body), Failure> {
    let known = body.known_length();
    if known == Some(0) {
        return Ok((Bytes::new(), body));
    }
    if let Some(copy) = body.replay() {
        let content = copy.collect(max).await?;
        return Ok((content.into_data(), body));
    }
    // Refuses an announced length above `max` before it asks for the first byte.
    let read = body.collect(max).await?;
    let content = read.data().clone();
    Ok((content, again(&read, known.is_some())))
}

fn again(read: &Collected, is_length_known: bool) -> Body {
    let (content, trailers) = (read.data().clone(), read.trailers().cloned());
    if is_length_known && trailers.is_none() {
        return Body::full(content);
    }
    Body::replayable(move || {
        let (content, trailers) = (content.clone(), trailers.clone());
        Body::new(Again { content, trailers, is_length_known })
    })
}

/// One reading of a body that was read before.
struct Again {
    /// Empty: was read.
    content: Bytes,
    trailers: Option<HeaderMap>,
    is_length_known: bool,
}

impl http_body::Body for Again {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(if self.content.is_empty() {
            self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))
        } else {
            Some(Ok(Frame::data(std::mem::take(&mut self.content))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.content.len() as u64;
        if self.is_length_known {
            return SizeHint::with_exact(left);
        }
        let mut hint = SizeHint::new();
        hint.set_lower(left);
        hint
    }
}

/// Why the content could not be had: the client's fault, so that nobody is asked.
#[derive(Debug, thiserror::Error)]
#[error("the body that the auth server was to see could not be read")]
pub(super) struct Failure(#[from] BodyError);

impl From<Failure> for Denial {
    fn from(failure: Failure) -> Self {
        let (status, text, reason) = match &failure.0 {
            BodyError::LengthLimitExceeded => {
                (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large", Reason::TooLarge)
            }
            BodyError::Timeout => {
                (StatusCode::REQUEST_TIMEOUT, "Request Timeout", Reason::Malformed)
            }
            _ => (StatusCode::BAD_REQUEST, "Bad Request", Reason::Malformed),
        };
        let mut response = plain_error(status, text);
        if status == StatusCode::REQUEST_TIMEOUT {
            // RFC 9110 §15.5.9: nobody waits for the rest.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let note = ResponseError::new("authn", reason.as_str(), failure);
        response.extensions_mut().insert(note);
        Self {
            error: AuthError::InvalidRequest,
            reason,
            status: None,
            response: Some(Box::new(response)),
        }
    }
}
