use std::time::Duration;

use http::StatusCode;

/// What a [`filter`](crate::Logger::filter) sees of an exchange that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) end: &'a End,
}

impl<'a> Summary<'a> {
    /// Method of the request. This and the next two are empty for what the server answered itself.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// Authority as sent, port kept; empty if there was none.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// Path as received, without query.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// Status as it is logged: 499 for a client that left before the head.
    pub fn status(&self) -> StatusCode {
        self.end.status
    }

    /// From the request's head to the end of the exchange.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end.duration)
    }

    /// From the request's head to the final response head; `None` if there was none.
    pub fn duration_header(&self) -> Option<Duration> {
        self.end.duration_header.map(Duration::from_nanos)
    }

    /// Bytes of the request's body.
    pub fn request_body_size(&self) -> u64 {
        self.end.request_bytes
    }

    /// Bytes of the response's body that were handed to the connection.
    pub fn response_body_size(&self) -> u64 {
        self.end.response_bytes
    }

    /// Why the exchange did not end well; `None` if it did.
    pub fn aborted(&self) -> Option<&'static str> {
        Some(self.end.aborted).filter(|why| !why.is_empty())
    }
}

/// What is known of an exchange when it is over.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) timestamp: std::time::SystemTime,
    pub(crate) status: StatusCode,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    /// In nanoseconds, as the next.
    pub(crate) duration: u64,
    pub(crate) duration_header: Option<u64>,
    /// Empty: it ended well.
    pub(crate) aborted: &'static str,
    /// Source and kind of the response's error.
    pub(crate) error: Option<(&'static str, &'static str)>,
    /// Share of the records like this one that are written, if not all.
    pub(crate) sample_rate: Option<f64>,
}
