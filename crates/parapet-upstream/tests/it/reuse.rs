use http::Method;
use parapet_core::{Body, CloseDelimited};
use parapet_upstream::HttpTransport;
use tokio::io::AsyncWriteExt;

use crate::backend::{Backend, Client, Conn, is_pending, ok, text, within};

#[tokio::test]
async fn one_connection_serves_sequential_requests_in_order() {
    let backend = Backend::start().await;
    let client = backend.http();
    let origin = async {
        let mut conn = backend.accept().await;
        for turn in 0..1000 {
            let head = conn.answer(ok(&turn.to_string())).await;
            assert!(head.starts_with(&format!("GET /{turn} HTTP/1.1\r\nhost: example.com\r\n")));
        }
        conn
    };
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let requests = async {
        let mut after_first = 0;
        for turn in 0..1000 {
            let request = http::Request::get(format!("/{turn}"));
            let response = client.send(request, Body::empty()).await.unwrap();
            assert_eq!(text(response).await.unwrap(), turn.to_string());
            if turn == 0 {
                after_first = tasks();
            }
        }
        assert_eq!(tasks(), after_first, "nothing is spawned but the one reaper");
    };
    tokio::join!(origin, requests);
    assert!(!backend.has_another().await);
}

/// What a response says, and whether its connection carries the next request.
#[tokio::test]
async fn a_connection_is_reused_only_after_a_message_that_delimits_itself() {
    let rows: &[(&str, &str, &str, bool)] = &[
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok", true),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "", true),
        (
            "GET",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "ok",
            true,
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", "", true),
        ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", "", true),
        ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", "", false),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", "", true),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "", true),
        ("GET", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", "ok", false),
        ("GET", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok", false),
        (
            "GET",
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
            "ok",
            true,
        ),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK", "ok", false),
        (
            "GET",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "ok",
            false,
        ),
    ];
    for (method, answer, content, reused) in rows {
        let backend = Backend::start().await;
        let client = backend.http();
        let request = || http::Request::builder().method(Method::try_from(*method).unwrap());
        let origin = async {
            let mut conn = backend.accept().await;
            conn.answer(answer).await;
            if *reused {
                conn.answer(answer).await;
                return;
            }
            assert_eq!(conn.closed().await, b"", "{answer:?}");
            backend.accept().await.answer(answer).await;
        };
        let requests = async {
            for _ in 0..2 {
                let response = client.send(request(), Body::empty()).await.unwrap();
                assert_eq!(text(response).await.unwrap(), *content, "{answer:?}");
            }
        };
        tokio::join!(origin, requests);
    }
}

#[tokio::test]
async fn a_body_that_lasts_until_close_says_so_and_one_with_a_length_does_not() {
    for (answer, noted) in [
        ("HTTP/1.1 200 OK\r\n\r\nok", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false),
    ] {
        let backend = Backend::start().await;
        let client = backend.http();
        let origin = async {
            let mut conn = backend.accept().await;
            conn.answer(answer).await;
            conn.stream.shutdown().await.unwrap();
            conn
        };
        let (response, _conn) = tokio::join!(client.get(), origin);
        let response = response.unwrap();
        assert_eq!(response.extensions().get::<CloseDelimited>().is_some(), noted);
        assert_eq!(text(response).await.unwrap(), "ok");
    }
}

#[tokio::test]
async fn without_keep_alive_each_request_has_a_connection_and_says_so() {
    let backend = Backend::start().await;
    let client = backend.client(HttpTransport::new().disable_keep_alives(true));
    for _ in 0..2 {
        let origin = async {
            let mut conn = backend.accept().await;
            assert!(conn.answer(ok("x")).await.contains("\r\nconnection: close\r\n"));
            conn.closed().await
        };
        let (_, body) = tokio::join!(origin, client.text());
        assert_eq!(body, "x");
    }
}

#[tokio::test]
async fn clones_share_connections_and_a_changed_clone_does_not() {
    let backend = Backend::start().await;
    let transport = HttpTransport::new();
    let same = backend.client(transport.clone());
    let other = backend.client(transport.clone().max_idle_conns(7));
    let first = backend.client(transport);
    let mut conn = serve(&backend, &first).await;
    let (_, body) = tokio::join!(conn.answer(ok("same")), same.text());
    assert_eq!(body, "same");
    let (_, body) =
        tokio::join!(async { backend.accept().await.answer(ok("other")).await }, other.text());
    assert_eq!(body, "other");
}

/// One exchange; the connection is idle afterwards.
async fn serve(backend: &Backend, client: &Client) -> Conn {
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer(ok("first")).await;
        conn
    };
    let (conn, body) = tokio::join!(origin, client.text());
    assert_eq!(body, "first");
    conn
}

#[tokio::test]
async fn bytes_on_an_idle_connection_close_it_and_are_nobodys_response() {
    let backend = Backend::start().await;
    let client = backend.http();
    let mut conn = serve(&backend, &client).await;
    conn.send(ok("poison")).await;
    assert_eq!(conn.closed().await, b"", "the reaper closes it without a request");
    let (_, body) =
        tokio::join!(async { backend.accept().await.answer(ok("own")).await }, client.text());
    assert_eq!(body, "own");
}

#[tokio::test]
async fn a_response_that_lies_in_the_socket_before_the_request_is_not_taken_for_its_answer() {
    let backend = Backend::start().await;
    let client = backend.http();
    let conn = serve(&backend, &client).await;
    // Written without giving the reaper a turn: only the check at check-out can see it.
    assert!(conn.stream.try_write(ok("poison").as_bytes()).is_ok());
    let post = client.send(http::Request::post("/"), Body::empty());
    let (_, response) =
        tokio::join!(async { backend.accept().await.answer(ok("own")).await }, post);
    assert_eq!(text(response.unwrap()).await.unwrap(), "own");
}

