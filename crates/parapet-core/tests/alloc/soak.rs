//! Clients that mean no good, for a while: what they make the server hold does not grow.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use parapet_core::{ConnState, Handler, Server};
use parapet_testkit::{Frame, kind};
use stats_alloc::Region;

use super::server::{Serving, ask_and_close, held};
use super::{ALLOCATOR, COUNTING, Ready};

/// So many seconds instead of two, for a run by hand.
const SECONDS: &str = "PARAPET_TEST_SECONDS";
const SLOW: usize = 1000;
const WILD: u64 = 24;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What all clients share.
#[derive(Clone, Copy)]
struct Attack<'a> {
    address: SocketAddr,
    made: &'a AtomicUsize,
    over: &'a AtomicBool,
}

impl Attack<'_> {
    fn connect(self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        self.made.fetch_add(1, Ordering::SeqCst);
        stream
    }

    fn goes_on(self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }

    /// Random bytes, alone, behind what begins a request, and behind what begins HTTP/2.
    fn wild(self, mut seed: u64) {
        let settings = Frame::encode(kind::SETTINGS, 0, 0, &[]);
        let begins: [&[&[u8]]; 4] = [
            &[],
            &[b"GET / HTTP/1.1\r\nHost: a\r\n"],
            &[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"],
            &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings],
        ];
        while self.goes_on() {
            for begin in begins {
                let mut stream = self.connect();
                let mut bytes = [0; 4096];
                for byte in &mut bytes {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    *byte = seed.to_be_bytes()[0];
                }
                // The server may have closed already, at any of these.
                for part in begin.iter().copied().chain([&bytes[..]]) {
                    let _ = stream.write_all(part);
                }
                let _ = stream.shutdown(Shutdown::Write);
                while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
            }
        }
    }

    fn begin_head(self) -> TcpStream {
        let mut stream = self.connect();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHo");
        stream
    }

    /// A byte now and then to each, and a new one in the place of each that was closed.
    fn slow(self, streams: &mut [TcpStream]) {
        while self.goes_on() {
            for stream in &mut *streams {
                if stream.write_all(b"s").is_err() {
                    *stream = self.begin_head();
                }
            }
            thread::sleep(LOOK);
        }
    }
}

#[test]
fn random_bytes_and_slow_heads_do_not_make_memory_grow() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let closed = Arc::new((Mutex::new(0), Condvar::new()));
    let told = Arc::clone(&closed);
    let server = Server::backend()
        .read_header_timeout(Duration::from_secs(1))
        .handler(Handler::new(Ready))
        .on_conn_state(move |_, state| {
            if state == ConnState::Closed {
                *told.0.lock().unwrap() += 1;
                told.1.notify_all();
            }
        });
    let server = Serving::start(server);
    let all_closed = |made: usize| {
        let (count, changed) = &*closed;
        let count = count.lock().unwrap();
        let long = Duration::from_secs(30);
        let (count, _) = changed.wait_timeout_while(count, long, |count| *count < made).unwrap();
        assert_eq!(*count, made);
    };
    ask_and_close(&server);
    all_closed(1);
    let (made, over) = (AtomicUsize::new(1), AtomicBool::new(false));
    let attack = Attack { address: server.address, made: &made, over: &over };
    let mut streams = Vec::with_capacity(SLOW);
    let region = Region::new(ALLOCATOR);
    streams.extend((0..SLOW).map(|_| attack.begin_head()));
    let looks = Duration::from_secs(seconds).as_millis() / LOOK.as_millis();
    let mut most = [0, 0];
    thread::scope(|scope| {
        for number in 1..=WILD {
            scope.spawn(move || attack.wild(0x2545_f491_4f6c_dd1d_u64.wrapping_mul(number)));
        }
        let streams = &mut streams;
        scope.spawn(move || attack.slow(streams));
        for look in 0..looks {
            thread::sleep(LOOK);
            let half = &mut most[usize::from(look >= looks / 2)];
            *half = held(&region).max(*half);
        }
        over.store(true, Ordering::SeqCst);
    });
    drop(streams);
    let made = made.load(Ordering::SeqCst);
    all_closed(made);
    let left = held(&region);
    let total = server.handle.stats().total;
    println!(
        "{made} connections, at most {most:?} bytes in each half, {left} at the end: {total:?}"
    );
    let bound = i64::try_from(SLOW + 4 * usize::try_from(WILD).unwrap()).unwrap() * 12 * 1024;
    assert!(most[0] < bound && most[1] < bound, "{most:?} of {bound}");
    assert!(most[1] < most[0] + most[0] / 4, "it grows: {most:?}");
    assert!(left < 256 * 1024, "{left} bytes are left");
    assert_eq!((total.accepted, total.closed, total.open()), (made as u64, made as u64, 0));
    assert_eq!(total.new + total.active + total.idle + total.upgraded, 0);
}
