use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parapet_core::{ConnInfo, Handler, LocalReply, Request, Response, ResponseFuture, Serve};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::RecordView;
use crate::encode::encode;
use crate::facts::Facts;
use crate::fields::Fields;
use crate::record::Record;
use crate::settings::Settings;
use crate::sink::Sink;
use crate::summary::End;

/// A mounted logger: what all its records share.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) settings: Settings,
    /// Keeps the writer alive as long as a record may come.
    pub(crate) sink: Arc<Sink>,
}

impl Layer {
    /// Writes a record, if it is one of those that are wanted.
    pub(crate) fn write(&self, facts: &Facts, fields: &Fields, mut end: End) {
        let settings = &self.settings;
        if settings.sample < 1.0 && end.status.as_u16() < 400 && end.aborted.is_empty() {
            if fastrand::f64() >= settings.sample {
                return;
            }
            end.sample_rate = Some(settings.sample);
        }
        let view = RecordView { look: &settings.look, facts, fields, end: &end };
        if let Some(filter) = &settings.filter {
            let summary = view.summary();
            // A filter that panics says nothing about the record: it is kept.
            if !catch_unwind(AssertUnwindSafe(|| filter(&summary))).unwrap_or(true) {
                return;
            }
        }
        self.sink.push(&settings.format, &view, encode);
    }

    /// Writes a record of what the server answered before any handler ran.
    pub(crate) fn local_reply(&self, conn: &ConnInfo, reply: &LocalReply) {
        let now = Instant::now();
        let facts = Facts::unknown(conn, reply.received_at);
        let duration = facts.since(now);
        let end = End {
            timestamp: facts.date(),
            status: reply.status,
            request_bytes: 0,
            response_bytes: 0,
            duration,
            duration_header: Some(duration),
            aborted: "",
            error: Some(("core", reply.kind)),
            sample_rate: None,
        };
        self.write(&facts, &Fields::default(), end);
    }
}

/// Serves through a logger.
pub(crate) struct Logged {
    pub(crate) layer: Arc<Layer>,
    pub(crate) next: Handler,
}

impl Serve for Logged {
    fn serve(&self, mut request: Request) -> ResponseFuture {
        let mut exchange = Exchange::open(Record::open(&self.layer, &mut request));
        let answer = exchange.watch(|| self.next.serve(request));
        match answer.into_ready() {
            Ok(response) => ResponseFuture::ready(exchange.answered(response)),
            Err(answer) => ResponseFuture::new(Answer { answer, exchange }),
        }
    }
}

pin_project! {
    /// Dropping it before it is ready writes the record: the client has gone.
    struct Answer {
        // Dropped first: what the layers within set while they are cancelled is still in the record.
        #[pin]
        answer: ResponseFuture,
        exchange: Exchange,
    }
}

impl Future for Answer {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = self.project();
        let response = ready!(this.exchange.watch(|| this.answer.poll(cx)));
        Poll::Ready(this.exchange.answered(response))
    }
}

/// An exchange before its answer. Dropped without one, it writes the record.
struct Exchange {
    /// `None`: answered; the response's body has it.
    record: Option<Arc<Record>>,
    /// Code within is running; still so at the drop means that it panicked. The server catches the panic before it drops
    /// the future, so `thread::panicking` would not tell.
    within: bool,
}

impl Exchange {
    fn open(record: Arc<Record>) -> Self {
        Self { record: Some(record), within: false }
    }

    fn watch<T>(&mut self, run: impl FnOnce() -> T) -> T {
        self.within = true;
        let value = run();
        self.within = false;
        value
    }

    fn answered(&mut self, response: Response) -> Response {
        match self.record.take() {
            Some(record) => record.answered(response),
            None => response,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(record) = &self.record {
            record.unanswered(self.within);
        }
    }
}

impl fmt::Debug for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logged").field("layer", &self.layer).field("next", &self.next).finish()
    }
}
