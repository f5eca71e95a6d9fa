//! What one exchange on a kept connection allocates. A binary of its own, with one test: the count is the process's.

#[cfg(test)]
mod exchange {
    use std::alloc::System;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;

    use parapet_core::{Body, RequestHead};
    use parapet_upstream::{Attempt, Balancer, Error, HttpTransport, Picked, RoundTrip, Target};
    use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

    #[global_allocator]
    static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

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
}
