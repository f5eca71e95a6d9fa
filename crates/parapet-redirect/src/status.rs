use http::{Method, StatusCode};

use crate::Error;

/// The status of a redirect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "300, 304 and 305 are no redirects to one target; there are no others (RFC 9110 §15.4)"
)]
pub enum RedirectStatus {
    /// 301: for good; clients turn POST into GET.
    #[default]
    MovedPermanently,
    /// 302: for now; clients turn POST into GET.
    Found,
    /// 303: for now, and to be fetched with GET.
    SeeOther,
    /// 307: for now, with the same method and content.
    TemporaryRedirect,
    /// 308: for good, with the same method and content.
    PermanentRedirect,
}

impl RedirectStatus {
    /// The status for a request with `method`: with `preserve`, methods other than GET and HEAD get the status that keeps
    /// method and content.
    pub(crate) fn code(self, method: &Method, preserve: bool) -> StatusCode {
        let preserve = preserve && *method != Method::GET && *method != Method::HEAD;
        match self {
            Self::MovedPermanently if preserve => StatusCode::PERMANENT_REDIRECT,
            Self::Found if preserve => StatusCode::TEMPORARY_REDIRECT,
            Self::MovedPermanently => StatusCode::MOVED_PERMANENTLY,
            Self::Found => StatusCode::FOUND,
            Self::SeeOther => StatusCode::SEE_OTHER,
            Self::TemporaryRedirect => StatusCode::TEMPORARY_REDIRECT,
            Self::PermanentRedirect => StatusCode::PERMANENT_REDIRECT,
        }
    }
}

impl TryFrom<u16> for RedirectStatus {
    type Error = Error;

    /// 301, 302, 303, 307, 308; 0 is 301.
    fn try_from(status: u16) -> Result<Self, Error> {
        match status {
            0 | 301 => Ok(Self::MovedPermanently),
            302 => Ok(Self::Found),
            303 => Ok(Self::SeeOther),
            307 => Ok(Self::TemporaryRedirect),
            308 => Ok(Self::PermanentRedirect),
            other => Err(Error::Status(other)),
        }
    }
}