#[tokio::test]
async fn a_post_never_meets_a_connection_whose_end_the_kernel_knows() {
    let backend = Backend::start().await;
    let client = backend.http();
    for _ in 0..50 {
        let conn = serve(&backend, &client).await;
        drop(conn); // FIN, before the I/O driver has a turn
        let post = client.send(http::Request::post("/"), Body::full("x"));
        let origin = async {
            let mut conn = backend.accept().await;
            conn.until(b"x").await;
            conn.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        };
        let ((), response) = tokio::join!(origin, post);
        assert_eq!(response.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_closed_connection_is_noticed_without_budget_too() {
    let backend = Backend::start().await;
    let client = backend.http();
    let conn = serve(&backend, &client).await;
    drop(conn);
    // The reaper's turn, in which it sees the end.
    tokio::task::yield_now().await;
    let spent = async {
        // All of the task's budget goes before the request.
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..200 {
            sender.send(()).unwrap();
        }
        let drain = std::future::poll_fn(|cx| {
            while let std::task::Poll::Ready(Some(())) = receiver.poll_recv(cx) {}
            std::task::Poll::Ready(())
        });
        drain.await;
        client.send(http::Request::post("/"), Body::empty()).await
    };
    let (_, response) =
        tokio::join!(async { backend.accept().await.answer(ok("own")).await }, spent);
    assert_eq!(text(response.unwrap()).await.unwrap(), "own");
}

#[tokio::test]
async fn the_thirty_third_idle_connection_closes_the_oldest() {
    let backend = Backend::start().await;
    let client = backend.http();
    let origin = async {
        let mut conns = Vec::new();
        for _ in 0..33 {
            let mut conn = backend.accept().await;
            conn.head().await;
            conns.push(conn);
        }
        // All at the same time, so that none is reused; answered in order.
        for conn in &mut conns {
            conn.send(ok("x")).await;
        }
        conns
    };
    let requests = futures_util::future::join_all((0..33).map(|_| client.text()));
    let (mut conns, _) = tokio::join!(origin, requests);
    assert_eq!(conns.remove(0).closed().await, b"");
}

#[tokio::test]
async fn a_removed_target_loses_its_idle_connections() {
    let backend = Backend::start().await;
    let transport = HttpTransport::new();
    let client = backend.client(transport.clone());
    let conn = serve(&backend, &client).await;
    assert_eq!(transport.stats().iter().map(|stats| stats.idle).sum::<usize>(), 1);
    drop(client);
    assert_eq!(conn.closed().await, b"");
    assert!(transport.stats().is_empty());
}

#[tokio::test]
async fn a_first_exchange_may_be_polled_in_one_task_and_end_in_another() {
    let backend = Backend::start().await;
    let client = backend.http();
    let mut request = Box::pin(async move { client.text().await });
    assert!(is_pending(&mut request).await);
    let mut conn = backend.accept().await;
    let request = tokio::spawn(request);
    conn.answer(ok("moved")).await;
    assert_eq!(within(request).await.unwrap(), "moved");
}

#[tokio::test]
async fn a_connection_that_ends_on_its_way_to_a_waiting_post_is_replaced() {
    let backend = Backend::start().await;
    let client = backend.client(HttpTransport::new().max_conn(1));
    let mut first = Box::pin(client.get());
    assert!(is_pending(&mut first).await);
    let mut conn = backend.accept().await;
    while !conn.read.ends_with(b"\r\n\r\n") {
        assert!(is_pending(&mut first).await);
        tokio::task::yield_now().await;
        let _ = conn.stream.try_read_buf(&mut conn.read);
    }
    let mut second = Box::pin(client.send(http::Request::post("/"), Body::full("x")));
    assert!(is_pending(&mut second).await, "at the limit it waits");
    conn.send(ok("first")).await;
    let response = first.await.unwrap();
    drop(conn); // FIN, before the I/O driver has a turn: the second has the connection already
    let origin = async {
        let mut conn = backend.accept().await;
        conn.until(b"x").await;
        conn.send(ok("second")).await;
        conn
    };
    let (second, _conn) = tokio::join!(second, origin);
    assert_eq!(text(response).await.unwrap(), "first");
    assert_eq!(text(second.unwrap()).await.unwrap(), "second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_a_connection_that_lies_idle() {
    let backend = Backend::start().await;
    let transport =
        HttpTransport::new().max_conn(1).max_conn_wait(std::time::Duration::from_secs(60));
    let client = backend.client(transport);
    let origin = tokio::spawn(async move {
        let mut conn = backend.accept().await;
        for _ in 0..600 {
            conn.answer(ok("x")).await;
        }
        conn
    });
    let rounds = async {
        for _ in 0..300 {
            let (one, other) = (client.clone(), client.clone());
            let one = tokio::spawn(async move { one.text().await });
            let other = tokio::spawn(async move { other.text().await });
            assert_eq!((one.await.unwrap(), other.await.unwrap()), ("x".into(), "x".into()));
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(50), rounds).await.expect("one waited");
    origin.await.unwrap();
}

#[tokio::test]
async fn any_keep_alive_time_makes_connections() {
    for time in [1, 999, 40_000_000, u64::MAX] {
        let backend = Backend::start().await;
        let time = std::time::Duration::from_millis(time);
        let client = backend.client(HttpTransport::new().tcp_keep_alive(time));
        drop(serve(&backend, &client).await);
    }
}
