use http::uri::Authority;
use http::{HeaderValue, Version};

/// The values of `Via` (RFC 9110 §7.6.3) with our name, one for each version that a message may have come in.
#[derive(Clone, Debug)]
pub(crate) struct Via {
    http10: HeaderValue,
    http11: HeaderValue,
    http2: HeaderValue,
}

impl Via {
    /// `None`: not a name that a field can hold.
    pub(crate) fn new(name: &Authority) -> Option<Self> {
        let value = |version| HeaderValue::try_from(format!("{version} {name}")).ok();
        Some(Self { http10: value("1.0")?, http11: value("1.1")?, http2: value("2.0")? })
    }

    pub(crate) fn value(&self, version: Version) -> &HeaderValue {
        match version {
            Version::HTTP_2 => &self.http2,
            Version::HTTP_10 => &self.http10,
            _ => &self.http11,
        }
    }
}
