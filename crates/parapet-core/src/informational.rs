use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};

/// Sends 1xx responses before the final one. In the extensions of requests whose connection can carry them.
#[derive(Clone)]
pub struct InformationalSink(Arc<dyn SendInformational>);

/// What a connection does with a 1xx head.
pub(crate) trait SendInformational: Send + Sync {
    fn send(&self, status: StatusCode, headers: HeaderMap) -> Result<(), InformationalError>;
}

/// Why a 1xx head was not sent.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InformationalError {
    /// Only 102 to 199 can be sent: 100 and 101 are the connection's own.
    #[error("only status 102 to 199 can be sent as an informational response")]
    Status,
    /// The final head is out already, or the client is gone.
    #[error("the final response was sent already")]
    TooLate,
    /// Eight were sent for this request.
    #[error("too many informational responses for one request")]
    TooMany,
}

impl InformationalSink {
    pub(crate) fn new(sink: Arc<dyn SendInformational>) -> Self {
        Self(sink)
    }

    /// Sends a 1xx head at once.
    ///
    /// # Errors
    /// [`InformationalError`]: the head was not sent; nothing else happens.
    pub fn send(&self, status: StatusCode, headers: HeaderMap) -> Result<(), InformationalError> {
        if !status.is_informational() || status.as_u16() < 102 {
            return Err(InformationalError::Status);
        }
        self.0.send(status, headers)
    }
}

impl fmt::Debug for InformationalSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InformationalSink")
    }
}
