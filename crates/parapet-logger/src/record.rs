use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::StatusCode;
use parapet_core::{
    BodyEnd, BodyError, BodyObserver, DrainPhase, LogFields, LogRecord, LogValue, Outcome, Request,
    RequestExt, Response, ResponseError, Side,
};
use tokio::time::Instant;

use crate::builtin::BuiltIn;
use crate::facts::{Facts, joined};
use crate::fields::Fields;
use crate::layer::Layer;
use crate::summary::End;
use crate::time_text::write_rfc3339;
use crate::view::{Value, request_value};

/// Sets a log field of `request`; does nothing without a logger around.
///
/// A handler that gives the request away keeps `request.log().cloned()` instead.
pub fn set(request: &Request, name: impl Into<Cow<'static, str>>, value: impl Into<LogValue>) {
    if let Some(log) = request.log() {
        log.set(name, value);
    }
}

/// The value of a log field of `request`: what was set, or what is known of the request itself. `None` without a logger.
pub fn get(request: &Request, name: &str) -> Option<LogValue> {
    request.log()?.get(name)
}

/// One exchange: what is known of it so far. One allocation, shared by the request, its future and the response's body.
pub(crate) struct Record {
    layer: Arc<Layer>,
    facts: Facts,
    /// Record of the outermost logger, if this is not it: its fields are the fields of all.
    outermost: Option<Arc<Record>>,
    fields: Mutex<Fields>,
    /// Set once, when next has answered.
    head: OnceLock<Head>,
    /// Length of the request's body as declared, else DATA bytes that passed; of a tunnel, those from the client.
    request_bytes: AtomicU64,
    /// The request's body has a declared length.
    declared: bool,
    written: AtomicBool,
}

/// What is known when next has answered.
struct Head {
    status: StatusCode,
    /// Nanoseconds since the request's head.
    after: u64,
    error: Option<(&'static str, &'static str)>,
    /// Nobody waits for this answer any more.
    canceled: bool,
}

impl Record {
    /// Opens a record for `request` and mounts it there.
    pub(crate) fn open(layer: &Arc<Layer>, request: &mut Request) -> Arc<Self> {
        let known = request.facts();
        let outermost = known.log.and_then(LogRecord::downcast::<Self>).map(|around| {
            around.outermost.as_ref().map_or_else(|| Arc::clone(&around), Arc::clone)
        });
        let length = request.body().known_length();
        let record = Arc::new(Self {
            layer: Arc::clone(layer),
            facts: Facts::of(request, &known),
            outermost,
            fields: Mutex::default(),
            head: OnceLock::new(),
            request_bytes: AtomicU64::new(length.unwrap_or(0)),
            declared: length.is_some(),
            written: AtomicBool::new(false),
        });
        record.preset(request);
        request.set_log(LogRecord::new(Arc::clone(&record) as Arc<dyn LogFields>));
        if length.is_none() {
            record.count(request);
        }
        record
    }

    /// Next has answered: the record is written when the body of `response` has ended.
    pub(crate) fn answered(self: Arc<Self>, response: Response) -> Response {
        let status = response.status();
        let error = response.extensions().get::<ResponseError>();
        let tunnel = !response.body().is_end_stream()
            && (status == StatusCode::SWITCHING_PROTOCOLS
                || (self.facts.is_connect() && status.is_success()));
        let _first = self.head.set(Head {
            status,
            after: self.facts.since(Instant::now()),
            error: error.map(|error| (error.source(), error.kind())),
            canceled: error.is_some_and(|error| error.kind() == "canceled"),
        });
        let headers = &self.layer.settings.response_headers;
        if !headers.is_empty() {
            let mut fields = self.fields();
            for (name, field) in headers {
                fields.preset(
                    field.clone(),
                    joined(response.headers(), name).map_or_else(empty, LogValue::from),
                );
            }
        }
        response.map(|body| {
            let body = body.observe(Arc::clone(&self) as Arc<dyn BodyObserver>, Side::Response);
            // The last one to come is told first, so the bytes from the client are known when the record is written.
            if tunnel { body.observe(self, Side::Request) } else { body }
        })
    }

    /// The future was dropped before next had answered.
    pub(crate) fn unanswered(&self, panicked: bool) {
        let now = Instant::now();
        let (status, aborted) = if panicked {
            (StatusCode::INTERNAL_SERVER_ERROR, "panic")
        } else {
            (client_closed_request(), self.who_cut(now))
        };
        self.write(now, status, 0, aborted);
    }

