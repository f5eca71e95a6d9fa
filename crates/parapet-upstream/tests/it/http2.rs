use bytes::Bytes;
use h2::Reason;
use h2::server::{Connection, SendResponse};
use http::{HeaderMap, Request, Response};
use parapet_core::{Body, BodyError};
use parapet_upstream::{Error, H2cTransport};
use tokio::net::TcpStream;

use crate::backend::{Backend, bytes, channel, is_pending, ok, text, within};

async fn accept(backend: &Backend) -> Connection<TcpStream, Bytes> {
    within(h2::server::handshake(backend.accept().await.stream)).await.unwrap()
}

type Stream = (Request<h2::RecvStream>, SendResponse<Bytes>);

async fn next(conn: &mut Connection<TcpStream, Bytes>) -> Stream {
    within(conn.accept()).await.unwrap().unwrap()
}

fn answer(mut stream: Stream, body: &'static str) {
    let mut send = stream.1.send_response(Response::new(()), false).unwrap();
    send.send_data(bytes(body), true).unwrap();
}

/// Polls the connection until the client is done.
async fn finish(mut conn: Connection<TcpStream, Bytes>) {
    while let Some(Ok(stream)) = within(conn.accept()).await {
        answer(stream, "late");
    }
}

#[tokio::test]
async fn ten_first_requests_dial_once_and_share_the_connection() {
    let backend = Backend::start().await;
    let transport = H2cTransport::new();
    let client = backend.client(transport.clone());
    let origin = async {
        let mut conn = accept(&backend).await;
        for _ in 0..10 {
            let stream = next(&mut conn).await;
            assert_eq!(stream.0.uri(), "http://example.com/");
            assert!(stream.0.headers().get("host").is_none());
            answer(stream, "h2");
        }
        finish(conn).await;
    };
    let requests = async {
        let bodies = futures_util::future::join_all((0..10).map(|_| client.text())).await;
        assert!(bodies.iter().all(|body| body == "h2"));
        assert_eq!(transport.stats().remove(0).opened, 1);
        drop(client);
    };
    tokio::join!(origin, requests);
    assert!(!backend.has_another().await);
}

#[tokio::test]
async fn one_stream_too_many_opens_a_second_connection() {
    let backend = Backend::start().await;
    let transport = H2cTransport::new();
    let client = backend.client(transport.clone());
    let origin = async {
        let mut first = accept(&backend).await;
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(next(&mut first).await);
        }
        let mut second = accept(&backend).await;
        answer(next(&mut second).await, "second");
        for stream in held {
            answer(stream, "first");
        }
        tokio::join!(finish(first), finish(second));
    };
    let requests = async {
        let mut bodies = futures_util::future::join_all((0..101).map(|_| client.text())).await;
        bodies.sort();
        assert_eq!((bodies[0].as_str(), bodies[100].as_str()), ("first", "second"));
        assert_eq!(transport.stats().remove(0).opened, 2);
        drop(client);
    };
    tokio::join!(origin, requests);
}

#[tokio::test]
async fn bytes_flow_both_ways_and_trailers_arrive() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let (sender, body) = channel();
    let origin = async {
        let mut conn = accept(&backend).await;
        let (request, mut respond) = next(&mut conn).await;
        assert_eq!(request.headers()["te"], "trailers");
        let mut receive = request.into_body();
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        let echo = async {
            while let Some(data) = receive.data().await {
                send.send_data(data.unwrap(), false).unwrap();
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            trailers.insert("set-cookie", "a=b".parse().unwrap());
            send.send_trailers(trailers).unwrap();
        };
        tokio::join!(echo, finish(conn));
    };
    let talk = async {
        let request = Request::post("/").header("te", "trailers");
        let mut body = client.send(request, body).await.unwrap().into_body();
        for _ in 0..3 {
            sender.data("ping").await.unwrap();
            let frame = within(body.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), "ping");
        }
        sender.finish().await.unwrap();
        let trailers = within(body.frame()).await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!((trailers.len(), &trailers["grpc-status"]), (1, &"0".parse().unwrap()));
        drop((body, client));
    };
    tokio::join!(origin, talk);
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_whatever_its_method() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let origin = async {
        let mut conn = accept(&backend).await;
        let (_, mut respond) = next(&mut conn).await;
        respond.send_reset(Reason::REFUSED_STREAM);
        let again = async {
            let mut conn = accept(&backend).await;
            answer(next(&mut conn).await, "again");
            finish(conn).await;
        };
        tokio::join!(finish(conn), again);
    };
    let request = async {
        let response = client.send(Request::post("/"), Body::full("x")).await.unwrap();
        assert_eq!(text(response).await.unwrap(), "again");
        drop(client);
    };
    tokio::join!(origin, request);
}

