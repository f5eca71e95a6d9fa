use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
use parapet_logger::{Logger, LoggerStats};
use tokio::time::Instant;

use crate::support::{LONG, Memory, get, records};

/// Answers at once.
struct Ready;

impl Serve for Ready {
    fn serve(&self, _: Request) -> ResponseFuture {
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

fn requests(handler: &Handler, number: usize) {
    for _ in 0..number {
        // An empty body has ended when it is looked at.
        assert!(handler.serve(get("http://example.com/a")).into_ready().is_ok());
    }
}

fn mounted(logger: &Logger) -> Handler {
    logger.wrap(Handler::new(Ready))
}

/// Waits until the stats are as wanted; the sink's thread decides when.
fn wait_for(logger: &Logger, wanted: impl Fn(&LoggerStats) -> bool) -> LoggerStats {
    let begun = Instant::now();
    loop {
        let stats = logger.stats();
        if wanted(&stats) {
            return stats;
        }
        assert!(Instant::now() - begun < LONG, "{stats:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_pipe_that_nobody_reads_delays_no_request() {
    let (mut reader, writer) = io::pipe().unwrap();
    let logger = Logger::to(writer).flush_interval(Duration::ZERO);
    let handler = mounted(&logger);
    requests(&handler, 100_000); // would never end if one waited
    let stats = logger.stats();
    assert!(stats.dropped_full > 0 && stats.queued_bytes <= 8 << 20, "{stats:?}");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    assert!(logger.flush(LONG));
    let stats = logger.stats();
    assert_eq!(stats.written + stats.dropped_full, 100_000);
    assert_eq!((stats.dropped_error, stats.queued_bytes), (0, 0));
    drop((handler, logger));
    let text = reading.join().unwrap();
    assert_eq!(records(&text).len() as u64, stats.written);
    assert_eq!(text.len() as u64, stats.bytes);
}

#[test]
fn a_full_disk_loses_records_and_no_request() {
    let logger = Logger::file("/dev/full").unwrap().flush_interval(Duration::ZERO);
    let handler = mounted(&logger);
    for lost in [10, 20] {
        requests(&handler, 10);
        wait_for(&logger, |stats| stats.dropped_error == lost && stats.queued_bytes == 0);
    }
    let stats = logger.stats();
    assert_eq!((stats.written, stats.bytes), (0, 0));
}

/// Fails its first two writes, a second apart, the first of them within a record.
struct Recovering {
    memory: Memory,
    writes: u32,
}

impl io::Write for Recovering {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        match self.writes {
            1 => self.memory.write(&bytes[..bytes.len().min(100)]),
            2 | 3 => Err(io::ErrorKind::StorageFull.into()),
            _ => self.memory.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_has_room_again_holds_no_half_line_but_the_first() {
    let memory = Memory::default();
    let logger = Logger::to(Recovering { memory: memory.clone(), writes: 0 });
    let handler = mounted(&logger);
    for lost in [5, 10] {
        requests(&handler, 5);
        wait_for(&logger, |stats| stats.dropped_error == lost);
    }
    requests(&handler, 5);
    assert!(logger.flush(LONG));
    let text = memory.text();
    let (cut, rest) = text.split_once('\n').unwrap();
    assert_eq!(cut.len(), 100);
    assert_eq!(records(rest).len(), 5);
}

#[test]
fn a_file_that_is_renamed_under_load_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let logger = Logger::file(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777 & !0o640, 0);
    let handler = mounted(&logger);
    let mut sent = 0;
    let mut send = |number| {
        requests(&handler, number);
        sent += number;
        sent
    };
    send(1000);
    assert!(logger.flush(LONG));
    std::fs::rename(&path, &old).unwrap();
    let renamed = Instant::now();
    while !path.exists() {
        send(10);
        assert!(logger.flush(LONG));
        assert!(Instant::now() - renamed < Duration::from_secs(5), "the new file did not appear");
    }
    let sent = send(1000);
    assert!(logger.flush(LONG));
    let lines = |path| records(&std::fs::read_to_string(path).unwrap()).len();
    assert!(lines(&path) >= 1000 && lines(&old) >= 1000);
    assert_eq!(lines(&path) + lines(&old), sent);
}

#[test]
fn the_old_file_stays_in_use_if_the_new_one_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs").join("access.log");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    let logger = Logger::file(&path).unwrap();
    let moved = folder.path().join("moved");
    std::fs::rename(path.parent().unwrap(), &moved).unwrap(); // the folder is gone as well
    requests(&mounted(&logger), 10);
    assert!(logger.flush(LONG));
    let text = std::fs::read_to_string(moved.join("access.log")).unwrap();
    assert_eq!(records(&text).len(), 10);
}

#[test]
fn a_shutdown_under_load_loses_nothing() {
    let memory = Memory::default();
    let handler = mounted(&Logger::to(memory.clone()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let handler = handler.clone();
            scope.spawn(move || requests(&handler, 1000));
        }
    });
    drop(handler);
    assert_eq!(records(&memory.text()).len(), 4000);
}

#[test]
fn records_of_one_thread_keep_their_order() {
    let memory = Memory::default();
    let logger = Logger::to(memory.clone()).flush_interval(Duration::ZERO);
    let handler = mounted(&logger);
    for number in 0..5000 {
        assert!(handler.serve(get(&format!("/{number}"))).into_ready().is_ok());
    }
    assert!(logger.flush(LONG));
    let urls = records(&memory.text()).into_iter().map(|record| record["requestUrl"].clone());
    assert!(urls.eq((0..5000).map(|number| format!("http:///{number}"))));
}

#[test]
fn a_record_is_written_within_the_flush_interval_without_being_asked_for() {
    let memory = Memory::default();
    let logger = Logger::to(memory.clone());
    let handler = mounted(&logger);
    requests(&handler, 1);
    wait_for(&logger, |stats| stats.written == 1);
    requests(&handler, 1); // the writer slept in between
    wait_for(&logger, |stats| stats.written == 2);
    assert_eq!(records(&memory.text()).len(), 2);
}

#[test]
fn a_flush_that_takes_too_long_says_so() {
    let (reader, writer) = io::pipe().unwrap();
    let logger = Logger::to(writer);
    let handler = mounted(&logger);
    requests(&handler, 1000); // more than a pipe holds
    assert!(!logger.flush(Duration::from_millis(10)));
    drop(reader); // lets the writer go
}

#[test]
fn without_a_mounted_logger_there_is_nothing_to_flush() {
    assert!(Logger::to(io::sink()).flush(Duration::ZERO));
}
