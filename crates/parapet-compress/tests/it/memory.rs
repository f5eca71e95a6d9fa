use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parapet_compress::{self as compress, Compress};
use parapet_core::{Body, Handler, Middleware, Response, Server, from_fn, handler_fn};
use parapet_testkit::{FrameClient, RawClient, Warnings, kind, pseudo, setting};
use tokio::net::TcpListener;

use crate::support::{decode, get, plain, text};

fn page() -> Handler {
    handler_fn(|_| async { plain(text(5_000)) })
}

async fn ask(handler: &Handler, encoding: &str) -> (bool, Body) {
    let response: Response = handler.serve(get(encoding)).await;
    assert_eq!(response.headers()["vary"], "accept-encoding");
    (response.headers().contains_key("content-encoding"), response.into_body())
}

async fn read(body: Body) -> Vec<u8> {
    body.collect(1 << 20).await.unwrap().into_data().to_vec()
}

#[tokio::test]
async fn responses_beyond_the_memory_go_out_as_they_are_until_an_encoder_is_free() {
    let warnings = Warnings::new();
    let two: Compress = compress::gzip().max_memory(1_000_000);
    let handler = two.wrap(page());
    for round in 0..3 {
        let (one, mut first) = ask(&handler, "gzip").await;
        let (other, second) = ask(&handler, "gzip").await;
        assert!(one && other, "{round}");
        for _ in 0..10 {
            let (third, body) = ask(&handler, "gzip").await;
            assert!(!third);
            assert_eq!(read(body).await, text(5_000).as_bytes());
        }
        assert_eq!(warnings.count(), round + 1, "one each time that it begins");
        // Read to its end, and dropped half-way.
        assert_eq!(decode("gzip", &read(second).await).unwrap(), text(5_000).as_bytes());
        assert!(ask(&handler, "gzip").await.0);
        first.frame().await.unwrap().unwrap();
        drop(first);
    }
    // Another place has memory of its own, and no memory is no compression.
    assert!(ask(&two.wrap(page()), "gzip").await.0);
    assert!(!ask(&two.max_memory(0).wrap(page()), "gzip").await.0);
}

/// A window of one byte: each stream has an encoder at work, and nobody takes what it made.
#[tokio::test]
async fn a_connection_whose_streams_are_not_read_gets_no_more_encoders_than_there_is_memory_for() {
    const STREAMS: u32 = 50;
    let encoded = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&encoded);
    let counting = from_fn(move |request, next| {
        let count = Arc::clone(&count);
        async move {
            let response = next.run(request).await;
            let is_encoded = response.headers().contains_key("content-encoding");
            count.fetch_add(usize::from(is_encoded), Ordering::Relaxed);
            response
        }
    });
    let layer = compress::br().max_memory(50 << 20);
    let handler = handler_fn(|_| async { plain(text(1 << 20)) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::backend().with((counting, layer)).handler(handler).serve(listener));
    let raw = RawClient::connect(address).await;
    let settings = [(setting::INITIAL_WINDOW_SIZE, 1)];
    let (mut client, _) = FrameClient::handshake(raw, &settings).await;
    for number in 0..STREAMS {
        let fields = [&pseudo("GET", "/")[..], &[("accept-encoding", "br")]].concat();
        client.headers(2 * number + 1, &fields, true).await;
    }
    let mut heads = 0;
    while heads < STREAMS {
        heads += u32::from(client.answer().await.unwrap().kind == kind::HEADERS);
    }
    let encoded = encoded.load(Ordering::Relaxed);
    assert!((3..=12).contains(&encoded), "{encoded} of {STREAMS}");
}
