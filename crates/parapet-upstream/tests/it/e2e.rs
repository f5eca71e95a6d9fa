//! A proxy on a real socket: raw bytes of a client on one side, of an origin on the other.

mod connections;
mod exchanges;
#[cfg(feature = "http2")]
mod extended_connect;
mod leaving;
mod reuse;
mod streams;
mod tunnels;
mod uploads;

use std::net::SocketAddr;

use parapet_core::{Error, Server, ServerHandle, handler_fn};
use parapet_upstream::{HttpTransport, Transport, Upstream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::backend::{Backend, Conn};

/// A server whose chain ends in an [`Upstream`].
struct Proxy {
    address: SocketAddr,
    handle: ServerHandle,
    ended: JoinHandle<Result<(), Error>>,
}

impl Proxy {
    async fn start(server: Server, upstream: Upstream) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.with(upstream).handler(handler_fn(|_| async { "never asked" }));
        let handle = server.handle();
        Self { address, handle, ended: tokio::spawn(server.serve(listener)) }
    }

    /// With the defaults of a server and of an HTTP/1.1 transport.
    async fn http(backend: &Backend) -> Self {
        Self::start(Server::new(), to(backend, HttpTransport::new())).await
    }

    async fn connect(&self) -> Conn {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Conn { stream, read: Vec::new() }
    }
}

fn to(backend: &Backend, transport: impl Into<Transport>) -> Upstream {
    Upstream::single_host(&backend.host(), transport).unwrap()
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const CHUNKED_POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
