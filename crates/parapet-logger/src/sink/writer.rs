//! The thread that writes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::output::Output;
use super::queue::{Batch, Queue};
use super::trouble::{QUIET, Recovery};
use super::{BATCH, CLOSE_WAIT, RETRY, Shared, Writer};

/// Writes until the last handle is gone and all is written, or cannot be.
pub(super) fn run(shared: &Shared) {
    let Some(output) = shared.state().output.take() else { return };
    let mut run =
        Run { shared, output, batch: Batch::default(), cut: false, broken: None, closing: None };
    let mut recovery = Recovery::default();
    loop {
        run.wait();
        let last = shared.is_closing();
        let asked = shared.state().flush_asked;
        let whole = run.round();
        run.settle_flushes(asked, whole);
        recovery.check(&shared.trouble, shared.dropped(), Instant::now());
        // Nobody is left to add a record, so a round that began after the closing saw them all.
        if last {
            break;
        }
    }
    shared.state().writer = Writer::Ended;
    shared.changed.notify_all();
}

struct Run<'a> {
    shared: &'a Shared,
    output: Output,
    /// Taken from a queue; its memory goes back there with the next exchange.
    batch: Batch,
    /// The last write ended within a record.
    cut: bool,
    /// The sink failed; it is not tried again before this instant.
    broken: Option<Instant>,
    /// When the closing was noticed first.
    closing: Option<Instant>,
}

impl Run<'_> {
    /// Sleeps until there is a record, then until enough of them wait or the first has waited long enough.
    fn wait(&self) {
        let shared = self.shared;
        if let Some(until) = self.broken {
            while !shared.is_closing() && park(until.saturating_duration_since(Instant::now())) {}
        }
        while !self.is_wanted() && !self.has_records() {
            shared.asleep.store(true, Ordering::Release);
            // Looked at again, now that whoever adds a record sees that somebody sleeps.
            if self.is_wanted() || self.has_records() {
                break;
            }
            if shared.trouble.is_on() {
                thread::park_timeout(QUIET);
                break;
            }
            thread::park();
        }
        shared.asleep.store(false, Ordering::Release);
        let interval = Duration::from_nanos(shared.flush_interval.load(Ordering::Relaxed));
        let begun = Instant::now();
        let left = || interval.saturating_sub(Instant::now().saturating_duration_since(begun));
        while !self.is_wanted() && !self.has_batch() && park(left()) {}
    }

    /// Somebody waits for a round.
    fn is_wanted(&self) -> bool {
        let state = self.shared.state();
        self.shared.is_closing() || state.flush_asked > state.flush_done
    }

    fn has_records(&self) -> bool {
        self.shared.queues.iter().any(|queue| queue.waiting() > 0)
    }

    fn has_batch(&self) -> bool {
        self.shared.queues.iter().any(|queue| queue.waiting() >= BATCH)
    }

    /// Writes what waits in all queues. `false`: something was lost.
    fn round(&mut self) -> bool {
        let shared = self.shared;
        self.broken = None;
        self.output.refresh(Instant::now());
        for queue in &shared.queues {
            queue.take(&mut self.batch);
            if self.batch.is_empty() {
                continue;
            }
            let settled = self.write_batch(queue);
            queue.settled(self.batch.bytes.len().saturating_sub(settled)); // what was lost
            self.batch.clear();
            if self.broken.is_some() && !shared.is_closing() {
                return false; // what waits in the other queues may still be written later
            }
        }
        if self.broken.is_none()
            && let Err(error) = guarded(|| self.output.flush())
        {
            self.fail(&error, 0);
        }
        self.broken.is_none()
    }

    /// Writes the batch, as many whole records at a time as fit; after an error the rest is lost. Returns for how many
    /// bytes `queue` has room again already.
    fn write_batch(&mut self, queue: &Queue) -> usize {
        let one_each = self.shared.record_per_write.load(Ordering::Relaxed);
        let Batch { bytes, ends } = std::mem::take(&mut self.batch);
        let mut done = 0; // records
        let mut start = 0; // bytes
        while let Some(&first) = ends.get(done) {
            let fit = |end: &&usize| !one_each && end.saturating_sub(start) <= BATCH;
            let more = ends.get(done + 1..).unwrap_or_default().iter().take_while(fit).count();
            let end = ends.get(done + more).copied().unwrap_or(first);
            let chunk = bytes.get(start..end).unwrap_or_default();
            match self.write_all(chunk) {
                Ok(()) => {}
                Err((written, error)) => {
                    let reached = start.saturating_add(written);
                    let whole = ends.iter().take_while(|end| **end <= reached).count();
                    if written > 0 {
                        self.cut = ends.get(whole.wrapping_sub(1)).copied().unwrap_or(0) != reached;
                    }
                    self.count(whole.saturating_sub(done), written);
                    self.fail(&error, ends.len().saturating_sub(whole));
                    break;
                }
            }
            self.count(more + 1, chunk.len());
            queue.settled(chunk.len());
            (done, start) = (done + more + 1, end);
        }
        self.batch = Batch { bytes, ends };
        start
    }

    /// Continues short writes. An error comes with the number of bytes of `chunk` that were written.
    fn write_all(&mut self, chunk: &[u8]) -> Result<(), (usize, io::Error)> {
        let repaired; // a record that was cut is ended first, so that it spoils no other
        let (bytes, added) = if self.cut {
            repaired = [b"\n", chunk].concat();
            (repaired.as_slice(), 1)
        } else {
            (chunk, 0)
        };
        let mut written = 0_usize;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match guarded(|| self.output.write(rest)) {
                Ok(0) => {
                    return Err((written.saturating_sub(added), io::ErrorKind::WriteZero.into()));
                }
                Ok(more) => {
                    written = written.saturating_add(more);
                    self.cut = false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock && !self.is_out_of_time() =>
                {
                    thread::park_timeout(WOULD_BLOCK);
                }
                Err(error) => return Err((written.saturating_sub(added), error)),
            }
        }
        Ok(())
    }

    fn is_out_of_time(&mut self) -> bool {
        if !self.shared.is_closing() {
            return false;
        }
        let now = Instant::now();
        now.saturating_duration_since(*self.closing.get_or_insert(now)) >= CLOSE_WAIT
    }

    fn count(&self, records: usize, bytes: usize) {
        self.shared.written.fetch_add(records as u64, Ordering::Relaxed);
        self.shared.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn fail(&mut self, error: &io::Error, records: usize) {
        tracing::debug!(%error, records, "access log records could not be written");
        self.shared.lost(records as u64);
        self.broken = Instant::now().checked_add(RETRY);
    }

    /// Tells those who asked for a flush before the round began.
    fn settle_flushes(&self, asked: u64, whole: bool) {
        let mut state = self.shared.state();
        if state.flush_done < asked {
            state.flush_done = asked;
            if !whole {
                state.flush_failed = asked;
            }
            drop(state);
            self.shared.changed.notify_all();
        }
    }
}

/// Parks for `time` or until somebody wakes the thread; `false`: there was no time to wait.
fn park(time: Duration) -> bool {
    let waits = !time.is_zero();
    if waits {
        thread::park_timeout(time);
    }
    waits
}

/// A sink of foreign code: a panic in it is an error like any other.
fn guarded<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(write))
        .unwrap_or_else(|_| Err(io::Error::other("the sink panicked")))
}

const WOULD_BLOCK: Duration = Duration::from_millis(10);
