use std::borrow::Cow;
use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use parapet_core::{ConnInfo, Handler, LocalReply, Middleware};

use crate::address::Mask;
use crate::builtin::BuiltIn;
use crate::fields::is_name;
use crate::layer::{Layer, Logged};
use crate::query::Query;
use crate::settings::Settings;
use crate::sink::{Output, Sink, Standard};
use crate::{Error, Format, LoggerStats, Summary};

/// A [`Logger`] that writes JSON to standard output and leaves empty fields out.
pub fn stdout() -> Logger {
    Logger::with_sink(Sink::standard(Standard::Out)).omit_empty(true)
}

/// A [`Logger`] that writes JSON to standard error and leaves empty fields out.
pub fn stderr() -> Logger {
    Logger::with_sink(Sink::standard(Standard::Err)).omit_empty(true)
}

/// Writes one record per request that passes it.
///
/// A clone is another handle to the same sink. When the last one is dropped (mounted loggers and requests in progress hold
/// one each), what is queued is written; the drop waits for that at most 1 s.
#[derive(Clone, Debug)]
pub struct Logger {
    settings: Settings,
    sink: Arc<Sink>,
}

impl Logger {
    /// Writes JSON to standard output, empty fields included. All loggers on standard output share one writer.
    pub fn new() -> Self {
        Self::with_sink(Sink::standard(Standard::Out))
    }

    /// Writes to `writer`, on a thread of its own, so it may block. A [`WouldBlock`](io::ErrorKind::WouldBlock) is tried
    /// again after 10 ms; any other error loses what is left of the batch, and writing is tried again a second later.
    pub fn to(writer: impl io::Write + Send + 'static) -> Self {
        Self::with_sink(Sink::new(Output::writer(writer)))
    }

