//! What an answer out of the kernel's memory allocates, and that it needs no other thread.

#[cfg(test)]
#[cfg(target_os = "linux")]
mod warm {
    use std::alloc::System;

    use parapet_core::{Body, Middleware, Response, handler_fn};
    use parapet_fileserver::FileServer;
    use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

    #[global_allocator]
    static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    #[tokio::test]
    async fn a_file_in_memory_is_answered_at_once_with_few_allocations() {
        // Beside the build, since the temporary directory may be a file system that cannot tell what it has in memory.
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::write(root.path().join("small.txt"), vec![b'x'; 1024]).unwrap();
        std::fs::write(root.path().join("large.bin"), vec![b'x'; 1 << 20]).unwrap();
        let next = handler_fn(|_| async { Response::new(Body::empty()) });
        let handler = FileServer::new(root.path()).unwrap().wrap(next);
        let request = |target: &str, fields: &[(&str, &str)]| {
            let request = http::Request::builder().uri(target);
            let request =
                fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            request.body(Body::empty()).unwrap()
        };
        // The first goes to a thread that may wait, and finds out what kind of file system this is.
        let first = handler.serve(request("/small.txt", &[])).await;
        let etag = first.headers()["etag"].to_str().unwrap();
        for (target, fields, status, allowed) in [
            ("/small.txt", &[][..], 200, 9),
            ("/small.txt", &[("if-none-match", etag)], 304, 7),
            ("/small.txt", &[("range", "bytes=0-9")], 206, 12),
            ("/large.bin", &[], 200, 12),
        ] {
            let request = request(target, fields);
            let region = Region::new(GLOBAL);
            let response = handler.serve(request).into_ready();
            let allocations = region.change().allocations;
            assert_eq!(response.unwrap().status(), status, "{target}");
            assert!(allocations <= allowed, "{target} {fields:?}: {allocations}");
        }
        let request = request("/missing", &[]);
        let region = Region::new(GLOBAL);
        let response = handler.serve(request);
        let allocations = region.change().allocations;
        assert!(allocations <= 3, "a miss: {allocations}");
        drop(response);
    }
}
