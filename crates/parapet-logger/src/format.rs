use std::fmt;
use std::sync::Arc;

use crate::RecordView;

/// The form of a record. Default: [`Json`](Self::Json).
#[non_exhaustive]
#[derive(Clone, Default)]
pub enum Format {
    /// One object a line.
    #[default]
    Json,
    /// `name=value` pairs, quoted where needed.
    Logfmt,
    /// The combined log format of Apache and nginx, with the client address and log field `userId`:
    /// `192.0.2.10 - userId [24/Nov/2026:10:31:05 +0000] "GET /x?y HTTP/1.1" 200 612 "referer" "userAgent"`.
    Combined,
    /// A form of your own.
    Custom(Arc<dyn Encode>),
}

impl Format {
    /// [`Custom`](Self::Custom) from a value.
    pub fn custom(encode: impl Encode) -> Self {
        Self::Custom(Arc::new(encode))
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "Json",
            Self::Logfmt => "Logfmt",
            Self::Combined => "Combined",
            Self::Custom(_) => "Custom",
        })
    }
}

/// Writes a record in a form of one's own.
///
/// Called once a record, on the thread where the exchange ended: it must not block. A panic in it loses the record
/// (counted as `dropped_error`) and nothing else. Escaping what clients sent is the encoder's duty.
pub trait Encode: Send + Sync + 'static {
    /// Appends `record` to `out`, as one line; a newline at the end is added if it is missing.
    fn encode(&self, record: &RecordView<'_>, out: &mut Vec<u8>);
}

impl<F: Fn(&RecordView<'_>, &mut Vec<u8>) + Send + Sync + 'static> Encode for F {
    fn encode(&self, record: &RecordView<'_>, out: &mut Vec<u8>) {
        self(record, out);
    }
}
