//! What connections cost: the server in a thread of its own, clients that allocate nothing while it is counted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use parapet_core::{ConnState, Handler, Request, Response, Server, ServerHandle, handler_fn};
use parapet_testkit::{Frame, flag, kind, literals, pseudo, setting};
use stats_alloc::Region;

use super::{ALLOCATOR, COUNTING, Ready};

const GET: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: test\r\n\
    Accept: */*\r\nAccept-Encoding: gzip\r\nAccept-Language: en\r\nCookie: a=b\r\nReferer: /\r\n\r\n";

/// A server that runs until it is dropped.
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    pub(super) handle: ServerHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Serving {
    pub(super) fn start(server: Server) -> Self {
        let (sender, receiver) = mpsc::channel();
        let handle = server.handle();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let bound = server.addr("127.0.0.1:0").bind().unwrap();
                sender.send(bound.local_addrs()[0]).unwrap();
                let _ = bound.serve().await;
            });
        });
        Self { address: receiver.recv().unwrap(), handle, thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.shutdown_now();
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// Bytes held since `region` began.
pub(super) fn held(region: &Region<'_, std::alloc::System>) -> i64 {
    let change = region.change();
    let held = i128::try_from(change.bytes_allocated).unwrap()
        - i128::try_from(change.bytes_deallocated).unwrap();
    i64::try_from(held).unwrap()
}

/// One request, its answer without content.
fn ask(stream: &mut TcpStream) {
    stream.write_all(GET).unwrap();
    let mut answer = [0; 512];
    let mut filled = 0;
    while !answer[..filled].ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut answer[filled..]).unwrap();
        assert!(read > 0, "the server closed");
        filled += read;
    }
}

#[test]
fn a_warm_request_through_an_empty_chain_costs_at_most_five_allocations() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Serving::start(Server::frontend().handler(Handler::new(Ready)));
    let mut stream = server.connect();
    let round = |stream: &mut TcpStream| {
        let region = Region::new(ALLOCATOR);
        for _ in 0..200 {
            ask(stream);
        }
        let change = region.change();
        change.allocations + change.reallocations
    };
    round(&mut stream);
    // The runner's own thread can only add.
    let least = (0..10).map(|_| round(&mut stream)).min().unwrap();
    assert!(least <= 5 * 200, "{} a request", least / 200);
}

#[test]
fn an_idle_connection_keeps_at_most_six_kibibytes() {
    const CONNECTIONS: usize = 1000;
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Serving::start(Server::frontend().handler(Handler::new(Ready)));
    let mut streams = Vec::with_capacity(CONNECTIONS);
    let mut first = server.connect();
    ask(&mut first);
    let region = Region::new(ALLOCATOR);
    for _ in 0..CONNECTIONS {
        let mut stream = server.connect();
        ask(&mut stream);
        streams.push(stream);
    }
    // What is measured is what two seconds of silence leave; a request behind them shows that the server saw the time.
    thread::sleep(Duration::from_secs(2));
    ask(&mut first);
    let each = held(&region) / i64::try_from(CONNECTIONS).unwrap();
    assert!(each <= 6 * 1024, "{each} bytes");
}

#[test]
fn the_http2_bomb_stays_under_a_mebibyte_a_connection_and_gives_it_back() {
    const CONNECTIONS: usize = 20;
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let (closed, closes) = mpsc::channel();
    let server = Server::backend()
        .handler(handler_fn(|_: Request| std::future::pending::<Response>()))
        .on_conn_state(move |_, state| {
            if state == ConnState::Closed {
                let _ = closed.send(());
            }
        });
    let server = Serving::start(server);
    drop(bomb(&server, 90));
    closes.recv().unwrap();
    let region = Region::new(ALLOCATOR);
    // Each field one byte on the wire; below and above the number that is answered 431.
    for references in [90, 480] {
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| bomb(&server, references)).collect();
        let each = held(&region) / i64::try_from(CONNECTIONS).unwrap();
        assert!(each < 1024 * 1024, "{references}: {each} bytes a connection");
        drop(clients);
        for _ in 0..CONNECTIONS {
            closes.recv().unwrap();
        }
        let left = held(&region);
        assert!(left < 256 * 1024, "{references}: {left} bytes are left");
    }
}

/// A connection with 200 open streams of that many references into the static table, whose answers have no window.
fn bomb(server: &Serving, references: usize) -> TcpStream {
    let mut stream = server.connect();
    let mut settings = setting::INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
    settings.extend(0_u32.to_be_bytes());
    let mut block = literals(pseudo("GET", "/"));
    block.resize(block.len() + references, 0x80 | 16); // accept-encoding: gzip, deflate
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&Frame::encode(kind::SETTINGS, 0, 0, &settings)).unwrap();
    for number in 0..200 {
        let flags = flag::END_HEADERS | flag::END_STREAM;
        stream.write_all(&Frame::encode(kind::HEADERS, flags, 1 + 2 * number, &block)).unwrap();
    }
    // The server has read all when it answers the ping.
    stream.write_all(&Frame::encode(kind::PING, 0, 0, b"all read")).unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).unwrap();
        if head[3] == kind::PING && payload == b"all read" {
            return stream;
        }
    }
}

/// A head and 10 MiB to the same path and back, 16 KiB at a time; the most that was held meanwhile.
const ECHOED: usize = 10 << 20;
const PIECE: usize = 16 << 10;

fn echoing() -> Server {
    Server::backend().handler(handler_fn(|request: Request| async move {
        let wrap = request.uri().path() == "/wrapped";
        let body = request.into_body();
        Response::new(if wrap { body.map_data(|data| data).keep_length() } else { body })
    }))
}

fn echo_http1(server: &Serving, path: &str, region: &Region<'_, std::alloc::System>) -> i64 {
    let mut stream = server.connect();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {ECHOED}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let (mut buffer, mut most) = ([0; PIECE], 0);
    stream.write_all(&[b'x'; PIECE]).unwrap();
    let mut front = 0;
    while !buffer[..front].ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut buffer[front..=front]).unwrap();
        front += 1;
    }
    for piece in 0..ECHOED / PIECE {
        stream.read_exact(&mut buffer).unwrap();
        most = most.max(held(region));
        if piece + 1 < ECHOED / PIECE {
            stream.write_all(&[b'x'; PIECE]).unwrap();
        }
    }
    most
}

fn echo_http2(server: &Serving, path: &str, region: &Region<'_, std::alloc::System>) -> i64 {
    let mut stream = server.connect();
    let block = literals(pseudo("POST", path));
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&Frame::encode(kind::SETTINGS, 0, 0, &[])).unwrap();
    stream.write_all(&Frame::encode(kind::HEADERS, flag::END_HEADERS, 1, &block)).unwrap();
    let piece = Frame::encode(kind::DATA, 0, 1, &[b'x'; PIECE]);
    let (mut buffer, mut most) = ([0; PIECE], 0);
    for _ in 0..ECHOED / PIECE {
        stream.write_all(&piece).unwrap();
        let mut echoed = 0;
        while echoed < PIECE {
            let mut head = [0; 9];
            stream.read_exact(&mut head).unwrap();
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            stream.read_exact(&mut buffer[..length]).unwrap();
            if head[3] == kind::DATA {
                echoed += length;
                // The same credit for the connection and the stream.
                let credit = u32::try_from(length).unwrap().to_be_bytes();
                for id in [0, 1] {
                    stream.write_all(&Frame::encode(kind::WINDOW_UPDATE, 0, id, &credit)).unwrap();
                }
            }
        }
        most = most.max(held(region));
    }
    most
}

#[test]
fn an_echo_of_ten_mebibytes_keeps_no_more_than_is_on_its_way() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Serving::start(echoing());
    ask_and_close(&server);
    let region = Region::new(ALLOCATOR);
    for path in ["/bare", "/wrapped"] {
        let most = echo_http1(&server, path, &region);
        assert!(most < 256 * 1024, "HTTP/1.1 {path}: {most} bytes");
        let most = echo_http2(&server, path, &region);
        assert!(most < 512 * 1024, "HTTP/2 {path}: {most} bytes");
    }
}

/// What the first connection leaves for ever (the runtime's own) is not counted.
pub(super) fn ask_and_close(server: &Serving) {
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn slow_heads_and_nonsense_keep_little_and_leave_nothing() {
    const SLOW: usize = 1000;
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let (changed, changes) = mpsc::channel();
    let server = Server::backend().handler(Handler::new(Ready)).on_conn_state(move |_, state| {
        let _ = changed.send(state);
    });
    let server = Serving::start(server);
    let wait = |wanted: ConnState, many: usize| {
        for _ in 0..many {
            while changes.recv().unwrap() != wanted {}
        }
    };
    ask_and_close(&server);
    wait(ConnState::Closed, 1);
    let mut clients = Vec::with_capacity(SLOW);
    let region = Region::new(ALLOCATOR);
    for _ in 0..SLOW {
        let mut stream = server.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
        clients.push(stream);
    }
    wait(ConnState::Active, SLOW);
    let each = held(&region) / i64::try_from(SLOW).unwrap();
    assert!(each < 12 * 1024, "{each} bytes a connection");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..24 {
        let mut stream = server.connect();
        for _ in 0..512 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            // The server may have closed already.
            let _ = stream.write_all(&seed.to_be_bytes());
        }
    }
    wait(ConnState::Closed, 24);
    clients.clear();
    wait(ConnState::Closed, SLOW);
    let left = held(&region);
    assert!(left < 256 * 1024, "{left} bytes are left");
    let total = server.handle.stats().total;
    assert_eq!((total.accepted, total.closed, total.open()), (1025, 1025, 0));
}
