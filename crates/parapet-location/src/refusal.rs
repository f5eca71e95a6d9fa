use std::borrow::Cow;

use parapet_core::path::PathError;
use parapet_core::{Handler, Request, RequestExt, ResponseFuture};

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
        ResponseFuture::ready(error.answer("location"))
    }
}