#[tokio::test]
async fn any_other_reset_ends_the_attempt() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let origin = async {
        let mut conn = accept(&backend).await;
        let (_, mut respond) = next(&mut conn).await;
        respond.send_reset(Reason::INTERNAL_ERROR);
        finish(conn).await;
    };
    let request = async {
        let result = client.get().await;
        assert!(matches!(result, Err(Error::Closed { .. })), "{result:?}");
        drop(client);
    };
    tokio::join!(origin, request);
}

#[tokio::test]
async fn a_going_peer_costs_no_request() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let origin = async {
        loop {
            let mut conn = accept(&backend).await;
            for _ in 0..4 {
                answer(next(&mut conn).await, "ok");
            }
            conn.graceful_shutdown();
            // Streams that were on their way are answered, then it closes.
            finish(conn).await;
        }
    };
    let requests = async {
        for _ in 0..20 {
            let body = client.text().await;
            assert!(body == "ok" || body == "late", "{body}");
        }
        drop(client);
    };
    tokio::select! {
        () = origin => panic!("it accepts as many as there are"),
        () = requests => {}
    }
}

#[tokio::test]
async fn a_dropped_request_resets_its_stream_with_cancel_and_the_connection_stays() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let mut request = Box::pin(client.get());
    assert!(is_pending(&mut request).await);
    let served = async {
        let mut conn = accept(&backend).await;
        let stream = next(&mut conn).await;
        (conn, stream)
    };
    let (mut conn, mut stream) = tokio::select! {
        _ = &mut request => panic!("there is no answer"),
        served = served => served,
    };
    drop(request);
    let reset = std::future::poll_fn(|cx| stream.1.poll_reset(cx));
    let drive = async {
        answer(next(&mut conn).await, "next");
        finish(conn).await;
    };
    let more = async {
        assert_eq!(within(reset).await.unwrap(), Reason::CANCEL);
        assert_eq!(client.text().await, "next");
        drop(client);
    };
    tokio::join!(drive, more);
}

#[tokio::test]
async fn a_failing_request_body_resets_the_stream_and_is_the_clients_fault() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let (sender, body) = channel();
    let origin = async {
        let mut conn = accept(&backend).await;
        let (request, respond) = next(&mut conn).await;
        let mut body = request.into_body();
        let read = async {
            loop {
                match body.data().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error.reason(),
                    None => break None,
                }
            }
        };
        let (reset, ()) = tokio::join!(read, finish(conn));
        assert_eq!(reset, Some(Reason::CANCEL), "never a clean end");
        drop(respond);
    };
    let request = async {
        let feed = async {
            sender.data("abc").await.unwrap();
            sender.fail(BodyError::Malformed("chunk")).await.unwrap();
        };
        let (result, ()) = tokio::join!(client.send(Request::post("/"), body), feed);
        assert!(matches!(result, Err(Error::RequestBody(_))), "{result:?}");
        drop(client);
    };
    tokio::join!(origin, request);
}

#[tokio::test]
async fn a_reset_after_the_head_fails_the_body_with_its_code() {
    let (tell, seen) = tokio::sync::oneshot::channel();
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let origin = async {
        let mut conn = accept(&backend).await;
        let (_, mut respond) = next(&mut conn).await;
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        let reset = async {
            seen.await.unwrap();
            send.send_reset(Reason::INTERNAL_ERROR);
        };
        tokio::join!(reset, finish(conn));
    };
    let request = async {
        let response = client.get().await.unwrap();
        tell.send(()).unwrap();
        let body = text(response).await;
        assert!(matches!(body, Err(BodyError::Reset(2))), "{body:?}");
        drop(client);
    };
    tokio::join!(origin, request);
}

#[tokio::test]
async fn an_upgrade_goes_over_http1_to_the_same_address() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer(ok("no")).await
    };
    let request = client.send(Request::get("/").header("upgrade", "p"), Body::empty());
    let (head, response) = tokio::join!(origin, request);
    assert!(head.ends_with("\r\nupgrade: p\r\nconnection: Upgrade\r\n\r\n"), "{head}");
    assert_eq!(text(response.unwrap()).await.unwrap(), "no");
}

#[tokio::test]
async fn a_peer_that_answers_with_http1_breaks_the_protocol() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new());
    let origin = async {
        let mut conn = backend.accept().await;
        conn.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        conn.closed().await
    };
    let (_, result) = tokio::join!(origin, client.get());
    assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
}

