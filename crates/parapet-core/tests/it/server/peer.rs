//! A raw client, and a server for it to talk to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parapet_core::{Error, Request, Response, Server, ServerHandle, handler_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longest wait for anything; a test that comes near it has failed.
const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
    pub(crate) ended: JoinHandle<Result<(), Error>>,
}

/// Serves `server` on a free port of loopback.
pub(crate) async fn serve(server: Server) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handle = server.handle();
    let ended = tokio::spawn(server.serve(listener));
    Serving { address, handle, ended }
}

/// A server whose handler counts its calls and answers with the method, the target and the request's body.
pub(crate) async fn counting(server: Server) -> (Serving, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let handler = handler_fn(move |request: Request| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let body = request.into_body().collect(1 << 20).await?;
            let text = format!("{line} {}", String::from_utf8_lossy(body.data()));
            Ok::<_, parapet_core::BodyError>(Response::new(text.into()))
        }
    });
    (serve(server.handler(handler)).await, calls)
}

/// One connection.
pub(crate) struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A response as it stood on the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends as far as the server takes it: it may close before it has read everything.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Reads one response; `head_only` for the answer to a HEAD request.
    pub(crate) async fn answer_to(&mut self, head_only: bool) -> Answer {
        let end = self.read_until(b"\r\n\r\n").await;
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let bodiless = head_only || matches!(status, 100..200 | 204 | 304);
        if bodiless {
            return answer;
        }
        if answer.field("transfer-encoding") == Some("chunked") {
            loop {
                let end = self.read_until(b"\r\n").await;
                let line: Vec<u8> = self.read.drain(..end).collect();
                let digits = std::str::from_utf8(&line[..line.len() - 2]).unwrap();
                let size = usize::from_str_radix(digits, 16).unwrap();
                let chunk = self.take(size + 2).await;
                assert_eq!(&chunk[size..], b"\r\n");
                answer.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    return answer;
                }
            }
        }
        match answer.field("content-length") {
            Some(length) => answer.body = self.take(length.parse().unwrap()).await,
            None => answer.body = self.rest().await,
        }
        answer
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to(false).await
    }

    /// Everything until the server closes. A reset counts as the end.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Exactly so many bytes.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            assert!(self.more().await, "the server closed after {text:?}");
        }
        self.read.drain(..length).collect()
    }

    async fn read_until(&mut self, end: &[u8]) -> usize {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                return at + end.len();
            }
            let text = String::from_utf8_lossy(&self.read).into_owned();
            assert!(self.more().await, "the server closed after {text:?}");
        }
    }

    async fn more(&mut self) -> bool {
        let read = timeout(LONG, self.stream.read_buf(&mut self.read)).await;
        matches!(read.expect("an answer in time"), Ok(1..))
    }
}
