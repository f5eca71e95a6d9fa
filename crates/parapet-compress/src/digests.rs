//! Fields that tell a digest of the content's bytes: they are false once the bytes are encoded.

use http::{HeaderMap, HeaderName};

/// RFC 9530 §2 and §3 with their predecessors (RFC 3230 §4.3.2, RFC 2616 §14.15).
const FIELDS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

pub(crate) fn remove(fields: &mut HeaderMap) {
    for name in &FIELDS {
        fields.remove(name);
    }
}
