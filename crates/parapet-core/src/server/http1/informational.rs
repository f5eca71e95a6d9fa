//! 1xx heads that a handler sends before its answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use http::{HeaderMap, StatusCode};
use parapet_h1::ResponseEncoder;

use super::outbox::Outbox;
use crate::InformationalSink;
use crate::informational::{InformationalError, SendInformational};

/// Heads sent for one request at most.
const MOST: usize = 8;

/// Queue between a handler and the loop of its connection.
#[derive(Debug)]
pub(super) struct Informational(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    heads: Vec<(StatusCode, HeaderMap)>,
    sent: usize,
    closed: bool,
    waker: Waker,
}

impl Informational {
    pub(super) fn new(waker: &Waker) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Queue {
            heads: Vec::new(),
            sent: 0,
            closed: false,
            waker: waker.clone(),
        })))
    }

    pub(super) fn sink(self: &Arc<Self>) -> InformationalSink {
        let sink: Arc<dyn SendInformational> = Arc::clone(self) as _;
        InformationalSink::new(sink)
    }

    /// Nothing more is taken: the final head goes out.
    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }

    pub(super) fn drain(&self, encoder: &mut ResponseEncoder, out: &mut Outbox) {
        let heads =
            std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).heads);
        for (status, headers) in heads {
            // Only statuses that the encoder takes are queued.
            let _ = out.text(|out| encoder.informational(status, &headers, out));
        }
    }
}

impl SendInformational for Informational {
    fn send(&self, status: StatusCode, headers: HeaderMap) -> Result<(), InformationalError> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return Err(InformationalError::TooLate);
        }
        if queue.sent >= MOST {
            return Err(InformationalError::TooMany);
        }
        queue.sent += 1;
        queue.heads.push((status, headers));
        queue.waker.wake_by_ref();
        Ok(())
    }
}