    /// Appends to a file, made with mode 0640. It is opened anew when `path` names another file or none, looked up at most
    /// once a second: log rotation needs no signal.
    ///
    /// # Errors
    /// [`Error::Open`]: the file cannot be opened.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self::with_sink(Sink::new(Output::file(path.into())?)))
    }

    fn with_sink(sink: Arc<Sink>) -> Self {
        Self { settings: Settings::default(), sink }
    }

    /// Whether empty text, zero numbers and null are left out; `false` is not. Default: false, but true for [`stdout`] and
    /// [`stderr`].
    #[must_use]
    pub fn omit_empty(mut self, omit: bool) -> Self {
        self.settings.look.omit_empty = omit;
        self
    }

    /// Form of the records. Default: JSON.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.settings.format = format;
        self
    }

    /// Built-in fields that are not wanted; names of none are ignored. Adds up. Default: none.
    #[must_use]
    pub fn without(mut self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        for field in names.into_iter().filter_map(|name| BuiltIn::named(name.as_ref())) {
            self.settings.look.without.insert(field);
        }
        self
    }

    /// Header fields of the request to log, each under a name; several lines are joined by `, `. Adds up. Default: none.
    ///
    /// # Errors
    /// [`Error::SensitiveHeader`]: `Authorization`, `Proxy-Authorization`, `Cookie`, `Set-Cookie`. [`Error::Value`]: no
    /// name of a field, or one that is decided at the end.
    pub fn request_headers<N>(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, N)>,
    ) -> Result<Self, Error>
    where
        N: Into<Cow<'static, str>>,
    {
        for (header, field) in headers {
            let pair = loggable("request_headers", header, field.into())?;
            self.settings.request_headers.push(pair);
        }
        Ok(self)
    }

    /// Header fields of the response to log, as [`request_headers`](Self::request_headers).
    ///
    /// # Errors
    /// As there.
    pub fn response_headers<N>(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, N)>,
    ) -> Result<Self, Error>
    where
        N: Into<Cow<'static, str>>,
    {
        for (header, field) in headers {
            let pair = loggable("response_headers", header, field.into())?;
            self.settings.response_headers.push(pair);
        }
        Ok(self)
    }

    /// What becomes of the query of `requestUrl` and `referer`. Default: the values of [`Query::DEFAULT_NAMES`] are
    /// redacted.
    #[must_use]
    pub fn query(mut self, query: Query) -> Self {
        self.settings.look.query = query.into();
        self
    }

    /// How many leading bits of IPv4 and IPv6 addresses are kept in `remoteIp`, `realIp` and `forwardedFor`; the others
    /// become zero. Default: 32 and 128, all.
    ///
    /// # Errors
    /// [`Error::Value`]: more than 32 or 128.
    pub fn ip_mask(mut self, v4_bits: u8, v6_bits: u8) -> Result<Self, Error> {
        let Some(mask) = Mask::new(v4_bits, v6_bits) else {
            return Err(value("ip_mask", format!("{v4_bits}, {v6_bits}"), "0 to 32, 0 to 128"));
        };
        self.settings.look.mask = mask;
        Ok(self)
    }

    /// Which exchanges are logged. Called when one has ended; if it panics, the record is kept. Default: all.
    #[must_use]
    pub fn filter(mut self, filter: impl Fn(&Summary<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.settings.filter = Some(Arc::new(filter));
        self
    }

    /// Share of the records with a status below 400 and a good end that are written; all others always are. A record that
    /// was drawn says so by `sampleRate`. Default: 1.
    ///
    /// # Errors
    /// [`Error::Value`]: not from 0 to 1.
    pub fn sample(mut self, rate: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&rate) {
            return Err(value("sample", rate, "0 to 1"));
        }
        self.settings.sample = rate;
        Ok(self)
    }

    /// Whether `tlsVersion`, `tlsCipher`, `tlsServerName` and `alpn` are logged. Default: false.
    #[must_use]
    pub fn tls_fields(mut self, log: bool) -> Self {
        self.settings.tls = log;
        self
    }

    /// Bytes of records that may wait for the sink; a record that does not fit is dropped. Split evenly over the workers,
    /// at least 64 KiB each. Of several loggers on one sink the largest counts. Default: 8 MiB.
    ///
    /// # Errors
    /// [`Error::Value`]: less than 64 KiB.
    pub fn queue_bytes(mut self, bytes: usize) -> Result<Self, Error> {
        if bytes < 64 * 1024 {
            return Err(value("queue_bytes", bytes, "65536 and more"));
        }
        self.settings.queue_bytes = bytes;
        Ok(self)
    }

    /// Longest wait of a record in the queue while the sink keeps up; zero: it is written at once. Of several loggers on
    /// one sink the shortest counts. Default: 100 ms.
    #[must_use]
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.settings.flush_interval = interval;
        self
    }

    /// Whether each record is a `write` of its own, for sinks of datagrams. Default: false.
    #[must_use]
    pub fn record_per_write(mut self, one: bool) -> Self {
        self.settings.record_per_write = one;
        self
    }

    /// Longest text, in bytes as encoded; a longer one is cut at a character and ends with `…`. Default: 8192.
    ///
    /// # Errors
    /// [`Error::Value`]: less than 64.
    pub fn max_value_bytes(mut self, bytes: usize) -> Result<Self, Error> {
        if bytes < 64 {
            return Err(value("max_value_bytes", bytes, "64 and more"));
        }
        self.settings.look.max_value_bytes = bytes;
        Ok(self)
    }

    /// For `Server::on_local_reply`: records of what no middleware sees, since the server answered it before (400, 408,
    /// 431 …). They have status, peer and `error` (`core/` and the kind); what is unknown is empty.
    ///
    /// ```
    /// use parapet_core::Server;
    /// use parapet_logger as logger;
    /// let log = logger::stdout();
    /// let server = Server::new().on_local_reply(log.local_replies()).with(log);
    /// ```
    pub fn local_replies(&self) -> impl Fn(&ConnInfo, &LocalReply) + Send + Sync + use<> {
        let layer = self.mount();
        move |conn, reply| layer.local_reply(conn, reply)
    }

    /// Counts of the sink so far, those of other loggers on it included.
    pub fn stats(&self) -> LoggerStats {
        self.sink.stats()
    }

    /// Blocks until what was queued is written (`true`) or `timeout` has passed or writing failed (`false`). Not for async
    /// workers: before `std::process::exit`, which loses the queue.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.sink.flush(timeout)
    }
}

impl Logger {
    /// Starts the writer, the first time.
    fn mount(&self) -> Arc<Layer> {
        let (settings, sink) = (self.settings.clone(), Arc::clone(&self.sink));
        sink.configure(settings.queue_bytes, settings.flush_interval, settings.record_per_write);
        sink.start();
        Arc::new(Layer { settings, sink })
    }
}

impl Default for Logger {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Logger {
    fn wrap(&self, next: Handler) -> Handler {
        Handler::new(Logged { layer: self.mount(), next })
    }
}

fn loggable(
    setting: &'static str,
    header: HeaderName,
    field: Cow<'static, str>,
) -> Result<(HeaderName, Cow<'static, str>), Error> {
    if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(&header) {
        return Err(Error::SensitiveHeader(header));
    }
    if !is_name(&field) || BuiltIn::named(&field).is_some_and(BuiltIn::is_decided_at_end) {
        let allowed = "a name of 1 to 128 bytes of a field that can be set";
        return Err(value(setting, format!("{field:?}"), allowed));
    }
    Ok((header, field))
}

fn value(setting: &'static str, value: impl Display, allowed: &'static str) -> Error {
    Error::Value { setting, value: value.to_string(), allowed }
}
