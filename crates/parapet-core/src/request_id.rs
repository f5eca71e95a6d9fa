use http::HeaderValue;

/// Id of a request: what its field, the log and the response say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Takes `value` if it is visible ASCII.
    pub fn new(value: HeaderValue) -> Option<Self> {
        value.to_str().is_ok().then_some(Self(value))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default() // checked in `new`
    }

    /// The id as a field value; cloning it shares the bytes.
    pub fn as_header(&self) -> &HeaderValue {
        &self.0
    }
}