#[tokio::test]
async fn blanks_at_the_ends_of_values_stay_behind() {
    let rows =
        [(" value", "value"), ("value\t", "value"), (" \ta b\t ", "a b"), ("  ", ""), ("v", "v")];
    for (sent, passed) in rows {
        let backend = Backend::start().await;
        let client = backend.client(H2cTransport::new());
        let origin = async {
            let mut conn = accept(&backend).await;
            let (_, mut respond) = next(&mut conn).await;
            let head = Response::builder().header("x-own", sent).header("x-own", "other");
            let mut send = respond.send_response(head.body(()).unwrap(), false).unwrap();
            send.send_data(bytes("x"), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", sent.parse().unwrap());
            send.send_trailers(trailers).unwrap();
            finish(conn).await;
        };
        let request = async {
            let response = client.get().await.unwrap();
            let values: Vec<_> = response.headers().get_all("x-own").iter().collect();
            assert_eq!(values, [passed, "other"], "{sent:?}");
            let (_, trailers) = crate::support::read(response.into_body()).await.unwrap();
            assert_eq!(trailers["x-sum"], passed, "{sent:?}");
            drop(client);
        };
        tokio::join!(origin, request);
    }
}

#[tokio::test]
async fn content_that_does_not_have_its_length_fails_the_body() {
    for content in ["ab", "abcdefgh"] {
        let backend = Backend::start().await;
        let client = backend.client(H2cTransport::new());
        let origin = async {
            let mut conn = accept(&backend).await;
            let (_, mut respond) = next(&mut conn).await;
            let head = Response::builder().header("content-length", "5").body(()).unwrap();
            let mut send = respond.send_response(head, false).unwrap();
            send.send_data(bytes(content), true).unwrap();
            finish(conn).await;
        };
        let request = async {
            // Either way the client learns of it: before the head, if all came at once.
            if let Ok(response) = client.get().await {
                let body = text(response).await;
                assert!(body.is_err(), "{content:?}: {body:?}");
            }
            drop(client);
        };
        tokio::join!(origin, request);
    }
}

/// Workers on threads of their own, of which the first made the only connection there may be.
#[tokio::test]
async fn at_the_limit_workers_share_a_connection() {
    let backend = Backend::start().await;
    let client = backend.client(H2cTransport::new().max_conn(1));
    let origin = async {
        let mut conn = accept(&backend).await;
        for _ in 0..9 {
            answer(next(&mut conn).await, "shared");
        }
        finish(conn).await;
    };
    let requests = async {
        assert_eq!(client.text().await, "shared");
        for _ in 0..8 {
            let client = client.clone();
            let worker = std::thread::spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                runtime.enable_all().build().unwrap().block_on(client.text())
            });
            let joined = tokio::task::spawn_blocking(|| worker.join().unwrap());
            assert_eq!(joined.await.unwrap(), "shared");
        }
        drop(client);
    };
    tokio::join!(origin, requests);
    assert!(!backend.has_another().await);
}

#[tokio::test]
async fn a_connection_without_an_age_limit_is_watched_all_the_same() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut tasks = Vec::new();
    for limit in [std::time::Duration::from_secs(60), std::time::Duration::MAX] {
        let before = alive();
        let backend = Backend::start().await;
        let client = backend.client(H2cTransport::new().idle_conn_timeout(limit));
        let origin = async {
            let mut conn = accept(&backend).await;
            answer(next(&mut conn).await, "x");
            finish(conn).await;
        };
        let request = async {
            client.text().await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            tasks.push(alive() - before);
            drop(client);
        };
        tokio::join!(origin, request);
        while alive() > before {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(tasks, [2, 2], "driver and reaper");
}

/// The response is dropped before its end, or was read to its end: a body that is still sent is for nobody then.
#[tokio::test]
async fn a_response_that_nobody_reads_further_ends_its_upload() {
    for whole in [false, true] {
        let backend = Backend::start().await;
        let client = backend.client(H2cTransport::new());
        let (sender, body) = channel();
        let origin = async {
            let mut conn = accept(&backend).await;
            let (request, mut respond) = next(&mut conn).await;
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            send.send_data(bytes("early"), whole).unwrap();
            let mut body = request.into_body();
            let read = async {
                loop {
                    match within(body.data()).await {
                        Some(Ok(_)) => {}
                        Some(Err(error)) => break error.reason(),
                        None => break None,
                    }
                }
            };
            let (reset, ()) = tokio::join!(read, finish(conn));
            assert_eq!(reset, Some(Reason::CANCEL), "{whole}");
        };
        let request = async {
            let response = client.send(Request::post("/"), body).await.unwrap();
            sender.data("abc").await.unwrap();
            if whole {
                assert_eq!(text(response).await.unwrap(), "early");
            } else {
                drop(response);
            }
            within(sender.closed()).await;
            drop(client);
        };
        tokio::join!(origin, request);
    }
}
