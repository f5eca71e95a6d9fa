//! What exchanges allocate. A binary of its own, whose tests take turns: the count is the process's.

#[cfg(test)]
mod exchange {
    use std::alloc::System;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex, PoisonError};

    use parapet_core::{Body, RequestHead};
    use parapet_upstream::{Attempt, Balancer, Error, HttpTransport, Picked, RoundTrip, Target};
    use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

    #[global_allocator]
    static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    /// Held by the test that counts.
    static TURN: Mutex<()> = Mutex::new(());

    struct One(Arc<Target>);

    impl Balancer for One {
        fn pick(&self, _: &RequestHead, _: &Attempt) -> Result<Picked, Error> {
            Ok(Picked::new(Arc::clone(&self.0)))
        }
    }

    /// Answers every read with `answer`, without allocating.
    fn origin(answer: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                stream.write_all(&answer).unwrap();
            }
        });
        host
    }

    fn answer() -> Vec<u8> {
        let mut answer = String::from(
            "HTTP/1.1 200 OK\r\nserver: origin\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
        );
        answer.push_str(
            "content-type: text/html\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
        );
        answer.push_str("etag: \"abc\"\r\ncache-control: max-age=60\r\nvary: accept\r\naccept-ranges: bytes\r\n");
        answer.push_str("content-length: 1024\r\n\r\n");
        answer.push_str(&"x".repeat(1024));
        answer.into_bytes()
    }

    #[test]
    fn a_small_exchange_on_a_kept_connection_allocates_the_map_and_the_erased_future() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let host = origin(answer());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let target = One(Arc::new(Target::new(&host, HttpTransport::new()).unwrap()));
        let request = http::Request::get("/").header("host", "example.com").body(());
        let (head, ()) = request.unwrap().into_parts();
        let fewest = runtime.block_on(async {
            let mut fewest = usize::MAX;
            for _ in 0..200 {
                let region = Region::new(ALLOCATOR);
                let at = Attempt::new();
                let response = target.round_trip(&head, Body::empty(), &at).await.unwrap();
                assert_eq!(response.body().known_length(), Some(1024));
                drop(response);
                let change = region.change();
                fewest = fewest.min(change.allocations + change.reallocations);
            }
            fewest
        });
        // The map's two tables and the erased future.
        assert_eq!(fewest, 3);
    }

    /// Answers one request with `chunks` times `chunk`.
    fn chunked_origin(chunk: Vec<u8>, chunks: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            assert!(stream.read(&mut buffer).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
            for _ in 0..chunks {
                stream.write_all(&chunk).unwrap();
            }
            stream.write_all(b"0\r\n\r\n").unwrap();
        });
        host
    }

    #[test]
    fn a_gibibyte_in_signed_chunks_passes_in_constant_memory() {
        const SIZE: usize = 64 << 10;
        const CHUNKS: usize = (1 << 30) / SIZE;
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let extension = format!(";chunk-signature={}", "a".repeat(85 - ";chunk-signature=".len()));
        let mut chunk = format!("{SIZE:x}{extension}\r\n").into_bytes();
        chunk.resize(chunk.len() + SIZE, b'x');
        chunk.extend_from_slice(b"\r\n");
        let host = chunked_origin(chunk, CHUNKS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let target = One(Arc::new(Target::new(&host, HttpTransport::new()).unwrap()));
        let request = http::Request::get("/").header("host", "example.com").body(());
        let (head, ()) = request.unwrap().into_parts();
        let (received, most) = runtime.block_on(async {
            let region = Region::new(ALLOCATOR);
            let at = Attempt::new();
            let response = target.round_trip(&head, Body::empty(), &at).await.unwrap();
            let mut body = response.into_body();
            let (mut received, mut most) = (0, 0);
            while let Some(frame) = body.frame().await {
                received += frame.unwrap().into_data().unwrap().len();
                let change = region.change();
                most = most.max(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
            }
            (received, most)
        });
        assert_eq!(received, 1 << 30);
        // Two read buffers of 64 KiB at a time, and the connection.
        assert!(most < 256 << 10, "{most} bytes");
    }

    /// Takes `count` connections and answers each with `answer` once all have asked; then they are as `rest` leaves them.
    fn crowd(
        count: usize,
        answer: &'static [u8],
        rest: impl Fn(&mut std::net::TcpStream) + Send + 'static,
    ) -> (String, std::sync::mpsc::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (done, end) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let mut streams = Vec::with_capacity(count);
            for _ in 0..count {
                let (mut stream, _) = listener.accept().unwrap();
                assert!(stream.read(&mut buffer).unwrap() > 0);
                streams.push(stream);
            }
            for stream in &mut streams {
                stream.write_all(answer).unwrap();
                rest(stream);
            }
            let _ = end.recv();
        });
        (host, done)
    }

    /// What of the memory taken since `region` began is held.
    fn held(region: &Region<'_, System>) -> usize {
        let change = region.change();
        change.bytes_allocated.saturating_sub(change.bytes_deallocated)
    }

    #[test]
    fn idle_connections_hold_no_buffers_after_a_second() {
        const COUNT: usize = 200;
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (host, _done) = crowd(COUNT, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", |_| {});
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let transport = HttpTransport::new().max_idle_conns(COUNT);
        let target = One(Arc::new(Target::new(&host, transport.clone()).unwrap()));
        let request = http::Request::get("/").header("host", "example.com").body(());
        let (head, ()) = request.unwrap().into_parts();
        let (at_first, later) = runtime.block_on(async {
            let region = Region::new(ALLOCATOR);
            let exchange = async || {
                let at = Attempt::new();
                target.round_trip(&head, Body::empty(), &at).await.unwrap().status()
            };
            let all = futures_util::future::join_all((0..COUNT).map(|_| exchange())).await;
            assert!(all.iter().all(|status| *status == 200));
            drop(all);
            assert_eq!(transport.stats().iter().map(|stats| stats.idle).sum::<usize>(), COUNT);
            let at_first = held(&region);
            // The sockets are silent: the clock runs ahead of nothing.
            tokio::time::pause();
            for _ in 0..4 {
                tokio::time::advance(std::time::Duration::from_secs(1)).await;
                tokio::task::yield_now().await;
            }
            (at_first / COUNT, held(&region) / COUNT)
        });
        assert!(at_first > 8 << 10, "the read buffer is kept for a second: {at_first} bytes each");
        assert!(later <= 2 << 10, "{later} bytes each");
    }

    #[test]
    fn silent_tunnels_hold_no_copy_buffers() {
        const COUNT: usize = 100;
        const SWITCH: &[u8] =
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: p\r\n\r\n";
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (host, _done) = crowd(COUNT, SWITCH, |stream| {
            // Bytes have gone both ways before it is silent.
            let mut buffer = [0; 4096];
            stream.read_exact(&mut buffer).unwrap();
            stream.write_all(&buffer).unwrap();
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let each = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let upstream = parapet_upstream::Upstream::single_host(&host, HttpTransport::new());
            let server = parapet_core::Server::new()
                .with(upstream.unwrap())
                .handler(parapet_core::handler_fn(|_| async { "never asked" }));
            let served = tokio::spawn(server.serve(listener));
            let region = Region::new(ALLOCATOR);
            // Clients on a thread of their own, whose sockets cost no memory of this process's heap.
            let clients = tokio::task::spawn_blocking(move || {
                let mut streams = Vec::with_capacity(COUNT);
                for _ in 0..COUNT {
                    let mut stream = std::net::TcpStream::connect(address).unwrap();
                    let ask =
                        "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: p\r\n\r\n";
                    stream.write_all(ask.as_bytes()).unwrap();
                    streams.push(stream);
                }
                let mut buffer = [0; 4096];
                for stream in &mut streams {
                    stream.write_all(&buffer).unwrap();
                }
                for stream in &mut streams {
                    let mut seen = 0;
                    while seen < buffer.len() {
                        let read = stream.read(&mut buffer).unwrap();
                        assert!(read > 0);
                        seen += read;
                    }
                }
                streams
            });
            let streams = clients.await.unwrap();
            let each = held(&region) / COUNT;
            drop(streams);
            served.abort();
            each
        });
        assert!(each <= 6 << 10, "{each} bytes each");
    }
}
