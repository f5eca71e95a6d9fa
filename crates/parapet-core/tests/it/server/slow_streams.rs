//! HTTP/2 on paused time: floods, bodies that come slowly or not at all, readers that stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::repeat_with;
use parapet_core::{
    Body, BodyError, ConnMeta, ConnectionError, Request, Response, Server, handler_fn,
};
use parapet_testkit::{Frame, FrameClient, RawClient, flag, kind, literals, pseudo, setting};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

async fn connect(
    server: Server,
    room: usize,
    settings: &[(u16, u32)],
) -> FrameClient<DuplexStream> {
    let (client, io) = duplex(room);
    let connections = server.h2c(true).into_connections().unwrap();
    tokio::spawn(connections.serve(io, ConnMeta::new(None)));
    FrameClient::handshake(RawClient::over(client), settings).await.0
}

/// Answers pings for so long, and gives what else came, and whether the server closed.
async fn attend(client: &mut FrameClient<DuplexStream>, span: Duration) -> (Vec<Frame>, bool) {
    let end = Instant::now() + span;
    let mut frames = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now()).min(20 * SECOND);
        if left.is_zero() {
            return (frames, false);
        }
        match timeout(left, client.frame()).await {
            Ok(Some(frame)) if frame.kind == kind::PING && frame.flags & flag::ACK == 0 => {
                client.send(kind::PING, flag::ACK, 0, &frame.payload).await;
            }
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, true),
            Err(_) => {}
        }
    }
}

fn statuses(frames: &[Frame]) -> Vec<u16> {
    frames.iter().filter_map(Frame::status).collect()
}

#[tokio::test(start_paused = true)]
async fn a_flood_ends_its_connection_at_once() {
    let post = literals(pseudo("POST", "/"));
    let open = Frame::encode(kind::HEADERS, flag::END_HEADERS, 1, &post);
    let rapid: Vec<u8> = (0..1000)
        .flat_map(|number| {
            let mut bytes = Frame::encode(kind::HEADERS, 5, 1 + 2 * number, &post);
            bytes.extend(Frame::encode(kind::RST_STREAM, 0, 1 + 2 * number, &[0, 0, 0, 8]));
            bytes
        })
        .collect();
    let many = |frame: Vec<u8>| frame.repeat(1001);
    let rows: [(&str, Vec<u8>); 7] = [
        ("resets", rapid),
        ("pings", many(Frame::encode(kind::PING, 0, 0, &[0; 8]))),
        ("settings", many(Frame::encode(kind::SETTINGS, 0, 0, &[]))),
        ("empty data", [open.clone(), many(Frame::encode(kind::DATA, 0, 1, &[]))].concat()),
        (
            "continuation",
            [
                Frame::encode(kind::HEADERS, 0, 1, &post),
                many(Frame::encode(kind::CONTINUATION, 0, 1, &[])),
            ]
            .concat(),
        ),
        ("priority", many(Frame::encode(kind::PRIORITY, 0, 1, &[0, 0, 0, 0, 1]))),
        ("windows", [open, many(Frame::encode(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]))].concat()),
    ];
    for (name, bytes) in rows {
        let failed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&failed);
        let server = Server::frontend().handler(handler_fn(|_| async { "ok" }));
        let server = server.on_connection_error(move |_, error| {
            count.fetch_add(
                usize::from(matches!(error, ConnectionError::Protocol(_))),
                Ordering::SeqCst,
            );
        });
        let mut client = connect(server, 1 << 20, &[]).await;
        let begin = Instant::now();
        client.send_bytes(bytes).await;
        client.rest().await;
        // No timer had a part in it.
        assert!(begin.elapsed() < Duration::from_millis(100), "{name}: {:?}", begin.elapsed());
        // The library under the server has bounds of its own for two of them.
        let ours = !matches!(name, "resets" | "empty data");
        assert_eq!(failed.load(Ordering::SeqCst), usize::from(ours), "{name}");
    }
}

