use std::borrow::Cow;

use http::StatusCode;
use parapet_core::path::PathError;
use parapet_core::{Handler, Request, RequestExt, ResponseError, ResponseFuture, plain_error};

use crate::params::without_params;

/// How requests are read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) ignore_params: bool,
    pub(crate) pass_bad_paths: bool,
}

impl Reading {
    /// The normal path of `request`. `None`: it has no path (`OPTIONS *`, plain CONNECT).
    pub(crate) fn path(self, request: &Request) -> Result<Option<Cow<'_, [u8]>>, PathError> {
        match request.uri().path() {
            "" | "*" => Ok(None),
            raw if self.ignore_params => without_params(raw.as_bytes()).map(Some),
            _ => request.normal_path().map(Some),
        }
    }

    /// What becomes of a request whose path is refused.
    pub(crate) fn refuse(
        self,
        error: PathError,
        request: Request,
        next: &Handler,
    ) -> ResponseFuture {
        if self.pass_bad_paths {
            return next.serve(request);
        }
        let kind = match error {
            PathError::MalformedEscape => "malformed_escape",
            PathError::Nul => "nul",
            PathError::HiddenDotSegment => "hidden_dot_segment",
            PathError::Overlong => "overlong",
            _ => "bad_path",
        };
        let mut response = plain_error(StatusCode::BAD_REQUEST, "Bad Request");
        response.extensions_mut().insert(ResponseError::new("location", kind, error));
        ResponseFuture::ready(response)
    }
}
