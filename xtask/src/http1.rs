//! A keep-alive HTTP/1.1 client, as small as a check needs it: one request after the other on one connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::{Doing, Error, Result};

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    /// Bytes read and not yet consumed.
    buffer: Vec<u8>,
    /// A byte of the answer to the last request has come.
    has_begun: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let doing = || format!("connect to {address}");
        let stream = TcpStream::connect_timeout(&address, WAIT).doing(doing)?;
        stream.set_read_timeout(Some(WAIT)).doing(doing)?;
        stream.set_write_timeout(Some(WAIT)).doing(doing)?;
        stream.set_nodelay(true).doing(doing)?;
        Ok(Self { stream, buffer: Vec::new(), has_begun: false })
    }

    /// Sends `request`, a whole message that asks with GET, and reads the answer up to its end.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.has_begun = false;
        self.stream.write_all(request).doing(|| "send a request".to_owned())?;
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let body = match (field(&head, "content-length"), field(&head, "transfer-encoding")) {
            (Some(length), None) => {
                let length = length
                    .parse()
                    .map_err(|_| Error::answer("Content-Length", "a number", length))?;
                self.take(length)?
            }
            (None, Some("chunked")) => self.chunks()?,
            _ if status == 204 || status == 304 => Vec::new(),
            _ => return Err(Error::answer("the answer's framing", "a length or chunks", &head)),
        };
        Ok(Answer { status, head, body })
    }

    /// Whether a byte of the answer to the last request has come.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16)
                .map_err(|_| Error::answer("a chunk", "a size", &line))?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size)?);
            self.line()?;
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).take(at).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.more()?;
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.more()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn more(&mut self) -> Result<()> {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk).doing(|| "read an answer".to_owned())?;
        if count == 0 {
            return Err(Error::answer(
                "the connection",
                "an answer",
                String::from_utf8_lossy(&self.buffer),
            ));
        }
        self.has_begun = true;
        self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }
}

/// The value of the first field line `name` (lower case) of a head.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

const WAIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::{Client, field};

    #[test]
    fn reads_answers_of_both_framings_from_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in [
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x\r\nf\r\n0\r\n\r\n",
                "HTTP/1.1 204 No Content\r\n\r\n",
            ] {
                let mut request = [0; 18];
                stream.read_exact(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut client = Client::connect(address).unwrap();
        for (status, body) in [(200, "abc"), (404, "def"), (204, "")] {
            let answer = client.exchange(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            assert_eq!(
                (answer.status, answer.body.as_slice()),
                (status, body.as_bytes()),
                "{}",
                answer.head
            );
        }
        assert!(client.exchange(b"GET / HTTP/1.1\r\n\r\n").is_err(), "the server has gone");
        server.join().unwrap();
        assert_eq!(field("HTTP/1.1 200 OK\r\nA: b\r\n", "a"), Some("b"));
    }
}