fn collecting() -> Server {
    Server::frontend().handler(handler_fn(|request: Request| async move {
        let body = request.into_body().collect(1 << 20).await?;
        Ok::<_, BodyError>(Response::new(body.data().len().to_string().into()))
    }))
}

#[tokio::test(start_paused = true)]
async fn an_upload_has_to_move_on_its_stream() {
    let mut client = connect(collecting(), 1 << 16, &[]).await;
    client.headers(1, &pseudo("POST", "/"), false).await;
    for number in 0..4 {
        let (frames, closed) = attend(&mut client, 50 * SECOND).await;
        assert!(statuses(&frames).is_empty() && !closed, "{number}: {frames:?}");
        client.send(kind::DATA, u8::from(number == 3), 1, &[b'x'; 1024]).await;
    }
    assert_eq!(client.response().await, (200, b"4096".to_vec()));
    // A byte each 50 s does not move; the stream ends, the connection does not.
    client.headers(3, &pseudo("POST", "/"), false).await;
    let begin = Instant::now();
    attend(&mut client, 50 * SECOND).await;
    client.send(kind::DATA, 0, 3, b"x").await;
    assert_eq!(client.response().await.0, 408);
    let took = begin.elapsed();
    assert!(took >= 60 * SECOND && took < 61 * SECOND, "{took:?}");
    client.headers(5, &pseudo("POST", "/"), false).await;
    client.send(kind::DATA, flag::END_STREAM, 5, b"y").await;
    let (frames, closed) = attend(&mut client, SECOND).await;
    assert!(statuses(&frames) == [200] && !closed, "{frames:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_of_grpc_is_normal() {
    let mut client = connect(collecting(), 1 << 16, &[]).await;
    let grpc = [&pseudo("POST", "/")[..], &[("content-type", "application/grpc+proto")]].concat();
    client.headers(1, &grpc, false).await;
    let (frames, closed) = attend(&mut client, 600 * SECOND).await;
    assert!(statuses(&frames).is_empty() && !closed, "{frames:?}");
    client.send(kind::DATA, flag::END_STREAM, 1, b"x").await;
    assert_eq!(client.response().await, (200, b"1".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_that_is_silent_for_an_hour_is_kept_if_pings_are_answered() {
    let handler = handler_fn(|_| async {
        let (events, body) = Body::channel(1);
        tokio::spawn(async move {
            let _ = events.data("first").await;
            tokio::time::sleep(3600 * SECOND).await;
            let _ = events.data("second").await;
            let _ = events.finish().await;
        });
        Response::new(body)
    });
    let mut client = connect(Server::frontend().handler(handler), 1 << 16, &[]).await;
    client.get(1, "/").await;
    let (frames, closed) = attend(&mut client, 3601 * SECOND).await;
    let data: Vec<u8> = frames
        .iter()
        .filter(|frame| frame.kind == kind::DATA)
        .flat_map(|frame| frame.payload.clone())
        .collect();
    assert_eq!((String::from_utf8(data).unwrap().as_str(), closed), ("firstsecond", false));
}

/// Rings when it is dropped.
struct Rings(Arc<Notify>);

impl Drop for Rings {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut_and_its_guards_are_dropped() {
    let dropped = Arc::new(Notify::new());
    let rings = Arc::clone(&dropped);
    let handler = handler_fn(move |_| {
        let guard = Rings(Arc::clone(&rings));
        let endless = repeat_with(|| Ok::<_, BodyError>(Bytes::from_static(&[b'x'; 1024])));
        async move { Response::new(Body::from_stream(endless).with_guard(guard)) }
    });
    let wide = [(setting::INITIAL_WINDOW_SIZE, 1 << 30)];
    let mut client = connect(Server::frontend().handler(handler), 1 << 10, &wide).await;
    client.send(kind::WINDOW_UPDATE, 0, 0, &(1u32 << 30).to_be_bytes()).await;
    client.get(1, "/").await;
    let begin = Instant::now();
    dropped.notified().await;
    let took = begin.elapsed();
    assert!(took >= 60 * SECOND && took < 61 * SECOND, "{took:?}");
    drop(client);
}
