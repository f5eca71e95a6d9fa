use std::time::Duration;

use http::StatusCode;
use parapet_core::{Response, ResponseError, plain_error};

/// What ran out, in the [`ResponseError`] of the answer. Building a layer cannot fail.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There was no final head in time.
    #[error("there was no response head within {0:?}")]
    Head(Duration),
    /// The deadline of the request passed, and nobody inside answered.
    #[error("the request's deadline passed and nothing answered")]
    Deadline,
}

impl Error {
    fn kind(self) -> &'static str {
        match self {
            Self::Head(_) => "head",
            Self::Deadline => "deadline",
        }
    }

    /// Notes on `response` that it was made because of this.
    pub(crate) fn note(self, response: &mut Response) {
        response.extensions_mut().insert(ResponseError::new("timeout", self.kind(), self));
    }

    /// Plain error(504, `Gateway Timeout`) with the note.
    pub(crate) fn answer(self) -> Response {
        let mut response = plain_error(StatusCode::GATEWAY_TIMEOUT, "Gateway Timeout");
        self.note(&mut response);
        response
    }
}
