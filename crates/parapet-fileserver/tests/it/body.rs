use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parapet_core::{BodyError, Middleware, ResponseError, Server, from_fn};
use parapet_testkit::RawClient;
use tokio::net::TcpListener;

use crate::site::{Site, fallback, get};

#[tokio::test]
async fn a_file_that_becomes_shorter_ends_in_an_error_and_one_that_grows_does_not_grow() {
    let site = Site::new(&[]);
    let content: Vec<u8> = (0..200_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    for (length, fails) in [(70_000, true), (400_000, false)] {
        site.write("file.bin", &content);
        let handler = site.files().wrap(fallback());
        for _ in 0..2 {
            site.write("file.bin", &content);
            let mut body = get(&handler, "/file.bin").await.into_body();
            assert_eq!(body.known_length(), Some(200_000));
            let mut received = body.frame().await.unwrap().unwrap().into_data().unwrap().to_vec();
            assert!(received.len() <= 64 * 1024);
            let file = File::options().write(true).open(site.path("file.bin")).unwrap();
            file.set_len(length).unwrap();
            let mut failed = None;
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => received.extend_from_slice(frame.data_ref().unwrap()),
                    Err(error) => failed = Some(error),
                }
            }
            assert_eq!(matches!(failed, Some(BodyError::Io(_))), fails, "{failed:?}");
            let expected = if fails { 70_000 } else { 200_000 };
            assert!(received == content[..expected], "{} bytes", received.len());
        }
    }
}

/// Resident memory of the process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn a_gibibyte_goes_through_in_pieces_of_64_kib() {
    let site = Site::new(&[]);
    File::create(site.path("large")).unwrap().set_len(1 << 30).unwrap();
    let handler = site.files().wrap(fallback());
    let before = resident();
    let mut body = get(&handler, "/large").await.into_body();
    let mut left = 1_usize << 30;
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        assert!(data.len() <= 64 * 1024, "{}", data.len());
        left -= data.len();
    }
    assert_eq!(left, 0);
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown}"); // other tests run beside it
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_a_few_pieces_of_the_file() {
    let site = Site::new(&[]);
    File::create(site.path("large")).unwrap().set_len(1 << 30).unwrap();
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&pulled);
    let counting = from_fn(move |request, next| {
        let count = Arc::clone(&count);
        async move {
            let response = next.run(request).await;
            response.map(|body| {
                body.map_frames(move |frame| {
                    count.fetch_add(frame.data_ref().map_or(0, Bytes::len), Ordering::SeqCst);
                    frame
                })
            })
        }
    });
    let server = Server::new().with((counting, site.files())).handler(fallback());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener));
    let before = resident();
    let mut clients = Vec::new();
    for number in 1..=16 {
        let mut client = RawClient::connect(address).await;
        client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        // The head has come, and so has what fits into the sockets, once nothing more is pulled.
        client.until(b"\r\n\r\n").await;
        let (mut seen, mut quiet) = (0, 0);
        while quiet < 1_000 {
            tokio::task::yield_now().await;
            let now = pulled.load(Ordering::SeqCst);
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
        // Sockets of loopback take a few MiB each; the rest of the gibibyte stays where it is.
        assert!(seen < number * (16 << 20), "{seen} bytes for {number} clients");
        clients.push(client);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown}"); // other tests run beside it
}

/// Handles of the process that lead to `path`.
fn handles(path: &std::path::Path) -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let target =
        |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.ok()?.path()).ok();
    entries.filter_map(target).filter(|target| target == path).count()
}

#[tokio::test]
async fn the_handle_is_open_as_long_as_there_is_something_to_read() {
    let site = Site::new(&[("small", "small")]);
    site.write("large", &vec![b'x'; 200_000]);
    let handler = site.files().wrap(fallback());
    for _ in 0..2 {
        let small = get(&handler, "/small").await;
        assert_eq!(handles(&site.path("small")), 0); // it is in memory
        assert_eq!(small.into_body().collect(64).await.unwrap().data(), "small");
        let mut body = get(&handler, "/large").await.into_body();
        body.frame().await.unwrap().unwrap();
        assert_eq!(handles(&site.path("large")), 1);
        drop(body);
        assert_eq!(handles(&site.path("large")), 0);
        let mut body = get(&handler, "/large").await.into_body();
        while body.known_length() != Some(0) {
            body.frame().await.unwrap().unwrap();
        }
        assert_eq!(handles(&site.path("large")), 0);
    }
}

#[test]
fn without_a_runtime_a_request_is_a_500_and_no_panic() {
    let site = Site::new(&[("a.txt", "a")]);
    let handler = site.files().wrap(fallback());
    let response = parapet_testkit::now(get(&handler, "/a.txt"));
    assert_eq!(response.status(), 500);
    let note = response.extensions().get::<ResponseError>().unwrap();
    assert_eq!((note.source(), note.kind()), ("fileserver", "io"));
}
