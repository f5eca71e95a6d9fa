//! parapet-header
/// `X-Real-IP`.
pub const X_REAL_IP: http::HeaderName = http::HeaderName::from_static("x-real-ip");
