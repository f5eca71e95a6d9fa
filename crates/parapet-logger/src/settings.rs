use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::address::Mask;
use crate::builtin::BuiltIns;
use crate::query::Query;
use crate::view::Look;
use crate::{Format, Summary};

/// What one logger does with its records; fixed when it is mounted.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    pub(crate) look: Look,
    pub(crate) request_headers: Vec<(HeaderName, Cow<'static, str>)>,
    pub(crate) response_headers: Vec<(HeaderName, Cow<'static, str>)>,
    pub(crate) tls: bool,
    pub(crate) filter: Option<Filter>,
    /// Share of the good records that are written.
    pub(crate) sample: f64,
    pub(crate) queue_bytes: usize,
    pub(crate) flush_interval: Duration,
    pub(crate) record_per_write: bool,
}

pub(crate) type Filter = Arc<dyn Fn(&Summary<'_>) -> bool + Send + Sync>;

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: Format::default(),
            look: Look {
                omit_empty: false,
                without: BuiltIns::default(),
                query: Query::default().into(),
                mask: Mask::NONE,
                max_value_bytes: 8192,
            },
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            tls: false,
            filter: None,
            sample: 1.0,
            queue_bytes: 8 << 20,
            flush_interval: Duration::from_millis(100),
            record_per_write: false,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("format", &self.format)
            .field("look", &self.look)
            .field("request_headers", &self.request_headers)
            .field("response_headers", &self.response_headers)
            .field("tls", &self.tls)
            .field("filter", &self.filter.is_some())
            .field("sample", &self.sample)
            .field("queue_bytes", &self.queue_bytes)
            .field("flush_interval", &self.flush_interval)
            .field("record_per_write", &self.record_per_write)
            .finish()
    }
}
