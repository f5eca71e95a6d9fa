use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Answer;
use crate::answer::fail;

/// Longest wait for anything; a test that comes near it has failed.
pub const LONG: Duration = Duration::from_secs(30);

/// One connection to a server, as bytes: over TCP, TLS or a pipe.
pub struct RawClient<S = TcpStream> {
    stream: S,
    read: Vec<u8>,
    ended: Option<io::Result<()>>,
}

impl RawClient {
    /// Connects to `address`.
    ///
    /// # Panics
    /// If nobody listens there.
    pub async fn connect(address: SocketAddr) -> Self {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it a head in two pieces waits for the acknowledgement of the first.
                let _ = stream.set_nodelay(true);
                Self::over(stream)
            }
            Err(error) => fail(&format!("a server at {address}: {error}")),
        }
    }

    /// Closes with a reset instead of an end.
    pub fn reset(self) {
        #[expect(deprecated, reason = "zero never blocks, which is what the deprecation warns of")]
        let _ = self.stream.set_linger(Some(Duration::ZERO));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RawClient<S> {
    /// Speaks over `stream`.
    pub fn over(stream: S) -> Self {
        Self { stream, read: Vec::new(), ended: None }
    }

    /// Sends all of `bytes`.
    ///
    /// # Panics
    /// If the server no longer takes them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match timeout(LONG, self.stream.write_all(bytes.as_ref())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => fail(&format!("a server that reads: {error}")),
            Err(_) => fail("a server that reads in time"),
        }
        let _ = self.stream.flush().await;
    }

    /// Sends as far as the server takes it: it may close before it has read everything.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = timeout(LONG, self.stream.write_all(bytes.as_ref())).await;
        let _ = self.stream.flush().await;
    }

    /// Ends the sending half.
    pub async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads one response; `head_only` for the answer to a HEAD or CONNECT request.
    ///
    /// # Panics
    /// If what comes is none, or is not framed as RFC 9112 §6 has it.
    pub async fn answer_to(&mut self, head_only: bool) -> Answer {
        let end = self.found(b"\r\n\r\n").await;
        let Ok(head) = String::from_utf8(self.read.drain(..end).collect()) else {
            fail("a head in UTF-8")
        };
        let mut answer = Answer::from_head(head);
        let own = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let codings = own(answer.fields("transfer-encoding"));
        let lengths = own(answer.fields("content-length"));
        assert!(codings.len() + lengths.len() <= 1, "one framing: {answer:?}");
        if head_only || matches!(answer.status, 100..200 | 204 | 304) {
            return answer;
        }
        match (codings.first().map(String::as_str), lengths.first().map(|text| text.parse())) {
            (Some("chunked"), _) => self.chunks(&mut answer).await,
            (None, Some(Ok(length))) => answer.body = self.take(length).await,
            (None, None) => answer.body = self.rest().await,
            other => fail(&format!("a framing, not {other:?}")),
        }
        answer
    }

    /// Reads one response.
    ///
    /// # Panics
    /// As [`answer_to`](Self::answer_to).
    pub async fn answer(&mut self) -> Answer {
        self.answer_to(false).await
    }

    /// Everything until the server closes. A reset counts as the end.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// Whether the server ended the connection well: a FIN (TLS: `close_notify`), not a reset. Reads to the end.
    pub async fn ends_well(&mut self) -> bool {
        while self.more().await {}
        matches!(self.ended, Some(Ok(())))
    }

    /// Exactly so many bytes.
    ///
    /// # Panics
    /// If the server closes before.
    pub async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            let more = self.more().await;
            assert!(more, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
        self.read.drain(..length).collect()
    }

    /// Exactly so many bytes; `None` if the server closes before.
    pub async fn take_or_end(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.read.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.read.drain(..length).collect())
    }

    /// All up to and with `end`.
    ///
    /// # Panics
    /// If the server closes before.
    pub async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let length = self.found(end).await;
        self.read.drain(..length).collect()
    }

    async fn chunks(&mut self, answer: &mut Answer) {
        loop {
            let line = self.until(b"\r\n").await;
            let digits = std::str::from_utf8(&line).map(str::trim_end).unwrap_or_default();
            let Ok(size) = usize::from_str_radix(digits, 16) else {
                fail(&format!("a chunk size, not {digits:?}"))
            };
            if size == 0 {
                break;
            }
            answer.body.extend(self.take(size).await);
            assert_eq!(self.take(2).await, b"\r\n", "end of a chunk");
        }
        loop {
            let line = self.until(b"\r\n").await;
            if line == b"\r\n" {
                return;
            }
            answer.trailers.push_str(&String::from_utf8_lossy(&line));
        }
    }

    async fn found(&mut self, end: &[u8]) -> usize {
        let mut from = 0;
        loop {
            let rest = self.read.get(from..).unwrap_or_default();
            if let Some(at) = rest.windows(end.len()).position(|window| window == end) {
                return from + at + end.len();
            }
            from = self.read.len().saturating_sub(end.len());
            let more = self.more().await;
            assert!(more, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    async fn more(&mut self) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let Ok(read) = timeout(LONG, self.stream.read_buf(&mut self.read)).await else {
            fail(&format!(
                "bytes or an end in time, behind {:?}",
                String::from_utf8_lossy(&self.read)
            ))
        };
        match read {
            Ok(1..) => return true,
            Ok(_) => self.ended = Some(Ok(())),
            Err(error) => self.ended = Some(Err(error)),
        }
        false
    }
}

impl<S> fmt::Debug for RawClient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawClient").field("read", &self.read.len()).finish_non_exhaustive()
    }
}