    fn preset(&self, request: &Request) {
        let settings = &self.layer.settings;
        if settings.request_headers.is_empty() && !settings.tls {
            return;
        }
        let mut fields = self.fields();
        for (name, field) in &settings.request_headers {
            fields.preset(
                field.clone(),
                joined(request.headers(), name).map_or_else(empty, LogValue::from),
            );
        }
        if settings.tls {
            let tls = request.conn().tls();
            let text = |text: Option<String>| text.map_or_else(empty, LogValue::from);
            let alpn = tls
                .and_then(|tls| tls.alpn())
                .map(|name| String::from_utf8_lossy(name).into_owned());
            let server_name = tls.and_then(|tls| tls.server_name()).map(str::to_owned);
            fields.preset("tlsVersion".into(), tls.map_or("", |tls| tls.version()).into());
            fields.preset("tlsCipher".into(), tls.map_or("", |tls| tls.cipher_suite()).into());
            fields.preset("tlsServerName".into(), text(server_name));
            fields.preset("alpn".into(), text(alpn));
        }
    }

    /// Counts the bytes of a request body of unknown length as they pass. A body that can be replayed stays one that can,
    /// and is counted when it has ended.
    fn count(self: &Arc<Self>, request: &mut Request) {
        let body = std::mem::take(request.body_mut());
        let record = Arc::clone(self);
        *request.body_mut() = if body.replay().is_some() {
            body.observe(record, Side::Request)
        } else {
            body.map_data(move |data| {
                record.request_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
                data
            })
        };
    }

    fn fields(&self) -> MutexGuard<'_, Fields> {
        let record = self.outermost.as_deref().unwrap_or(self);
        // Nothing that can panic runs while it is held.
        record.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who ended the exchange: the server at the end of its grace, else the client.
    fn who_cut(&self, now: Instant) -> &'static str {
        let cut = self.facts.server.as_ref().is_some_and(|server| match server.drain_phase() {
            DrainPhase::Running => false,
            DrainPhase::Ended => true,
            DrainPhase::Wait | DrainPhase::Grace => {
                server.is_forced() || server.drain_deadline().is_some_and(|end| now >= end)
            }
        });
        if cut { "shutdown" } else { "client" }
    }

    /// Writes the record, the first time; nothing can be set from here on, unless an outer logger still waits.
    fn write(&self, now: Instant, status: StatusCode, response_bytes: u64, aborted: &'static str) {
        if self.written.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut fields = self.fields();
        if self.outermost.is_none() {
            fields.close();
        }
        if fields.is_disabled() {
            return;
        }
        let facts = &self.facts;
        let head = self.head.get();
        let end = End {
            timestamp: facts.date(),
            status,
            request_bytes: self.request_bytes.load(Ordering::Relaxed),
            response_bytes,
            duration: facts.since(now),
            duration_header: head.map(|head| head.after),
            aborted,
            error: head.and_then(|head| head.error),
            sample_rate: None,
        };
        self.layer.write(facts, &fields, end);
    }
}

impl LogFields for Record {
    fn set(&self, name: Cow<'static, str>, value: LogValue) {
        self.fields().set(name, value);
    }

    fn get(&self, name: &str) -> Option<LogValue> {
        if let Some(value) = self.fields().get(name) {
            return Some(value.clone());
        }
        let (field, look) = (BuiltIn::named(name)?, &self.layer.settings.look);
        let mut scratch = Vec::new();
        match field {
            BuiltIn::RequestBodySize => {
                self.declared.then(|| self.request_bytes.load(Ordering::Relaxed).into())
            }
            BuiltIn::Timestamp => {
                write_rfc3339(&mut scratch, self.facts.date());
                Some(Value::Text(&scratch).to_log_value())
            }
            field => Some(request_value(&self.facts, look, field, &mut scratch)?.to_log_value()),
        }
    }

    fn disable(&self) {
        self.fields().disable();
    }
}

impl BodyObserver for Record {
    fn ended(&self, side: Side, end: BodyEnd<'_>) {
        if side == Side::Request {
            self.request_bytes.store(end.data_bytes, Ordering::Relaxed);
            return;
        }
        let now = Instant::now();
        let head = self.head.get();
        let aborted = match end.outcome {
            Outcome::Complete => "",
            Outcome::Failed(error) => cause(error),
            // Dropped, and whatever may be added.
            _ => self.who_cut(now),
        };
        match head {
            Some(head) if !head.canceled => self.write(now, head.status, end.data_bytes, aborted),
            _ => self.write(now, client_closed_request(), end.data_bytes, "client"),
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Why a response body failed, in a word.
fn cause(error: &BodyError) -> &'static str {
    match error {
        BodyError::Timeout => "timeout",
        BodyError::LengthLimitExceeded => "limit",
        BodyError::Other(_) => "body",
        _ => "upstream",
    }
}

/// 499, nginx's status for a client that left before it was answered.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

fn empty() -> LogValue {
    LogValue::from("")
}

#[cfg(test)]
mod tests {
    use super::Record;

    /// Larger, and glibc takes it from its slow lists: 100 ns a request.
    #[test]
    fn a_record_fits_into_the_fast_lists_of_malloc() {
        let counters = 2 * size_of::<usize>(); // of the `Arc`
        assert!(size_of::<Record>() + counters <= 1032, "{}", size_of::<Record>());
    }
}
