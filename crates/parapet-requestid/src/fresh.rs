use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;
use uuid::fmt::Hyphenated;
use uuid::{ContextV7, Timestamp, Uuid};

/// Form of fresh ids: 36 characters, lower case (RFC 9562).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdFormat {
    /// Random (§5.4): cannot be guessed and tells nothing. The default.
    #[default]
    UuidV4,
    /// Milliseconds, then a counter with a random start, then random bits (§5.7): sorts by time, and tells it. The ids of
    /// one thread ascend.
    UuidV7,
}

impl IdFormat {
    pub(crate) fn fresh(self) -> HeaderValue {
        match self {
            Self::UuidV4 => value(Uuid::new_v4()),
            Self::UuidV7 => value(v7(parapet_core::time::date())),
        }
    }
}

/// A counter per thread: it needs no lock, and it keeps the ids of a worker in order within one millisecond.
fn v7(now: SystemTime) -> Uuid {
    thread_local! {
        static CONTEXT: ContextV7 = const { ContextV7::new() };
    }
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    CONTEXT.with(|context| {
        Uuid::new_v7(Timestamp::from_unix(context, since.as_secs(), since.subsec_nanos()))
    })
}

/// One allocation, which request, response, log and core share: bytes made from a slice would allocate a second time at
/// the first clone.
fn value(id: Uuid) -> HeaderValue {
    let mut text = [0; Hyphenated::LENGTH];
    id.hyphenated().encode_lower(&mut text);
    HeaderValue::from_maybe_shared(Bytes::from_owner(text))
        .unwrap_or_else(|_| HeaderValue::from_static("")) // hexadecimal digits and hyphens are a field value
}
