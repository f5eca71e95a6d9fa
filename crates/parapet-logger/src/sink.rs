//! Where records go: a bounded queue per worker, and one thread that writes.

mod output;
mod queue;
mod trouble;
mod writer;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Thread;
use std::time::Duration;
use std::{io, thread};

use parapet_core::worker;
use tokio::time::Instant;

pub(crate) use self::output::Output;
use self::queue::Queue;
use self::trouble::Trouble;
use crate::{Format, LoggerStats, RecordView};

/// Handle of a sink. The last one to go closes it, and waits at most [`CLOSE_WAIT`] for what is queued to be written.
pub(crate) struct Sink(Arc<Shared>);

/// A standard stream of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    Out,
    Err,
}

/// What the handles and the writer share.
struct Shared {
    /// One for each worker, then one for all other threads.
    queues: Box<[Queue]>,
    /// Bytes that may wait in one queue; 0 until a logger is mounted.
    queue_limit: AtomicUsize,
    /// In nanoseconds.
    flush_interval: AtomicU64,
    record_per_write: AtomicBool,
    /// The writer sleeps until somebody wakes it. Set by the writer only, before it looks at all queues once more: who adds
    /// to a queue afterwards sees it, by the lock of the queue.
    asleep: AtomicBool,
    /// The writer was started.
    running: AtomicBool,
    /// The last handle is gone.
    closing: AtomicBool,
    state: Mutex<State>,
    /// Rung when `state` changes.
    changed: Condvar,
    /// Written by the writer only.
    written: AtomicU64,
    /// Written by the writer only.
    bytes: AtomicU64,
    dropped_error: AtomicU64,
    trouble: Trouble,
    spawn: Spawn,
}

/// Starts a thread; the system's way but in tests.
type Spawn = fn(Box<dyn FnOnce() + Send>) -> io::Result<Thread>;

struct State {
    /// Taken by the writer when it starts.
    output: Option<Output>,
    writer: Writer,
    /// Number of the last flush that was asked for, and of the last that is done.
    flush_asked: u64,
    flush_done: u64,
    flush_failed: u64,
}

/// The thread: idle → running → ended; a start that fails is tried again.
enum Writer {
    /// Not started, and not before this instant.
    Idle(Option<Instant>),
    Running(Thread),
    Ended,
}

impl Sink {
    pub(crate) fn new(output: Output) -> Arc<Self> {
        Self::with(output, spawn)
    }

    /// The one sink of a standard stream, as long as a handle to it is held.
    pub(crate) fn standard(stream: Standard) -> Arc<Self> {
        static OUT: Mutex<Weak<Sink>> = Mutex::new(Weak::new());
        static ERR: Mutex<Weak<Sink>> = Mutex::new(Weak::new());
        let mut shared = lock(match stream {
            Standard::Out => &OUT,
            Standard::Err => &ERR,
        });
        shared.upgrade().unwrap_or_else(|| {
            let sink = Self::new(Output::standard(stream));
            *shared = Arc::downgrade(&sink);
            sink
        })
    }

    fn with(output: Output, spawn: Spawn) -> Arc<Self> {
        Arc::new(Self(Arc::new(Shared {
            queues: (0..=worker::count()).map(|_| Queue::default()).collect(),
            queue_limit: AtomicUsize::new(0),
            flush_interval: AtomicU64::new(u64::MAX),
            record_per_write: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            running: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            state: Mutex::new(State {
                output: Some(output),
                writer: Writer::Idle(None),
                flush_asked: 0,
                flush_done: 0,
                flush_failed: 0,
            }),
            changed: Condvar::new(),
            written: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            dropped_error: AtomicU64::new(0),
            trouble: Trouble::default(),
            spawn,
        })))
    }

    /// Of several loggers the largest queue and the shortest interval count, and a wish for one record a write.
    pub(crate) fn configure(&self, queue_bytes: usize, interval: Duration, record_per_write: bool) {
        let shared = &self.0;
        let workers = shared.queues.len().saturating_sub(1).max(1);
        shared.queue_limit.fetch_max((queue_bytes / workers).max(BATCH), Ordering::Relaxed);
        let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        shared.flush_interval.fetch_min(nanos, Ordering::Relaxed);
        shared.record_per_write.fetch_or(record_per_write, Ordering::Relaxed);
    }

    /// Starts the writer if it does not run; a failure is tried again when a record comes a second later.
    pub(crate) fn start(&self) {
        let now = Instant::now();
        let mut state = self.0.state();
        let Writer::Idle(not_before) = state.writer else { return };
        if not_before.is_some_and(|not_before| now < not_before) {
            return;
        }
        let shared = Arc::clone(&self.0);
        match (self.0.spawn)(Box::new(move || writer::run(&shared))) {
            Ok(thread) => {
                state.writer = Writer::Running(thread);
                self.0.running.store(true, Ordering::Release);
            }
            Err(error) => {
                state.writer = Writer::Idle(now.checked_add(RETRY));
                drop(state);
                tracing::error!(%error, "the writer of the access log cannot be started: records are lost");
            }
        }
    }

