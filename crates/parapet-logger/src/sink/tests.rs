use std::io::ErrorKind;
use std::sync::atomic::AtomicU32;
use std::sync::mpsc;

use super::*;

/// A sink whose every write does the next thing of a script, then takes all.
struct Scripted {
    script: Vec<Step>,
    written: Arc<Mutex<Vec<u8>>>,
    /// Told of each write.
    writes: mpsc::Sender<usize>,
}

enum Step {
    Take(usize),
    Fail(ErrorKind),
    Panic,
}

impl io::Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let step =
            if self.script.is_empty() { Step::Take(usize::MAX) } else { self.script.remove(0) };
        let taken = match step {
            Step::Take(most) => bytes.len().min(most),
            Step::Fail(kind) => return Err(kind.into()),
            Step::Panic => panic!("a sink that panics"),
        };
        lock(&self.written).extend_from_slice(&bytes[..taken]);
        let _ = self.writes.send(taken);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn scripted(script: Vec<Step>) -> (Arc<Sink>, Arc<Mutex<Vec<u8>>>, mpsc::Receiver<usize>) {
    let written = Arc::new(Mutex::new(Vec::new()));
    let (writes, told) = mpsc::channel();
    let sink =
        Sink::new(Output::writer(Scripted { script, written: Arc::clone(&written), writes }));
    sink.configure(1 << 20, Duration::from_secs(3600), false);
    (sink, written, told)
}

impl Sink {
    /// As `push`, with bytes.
    fn add(&self, line: &str) {
        let pushed =
            self.0.queue().unwrap().push(1 << 20, |out, _| out.extend_from_slice(line.as_bytes()));
        assert_ne!(pushed, queue::Pushed::Full);
    }

    fn text(written: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(lock(written).clone()).unwrap()
    }
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn short_writes_are_continued_and_interruptions_tried_again() {
    let (sink, written, _told) = scripted(vec![
        Step::Take(3),
        Step::Fail(ErrorKind::Interrupted),
        Step::Take(1),
        Step::Fail(ErrorKind::WouldBlock),
    ]);
    sink.start();
    sink.add("first\n");
    sink.add("second\n");
    assert!(sink.flush(LONG));
    assert_eq!(Sink::text(&written), "first\nsecond\n");
    let stats = sink.stats();
    assert_eq!(
        (stats.written, stats.bytes, stats.dropped_error, stats.queued_bytes),
        (2, 13, 0, 0)
    );
}

#[test]
fn after_an_error_the_rest_of_the_batch_is_lost_and_a_cut_record_is_ended() {
    let (sink, written, _told) = scripted(vec![Step::Take(9), Step::Fail(ErrorKind::StorageFull)]);
    sink.start();
    for line in ["first\n", "second\n", "third\n"] {
        sink.add(line);
    }
    assert!(!sink.flush(LONG)); // something was lost
    sink.add("fourth\n");
    assert!(sink.flush(LONG)); // a second later
    assert_eq!(Sink::text(&written), "first\nsec\nfourth\n");
    let stats = sink.stats();
    assert_eq!((stats.written, stats.dropped_error, stats.queued_bytes), (2, 2, 0));
}

#[test]
fn an_error_between_records_leaves_no_empty_line() {
    let (sink, written, _told) = scripted(vec![Step::Take(6), Step::Fail(ErrorKind::BrokenPipe)]);
    sink.start();
    sink.add("first\n");
    sink.add("second\n");
    assert!(!sink.flush(LONG));
    sink.add("third\n");
    assert!(sink.flush(LONG));
    assert_eq!(Sink::text(&written), "first\nthird\n");
}

#[test]
fn a_sink_that_panics_is_a_sink_that_failed() {
    let (sink, written, _told) = scripted(vec![Step::Panic]);
    sink.start();
    sink.add("lost\n");
    assert!(!sink.flush(LONG));
    sink.add("kept\n");
    assert!(sink.flush(LONG));
    assert_eq!(Sink::text(&written), "kept\n");
    assert_eq!(sink.stats().dropped_error, 1);
}

#[test]
fn a_write_holds_whole_records_up_to_64_kib() {
    let (sink, written, told) = scripted(Vec::new());
    let line = format!("{}\n", "x".repeat(999));
    for _ in 0..200 {
        sink.add(&line);
    }
    sink.start();
    assert!(sink.flush(LONG));
    let writes: Vec<usize> = told.try_iter().collect();
    assert_eq!(writes, [65_000, 65_000, 65_000, 5_000]);
    assert_eq!(lock(&written).len(), 200_000);
}

#[test]
fn each_record_is_a_write_on_demand() {
    let (sink, _written, told) = scripted(Vec::new());
    sink.configure(0, LONG, true);
    for line in ["a\n", "bb\n", "ccc\n"] {
        sink.add(line);
    }
    sink.start();
    assert!(sink.flush(LONG));
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn the_last_handle_waits_until_all_is_written() {
    let (sink, written, _told) = scripted(vec![Step::Take(2)]);
    sink.start();
    let other = Arc::clone(&sink);
    sink.add("first\n");
    drop(sink);
    other.add("second\n");
    drop(other);
    assert_eq!(Sink::text(&written), "first\nsecond\n");
}

#[test]
fn a_writer_that_cannot_be_started_loses_records_and_is_tried_again() {
    static STARTS: AtomicU32 = AtomicU32::new(0);
    let failing: Spawn = |run| {
        if STARTS.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        spawn(run)
    };
    let sink = Sink::with(Output::writer(io::sink()), failing);
    sink.configure(1 << 20, Duration::ZERO, false);
    sink.start();
    assert!(!sink.is_running());
    assert_eq!(STARTS.load(Ordering::Relaxed), 1); // not again within the second
    if let Writer::Idle(not_before) = &mut sink.0.state().writer {
        *not_before = Some(Instant::now());
    }
    assert!(sink.is_running());
    assert_eq!(STARTS.load(Ordering::Relaxed), 2);
}
