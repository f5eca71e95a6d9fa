use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use parapet_body::{buffer_request, limit_request};
use parapet_core::{Chain, Middleware, Request, Server, handler_fn};
use parapet_testkit::stats_alloc::Region;

use super::ALLOCATOR;

/// One test counts at a time.
pub(crate) static COUNTING: Mutex<()> = Mutex::new(());

const PIECE: usize = 64 * 1024;
const PIECES: usize = 3_200;

/// Bytes that the process holds above what it held when `region` began.
fn held(region: &Region<'_, std::alloc::System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

/// Uploads 200 MiB in chunks through `layer` on a real server. Returns the most bytes that were held meanwhile, sampled with
/// each piece that is sent or read.
fn most_held(layer: impl Middleware) -> usize {
    static PIECE_OF_UPLOAD: [u8; PIECE] = [b'x'; PIECE];
    let most = Arc::new(AtomicUsize::new(0));
    let region = Arc::new(Region::new(ALLOCATOR));
    let sample = {
        let (most, region) = (Arc::clone(&most), Arc::clone(&region));
        move || {
            most.fetch_max(held(&region), Ordering::SeqCst);
        }
    };
    let inner = sample.clone();
    let next = handler_fn(move |request: Request| {
        let sample = inner.clone();
        async move {
            let mut body = request.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame?.into_data().map_or(0, |data| data.len());
                sample();
            }
            Ok::<_, parapet_core::BodyError>(length.to_string())
        }
    });
    let (sender, receiver) = mpsc::channel();
    let server = Server::new().with(layer).handler(next);
    let handle = server.handle();
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bound = server.addr("127.0.0.1:0").bind().unwrap();
            sender.send(bound.local_addrs()[0]).unwrap();
            let _ = bound.serve().await;
        });
    });
    let mut client = TcpStream::connect(receiver.recv().unwrap()).unwrap();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    for _ in 0..PIECES {
        client.write_all(b"10000\r\n").unwrap();
        client.write_all(&PIECE_OF_UPLOAD).unwrap();
        client.write_all(b"\r\n").unwrap();
        sample();
    }
    client.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(&format!("\r\n\r\n{}", PIECE * PIECES)), "{answer}");
    handle.shutdown_now();
    serving.join().unwrap();
    most.load(Ordering::SeqCst)
}

#[test]
fn an_upload_of_200_mib_is_buffered_in_a_few_hundred_kibibytes() {
    let _alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let chain = Chain::new().with(limit_request(1 << 30)).with(buffer_request());
    let most = most_held(chain);
    assert!((1..512 * 1024).contains(&most), "{most} bytes");
}