    /// Encodes `record` into the queue of this thread.
    pub(crate) fn push(
        &self,
        format: &Format,
        record: &RecordView<'_>,
        encode: fn(&Format, &RecordView<'_>, &mut Vec<u8>, &mut Vec<u8>),
    ) {
        let shared = &*self.0;
        if !self.is_running() {
            shared.dropped_error.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Some(queue) = shared.queue() else { return };
        let limit = shared.queue_limit.load(Ordering::Relaxed);
        let pushed = if let Format::Custom(_) = format {
            // Foreign code: not under the lock, and a panic in it loses this record alone.
            let made = catch_unwind(AssertUnwindSafe(|| {
                let mut line = Vec::new();
                encode(format, record, &mut line, &mut Vec::new());
                line
            }));
            let Ok(line) = made else {
                shared.lost(1);
                return;
            };
            queue.push(limit, |out, _| out.extend_from_slice(&line))
        } else {
            queue.push(limit, |out, scratch| encode(format, record, out, scratch))
        };
        match pushed {
            queue::Pushed::Full => shared.trouble.begin(),
            queue::Pushed::Behind => {}
            queue::Pushed::First => {
                if shared.asleep.load(Ordering::Relaxed)
                    && shared.asleep.swap(false, Ordering::AcqRel)
                {
                    shared.wake();
                }
            }
            queue::Pushed::BatchComplete => shared.wake(),
        }
    }

    pub(crate) fn stats(&self) -> LoggerStats {
        let shared = &*self.0;
        let (mut dropped_full, mut queued_bytes) = (0, 0);
        for queue in &shared.queues {
            dropped_full += queue.dropped();
            queued_bytes += queue.waiting() as u64;
        }
        LoggerStats {
            written: shared.written.load(Ordering::Relaxed),
            dropped_full,
            dropped_error: shared.dropped_error.load(Ordering::Relaxed),
            bytes: shared.bytes.load(Ordering::Relaxed),
            queued_bytes,
        }
    }

    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let shared = &*self.0;
        let mut state = shared.state();
        let Writer::Running(thread) = &state.writer else {
            return shared.queues.iter().all(|queue| queue.waiting() == 0);
        };
        thread.unpark();
        state.flush_asked += 1;
        let mine = state.flush_asked;
        let (state, _) = shared
            .changed
            .wait_timeout_while(state, timeout, |state| {
                state.flush_done < mine && !state.writer.has_ended()
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.flush_done >= mine && state.flush_failed < mine
    }

    /// Whether the writer runs; one that could not be started is tried again.
    fn is_running(&self) -> bool {
        if !self.0.running.load(Ordering::Acquire) {
            self.start();
        }
        self.0.running.load(Ordering::Acquire)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let shared = &*self.0;
        shared.closing.store(true, Ordering::Release);
        let state = shared.state();
        let Writer::Running(thread) = &state.writer else { return };
        thread.unpark();
        if thread.id() == thread::current().id() {
            return; // the sink's own code held the last handle
        }
        let _state = shared
            .changed
            .wait_timeout_while(state, CLOSE_WAIT, |state| !state.writer.has_ended())
            .unwrap_or_else(PoisonError::into_inner);
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Shared {
    /// The queue of this thread.
    fn queue(&self) -> Option<&Queue> {
        let others = self.queues.len().saturating_sub(1);
        // A server may be set up with more workers than there were when this sink was made: two then share a queue.
        let at = worker::index().map_or(others, |index| index % others.max(1));
        self.queues.get(at)
    }

    fn wake(&self) {
        if let Writer::Running(thread) = &self.state().writer {
            thread.unpark();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Records were lost to an error.
    fn lost(&self, records: u64) {
        self.dropped_error.fetch_add(records, Ordering::Relaxed);
        self.trouble.begin();
    }

    fn dropped(&self) -> u64 {
        let full: u64 = self.queues.iter().map(Queue::dropped).sum();
        full.saturating_add(self.dropped_error.load(Ordering::Relaxed))
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}

impl Writer {
    fn has_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }
}

fn spawn(run: Box<dyn FnOnce() + Send>) -> io::Result<Thread> {
    let handle = thread::Builder::new().name("parapet-logger".into()).spawn(run)?;
    Ok(handle.thread().clone())
}

/// A panic while one of these locks is held leaves nothing half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of whole records that one `write` holds at most, unless one record is larger.
const BATCH: usize = 64 * 1024;
/// Between two tries of a sink that failed.
const RETRY: Duration = Duration::from_secs(1);
/// How long the drop of the last handle waits.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
