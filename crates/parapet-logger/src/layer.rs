use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parapet_core::{Handler, Request, Response, ResponseFuture, Serve};
use pin_project_lite::pin_project;

use crate::record::Record;
use crate::settings::Settings;
use crate::sink::Sink;

/// A mounted logger: what all its records share.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) settings: Settings,
    /// Keeps the writer alive as long as a record may come.
    pub(crate) sink: Arc<Sink>,
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
