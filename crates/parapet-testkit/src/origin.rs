use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::LONG;
use crate::answer::fail;

/// A server that does what a script says: answers, stalls, resets, sends nonsense.
///
/// Each connection it accepts is handed to the script. Dropping it closes the listener and every connection.
pub struct RawOrigin {
    address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl RawOrigin {
    /// Listens on a free port of loopback and runs `script` for every connection.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start<F, Fut>(script: F) -> Self
    where
        F: Fn(OriginConn) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else { fail("a free port") };
        let Ok(address) = listener.local_addr() else { fail("an address") };
        let received = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (record, count) = (Arc::clone(&received), Arc::clone(&connections));
        let accepting = tokio::spawn(async move {
            let mut scripts = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let record = Arc::clone(&record);
                scripts.spawn(script(OriginConn { stream, record, read: Vec::new(), number }));
            }
        });
        Self { address, received, connections, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// All bytes that the scripts read so far, as text.
    pub fn received(&self) -> String {
        let bytes = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for RawOrigin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for RawOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawOrigin").field("address", &self.address).finish_non_exhaustive()
    }
}

/// One accepted connection in the hands of a script.
pub struct OriginConn {
    stream: TcpStream,
    record: Arc<Mutex<Vec<u8>>>,
    read: Vec<u8>,
    number: usize,
}

impl OriginConn {
    /// Number of the connection at its origin, from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Reads a request head, with its empty line; empty if the peer closed.
    pub async fn read_head(&mut self) -> String {
        loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                return String::from_utf8_lossy(&self.read.drain(..at + 4).collect::<Vec<_>>())
                    .into_owned();
            }
            if !self.more().await {
                return String::new();
            }
        }
    }

    /// Reads so many bytes, fewer if the peer closes.
    pub async fn read(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length && self.more().await {}
        let length = length.min(self.read.len());
        self.read.drain(..length).collect()
    }

    /// Reads until the peer closes or resets.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Sends `bytes` as far as the peer takes them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = timeout(LONG, self.stream.write_all(bytes.as_ref())).await;
    }

    /// Ends the sending half.
    pub async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Closes with a reset.
    pub fn reset(self) {
        #[expect(deprecated, reason = "zero never blocks, which is what the deprecation warns of")]
        let _ = self.stream.set_linger(Some(Duration::ZERO));
    }

    /// Does nothing more until the peer closes.
    pub async fn stall(mut self) {
        while self.more().await {}
    }

    async fn more(&mut self) -> bool {
        let before = self.read.len();
        let read = timeout(LONG, self.stream.read_buf(&mut self.read)).await;
        let new = self.read.get(before..).unwrap_or_default();
        self.record.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(new);
        matches!(read, Ok(Ok(1..)))
    }
}

impl fmt::Debug for OriginConn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginConn").field("number", &self.number).finish_non_exhaustive()
    }
}
