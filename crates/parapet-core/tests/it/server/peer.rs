//! Servers for a raw client to talk to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parapet_core::{Error, Request, Response, Server, ServerHandle, handler_fn};
pub(crate) use parapet_testkit::RawClient as Peer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

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
