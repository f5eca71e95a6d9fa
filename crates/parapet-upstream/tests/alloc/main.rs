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
}
