use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use parapet_core::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::Handle;
use super::Http2Settings;
use super::settled::Settling;
use crate::io::Io;
use crate::pool::Lease;
use crate::{ConnectErrorKind, Error};

/// Begins HTTP/2 on `io` (RFC 9113 §3.3, prior knowledge or ALPN) and starts the driver.
///
/// # Errors
/// [`Error::Connect`]: the preface could not be sent, or there is no runtime for the driver.
pub(crate) async fn handshake(
    io: Io,
    settings: &Http2Settings,
    lease: Lease,
) -> Result<Arc<Handle>, Error> {
    let failed = |error| Error::connect(ConnectErrorKind::Other, error);
    let (spawner, streams) = mpsc::unbounded_channel();
    let mut builder = hyper::client::conn::http2::Builder::new(InDriver(spawner));
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .max_header_list_size(settings.max_header_list)
        .keep_alive_interval(settings.ping_interval)
        .keep_alive_timeout(settings.ping_timeout);
    let (io, settled) = Settling::new(io);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(failed)?;
    let (tell, takes_connect) = watch::channel(None);
    let handle = Arc::new(Handle::new(sender, settings.max_streams_per_conn, takes_connect));
    let runtime = tokio::runtime::Handle::try_current().map_err(Error::other)?;
    let connection: Work = Box::pin(async move {
        let mut connection = pin!(connection);
        let mut untold = Some(tell);
        poll_fn(|cx| {
            let polled = connection.as_mut().poll(cx);
            if untold.is_some()
                && settled.is_now(cx)
                && let Some(tell) = untold.take()
            {
                tell.send_replace(Some(connection.is_extended_connect_protocol_enabled()));
            }
            // Why it ended is told by the requests on it.
            polled.map(drop)
        })
        .await;
    });
    drop(runtime.spawn(drive(connection, streams, lease)));
    Ok(handle)
}

type Work = BoxFuture<'static, ()>;

/// Polls the connection, and what hyper wants polled for each request, so that a request costs no task.
async fn drive(connection: Work, mut more: mpsc::UnboundedReceiver<Work>, lease: Lease) {
    let mut work = FuturesUnordered::new();
    work.push(connection);
    loop {
        tokio::select! {
            biased;
            Some(next) = more.recv() => work.push(next),
            done = work.next() => if done.is_none() {
                break;
            },
        }
    }
    drop(lease);
}

/// hyper's executor: hands over to the driver.
#[derive(Clone, Debug)]
struct InDriver(mpsc::UnboundedSender<Work>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for InDriver {
    fn execute(&self, future: F) {
        // A driver that is gone has no connection either.
        let work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
        let _ = self.0.send(work);
    }
}
