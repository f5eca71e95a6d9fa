use std::sync::{Mutex, MutexGuard};

use super::{BATCH, lock};

/// Encoded records of one worker that wait to be written. On cache lines of its own, so that workers do not disturb each
/// other.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Queue(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    waiting: Batch,
    /// Bytes that the writer has taken and not yet written: they count as waiting, else a stuck sink would let the queue
    /// grow to twice its bound.
    taken: usize,
    dropped: u64,
    /// For values that are put together while a record is encoded; kept so that it allocates once.
    scratch: Vec<u8>,
}

/// Whole records.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// Where each record ends.
    pub(super) ends: Vec<usize>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It is the first in its queue: the writer may be asleep.
    First,
    /// There are others before it.
    Behind,
    /// With it, a full batch waits.
    BatchComplete,
    /// It did not fit and is lost.
    Full,
}

impl Queue {
    /// Adds the record that `encode` appends, if it fits into `limit` bytes. `encode` must not panic.
    pub(super) fn push(
        &self,
        limit: usize,
        encode: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>),
    ) -> Pushed {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let Batch { bytes, ends } = &mut inner.waiting;
        let before = bytes.len();
        let room = limit.saturating_sub(inner.taken);
        // A full queue costs no encoding.
        if before < room {
            encode(bytes, &mut inner.scratch);
        }
        let after = bytes.len();
        if before >= room || after > room {
            bytes.truncate(before);
            inner.dropped += 1;
            return Pushed::Full;
        }
        ends.push(after);
        if before < BATCH && after >= BATCH {
            Pushed::BatchComplete
        } else if before == 0 {
            Pushed::First
        } else {
            Pushed::Behind
        }
    }

    /// Exchanges what waits for the empty `batch`.
    pub(super) fn take(&self, batch: &mut Batch) {
        let mut inner = self.lock();
        std::mem::swap(&mut inner.waiting, batch);
        inner.taken = inner.taken.saturating_add(batch.bytes.len());
    }

    /// So many of the bytes that were taken are written, or lost.
    pub(super) fn settled(&self, bytes: usize) {
        let mut inner = self.lock();
        inner.taken = inner.taken.saturating_sub(bytes);
    }

    /// Bytes that are not yet written.
    pub(super) fn waiting(&self) -> usize {
        let inner = self.lock();
        inner.waiting.bytes.len().saturating_add(inner.taken)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Empties it; memory beyond what a quiet day needs is given back.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.bytes.shrink_to(4 * BATCH);
        self.ends.shrink_to(BATCH / 16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Queue, limit: usize, length: usize) -> Pushed {
        queue.push(limit, |out, _| out.resize(out.len() + length, b'x'))
    }

    #[test]
    fn the_newest_record_is_lost_when_the_queue_is_full() {
        let queue = Queue::default();
        assert_eq!(push(&queue, 100, 60), Pushed::First);
        assert_eq!(push(&queue, 100, 41), Pushed::Full);
        assert_eq!(push(&queue, 100, 40), Pushed::Behind);
        assert_eq!(push(&queue, 100, 1), Pushed::Full);
        assert_eq!((queue.waiting(), queue.dropped()), (100, 2));
    }

    #[test]
    fn what_the_writer_took_counts_until_it_is_settled() {
        let queue = Queue::default();
        let mut batch = Batch::default();
        push(&queue, 100, 60);
        queue.take(&mut batch);
        assert_eq!((batch.bytes.len(), batch.ends.as_slice()), (60, &[60][..]));
        assert_eq!(push(&queue, 100, 41), Pushed::Full);
        queue.settled(50);
        assert_eq!(push(&queue, 100, 41), Pushed::First);
        assert_eq!(queue.waiting(), 51);
    }

    #[test]
    fn the_writer_is_woken_once_a_batch() {
        let queue = Queue::default();
        let woken =
            (0..200).filter(|_| push(&queue, usize::MAX, 1000) == Pushed::BatchComplete).count();
        assert_eq!(woken, 1);
    }
}
