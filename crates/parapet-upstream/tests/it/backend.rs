use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Builder;
use parapet_core::{Body, BodyError, RequestHead, Response};
use parapet_upstream::{
    Attempt, Balancer, Error, HttpTransport, Picked, RoundTrip, Target, Transport,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A listening origin whose every byte the test writes.
pub(crate) struct Backend {
    listener: TcpListener,
}

/// One connection of it.
pub(crate) struct Conn<S = TcpStream> {
    pub(crate) stream: S,
    pub(crate) read: Vec<u8>,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn host(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    pub(crate) async fn accept(&self) -> Conn {
        let (stream, _) = within(self.listener.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Conn { stream, read: Vec::new() }
    }

    /// Whether a connection waits that nobody accepted.
    pub(crate) async fn has_another(&self) -> bool {
        // What the kernel has accepted is seen by the I/O driver in its next turn.
        tokio::task::yield_now().await;
        !is_pending(&mut Box::pin(self.listener.accept())).await
    }

    /// A client with one transport over this origin.
    pub(crate) fn client(&self, transport: impl Into<Transport>) -> Client {
        Client::new(&self.host(), transport)
    }

    pub(crate) fn http(&self) -> Client {
        self.client(HttpTransport::new())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conn<S> {
    /// Reads one head.
    pub(crate) async fn head(&mut self) -> String {
        self.until(b"\r\n\r\n").await
    }

    /// Reads up to and with `end`.
    pub(crate) async fn until(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let rest = self.read.split_off(at + end.len());
                let head = std::mem::replace(&mut self.read, rest);
                return String::from_utf8(head).unwrap();
            }
            let count = within(self.stream.read_buf(&mut self.read)).await.unwrap();
            assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads a head and answers.
    pub(crate) async fn answer(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let head = self.head().await;
        self.send(bytes).await;
        head
    }

    /// Waits until the proxy has closed; what it sent before.
    pub(crate) async fn closed(mut self) -> Vec<u8> {
        match within(self.stream.read_to_end(&mut self.read)).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
        self.read
    }
}

impl Conn {
    /// Closes with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// An origin in memory, for tests on paused time: what a `dial` function gave the other ends of.
pub(crate) struct Memory {
    dialed: mpsc::UnboundedReceiver<DuplexStream>,
    pub(crate) transport: HttpTransport,
}

impl Memory {
    pub(crate) fn new(transport: HttpTransport) -> Self {
        let (sender, dialed) = mpsc::unbounded_channel();
        let transport = transport.dial(move |_| {
            let (near, far) = tokio::io::duplex(1 << 20);
            let sent = sender.send(far);
            async move { sent.map(|()| near).map_err(|_| io::ErrorKind::ConnectionRefused.into()) }
        });
        Self { dialed, transport }
    }

    pub(crate) async fn accept(&mut self) -> Conn<DuplexStream> {
        Conn { stream: self.dialed.recv().await.unwrap(), read: Vec::new() }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new("origin", self.transport.clone())
    }
}

/// Sends requests to one target, without a proxy around.
#[derive(Clone)]
pub(crate) struct Client(Arc<One>);

struct One(Arc<Target>);

impl Balancer for One {
    fn pick(&self, _: &RequestHead, _: &Attempt) -> Result<Picked, Error> {
        Ok(Picked::new(Arc::clone(&self.0)))
    }
}

impl Client {
    pub(crate) fn new(host: &str, transport: impl Into<Transport>) -> Self {
        Self(Arc::new(One(Arc::new(Target::new(host, transport).unwrap()))))
    }

    pub(crate) async fn get(&self) -> Result<Response, Error> {
        self.send(http::Request::get("/"), Body::empty()).await
    }

    pub(crate) async fn send(&self, request: Builder, body: Body) -> Result<Response, Error> {
        self.attempt(request, body, &Attempt::new()).await
    }

    pub(crate) async fn attempt(
        &self,
        request: Builder,
        body: Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        let (head, ()) = request.header("host", "example.com").body(()).unwrap().into_parts();
        self.0.round_trip(&head, body, at).await
    }

    /// GET, whole answer as text.
    pub(crate) async fn text(&self) -> String {
        text(self.get().await.unwrap()).await.unwrap()
    }
}

pub(crate) async fn text(response: Response) -> Result<String, BodyError> {
    let body = within(response.into_body().collect(1 << 30)).await?;
    Ok(String::from_utf8(body.into_data().to_vec()).unwrap())
}

/// No test waits longer for anything; long enough for paused time to run past every time limit.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(7200), future).await.expect("nothing happened")
}

/// A response with this body and its length.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A body that yields what is sent into it.
pub(crate) fn channel() -> (parapet_core::Sender, Body) {
    Body::channel(1)
}

pub(crate) fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Polls once.
pub(crate) async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
    })
    .await
}
