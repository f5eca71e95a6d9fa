use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderValue, Request, StatusCode, header};
use parapet_core::{Body, Deadline, Handler, Response, ResponseError};
use parapet_upstream::{Client, ConfigError, ConnectErrorKind, Error, TimeoutKind};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::backend::{Backend, Conn, ok, text, within};

fn get(uri: impl AsRef<str>) -> parapet_core::Request {
    Request::get(uri.as_ref()).body(Body::empty()).unwrap()
}

fn url(backend: &Backend, path: &str) -> String {
    format!("http://{}{path}", backend.host())
}

fn kind(response: &Response) -> Option<(&str, &str)> {
    response.extensions().get::<ResponseError>().map(|error| (error.source(), error.kind()))
}

#[tokio::test]
async fn beside_host_and_framing_only_the_callers_fields_are_sent() {
    let plain = Client::new();
    let named = Client::builder().user_agent(HeaderValue::from_static("edge/1")).build().unwrap();
    let rows = [
        (
            &plain,
            "/a/../b//c%2F?q=%20",
            Request::get("/"),
            "",
            "GET /a/../b//c%2F?q=%20 HTTP/1.1",
            "",
        ),
        (&plain, "?q", Request::get("/"), "", "GET /?q HTTP/1.1", ""),
        (&plain, "", Request::get("/"), "", "GET / HTTP/1.1", ""),
        (
            &plain,
            "/",
            Request::post("/").header("x-own", "1"),
            "text",
            "POST / HTTP/1.1",
            "x-own: 1\r\ncontent-length: 4\r\n",
        ),
        (&plain, "/", Request::post("/"), "", "POST / HTTP/1.1", "content-length: 0\r\n"),
        (
            &plain,
            "/",
            Request::get("/")
                .header("host", "elsewhere")
                .header("connection", "x-hop, upgrade")
                .header("x-hop", "1")
                .header("upgrade", "websocket")
                .header("cookie", "a=1")
                .header("cookie", "b=2"),
            "",
            "GET / HTTP/1.1",
            "cookie: a=1; b=2\r\n",
        ),
        (&named, "/", Request::get("/"), "", "GET / HTTP/1.1", "user-agent: edge/1\r\n"),
        (
            &named,
            "/",
            Request::get("/").header("user-agent", "own"),
            "",
            "GET / HTTP/1.1",
            "user-agent: own\r\n",
        ),
    ];
    for (client, path, request, body, line, fields) in rows {
        let backend = Backend::start().await;
        let request = request.uri(url(&backend, path)).body(Body::from(body)).unwrap();
        let origin = async {
            let mut conn = backend.accept().await;
            let head = conn.head().await;
            if !body.is_empty() {
                conn.until(body.as_bytes()).await;
            }
            conn.send(ok("")).await;
            head
        };
        let (head, response) = tokio::join!(origin, client.round_trip(request));
        response.unwrap();
        assert_eq!(head, format!("{line}\r\nhost: {}\r\n{fields}\r\n", backend.host()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_on_a_multi_thread_runtime() {
    let backend = Backend::start().await;
    let client = Client::new();
    let origin = async {
        for _ in 0..4 {
            let mut conn = backend.accept().await;
            tokio::spawn(async move {
                while let Ok(Ok(())) =
                    tokio::time::timeout(Duration::from_secs(5), conn.stream.readable()).await
                {
                    if conn.stream.try_read_buf(&mut conn.read).is_ok_and(|count| count == 0) {
                        return;
                    }
                    if conn.read.ends_with(b"\r\n\r\n") {
                        conn.read.clear();
                        conn.send(ok("x")).await;
                    }
                }
            });
        }
        std::future::pending::<()>().await;
    };
    let requests = (0..4).map(|_| {
        let (client, uri) = (client.clone(), url(&backend, "/"));
        tokio::spawn(async move {
            for _ in 0..50 {
                assert_eq!(text(client.round_trip(get(&uri)).await.unwrap()).await.unwrap(), "x");
            }
        })
    });
    let requests = join_all(requests.collect::<Vec<_>>());
    tokio::select! {
        () = origin => {}
        results = within(requests) => for result in results { result.unwrap() },
    }
}

#[tokio::test]
async fn a_redirect_comes_back_and_a_cookie_does_not_go_out() {
    let backend = Backend::start().await;
    let client = Client::new();
    let answer = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\nset-cookie: id=1\r\n\
                  content-length: 0\r\n\r\n";
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer(answer).await;
        conn.answer(ok("")).await
    };
    let requests = async {
        let response = client.round_trip(get(url(&backend, "/"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(response.headers()[header::LOCATION], "/elsewhere");
        client.round_trip(get(url(&backend, "/next"))).await.unwrap();
    };
    let (second, ()) = tokio::join!(origin, requests);
    assert_eq!(second, format!("GET /next HTTP/1.1\r\nhost: {}\r\n\r\n", backend.host()));
}

/// The test runs itself again, in a process that has the variables.
#[tokio::test]
async fn proxy_variables_are_not_read() {
    if std::env::var_os("PARAPET_TEST_INNER").is_some() {
        return ask_directly().await;
    }
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "client::proxy_variables_are_not_read"])
        .env("PARAPET_TEST_INNER", "1");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"] {
        command.env(name, &address);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    // Whoever connected waits in the queue of the listener, before this one.
    let own = TcpStream::connect(proxy.local_addr().unwrap()).await.unwrap();
    assert_eq!(proxy.accept().await.unwrap().1, own.local_addr().unwrap(), "somebody connected");
}

async fn ask_directly() {
    let backend = Backend::start().await;
    let client = Client::new();
    let origin = async { backend.accept().await.answer(ok("direct")).await };
    let (_, response) = tokio::join!(origin, client.round_trip(get(url(&backend, "/"))));
    assert_eq!(text(response.unwrap()).await.unwrap(), "direct");
    // Nobody listens there, and no proxy is asked instead.
    let scheme = if cfg!(feature = "tls") { "https" } else { "http" };
    let uri = format!("{scheme}://127.0.0.1:{}/", port_without_listener().await);
    let refused = client.round_trip(get(uri)).await.unwrap_err();
    assert!(matches!(refused, Error::Connect { kind: ConnectErrorKind::Refused, .. }));
}

async fn port_without_listener() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_failure_is_told_from_an_answer_of_the_origin() {
    let backend = Backend::start().await;
    let refused = format!("http://127.0.0.1:{}/", port_without_listener().await);
    let handler: Handler = parapet_upstream::client();
    let response = handler.serve(get(&refused)).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(kind(&response), Some(("upstream", "connect_refused")));
    let error = Client::new().round_trip(get(&refused)).await.unwrap_err();
    assert!(matches!(error, Error::Connect { kind: ConnectErrorKind::Refused, .. }));

    let answer = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
    let origin = async { backend.accept().await.answer(answer).await };
    let (_, response) = tokio::join!(origin, handler.serve(get(url(&backend, "/"))));
    assert_eq!((response.status(), kind(&response)), (StatusCode::BAD_GATEWAY, None));
}

#[tokio::test]
async fn a_head_that_is_late_is_a_504_at_its_time_or_at_the_deadline_before_it() {
    let (short, long) = (Duration::from_millis(50), Duration::from_secs(30));
    let rows = [
        (short, None, "header_timeout", TimeoutKind::ResponseHeader),
        (short, Some(long), "header_timeout", TimeoutKind::ResponseHeader),
        (long, Some(short), "deadline", TimeoutKind::Deadline),
    ];
    for (limit, deadline, expected, timeout) in rows {
        let backend = Backend::start().await;
        let client = Client::builder().response_header_timeout(limit).build().unwrap();
        let request = || {
            let mut request = get(url(&backend, "/"));
            if let Some(deadline) = deadline {
                request.extensions_mut().insert(Deadline(Instant::now() + deadline));
            }
            request
        };
        let start = Instant::now();
        let error = client.round_trip(request()).await.unwrap_err();
        assert!(matches!(error, Error::Timeout(kind) if kind == timeout), "{error:?}");
        let response = Handler::from(client.clone()).serve(request()).await;
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(kind(&response), Some(("upstream", expected)));
        assert!((2 * short..long).contains(&start.elapsed()));
    }
}

#[tokio::test]
async fn what_names_no_origin_is_refused_without_a_dial() {
    let client = Client::builder()
        .dial(|_| async { panic!("dialed") as std::io::Result<TcpStream> })
        .build()
        .unwrap();
    let handler = Handler::from(client.clone());
    let rows = [
        ("GET", "/x"),
        ("GET", "ftp://h/"),
        ("GET", "http://u:p@h/"),
        ("GET", "https://u@h/"),
        ("GET", "http://h:0/"),
        ("CONNECT", "h:443"),
        ("CONNECT", "http://h/"),
        ("OPTIONS", "*"),
    ];
    for (method, uri) in rows {
        let request = || Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        let response = handler.serve(request()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{method} {uri}");
        assert_eq!(kind(&response), Some(("upstream", "bad_request")), "{method} {uri}");
        let error = client.round_trip(request()).await.unwrap_err();
        assert!(matches!(error, Error::Other(_)), "{error:?}");
        assert!(!format!("{error:?}").contains("u:p"), "{error:?}");
    }
    assert!(client.stats().is_empty());
}

#[tokio::test]
async fn the_host_used_longest_ago_loses_its_idle_connection_and_is_asked_again() {
    let client = Client::builder().max_hosts(2).build().unwrap();
    let ask = |backend: &Backend| {
        let (client, uri) = (client.clone(), url(backend, "/"));
        async move {
            assert_eq!(text(client.round_trip(get(uri)).await.unwrap()).await.unwrap(), "x");
        }
    };
    let mut backends = Vec::new();
    for _ in 0..3 {
        backends.push(Backend::start().await);
    }
    let mut conns: Vec<Conn> = Vec::new();
    for backend in &backends {
        let origin = async {
            let mut conn = backend.accept().await;
            conn.answer(ok("x")).await;
            conn
        };
        let (conn, ()) = tokio::join!(origin, ask(backend));
        conns.push(conn);
        assert!(client.stats().len() <= 2);
    }
    assert_eq!(conns.remove(0).closed().await, b"");
    // The second one's connection stays until the first is asked again.
    let origin = async { backends[0].accept().await.answer(ok("x")).await };
    tokio::join!(origin, ask(&backends[0]));
    assert_eq!(conns.remove(0).closed().await, b"");
    assert_eq!(client.stats().len(), 2);
}

#[tokio::test]
async fn an_exchange_with_a_host_that_was_given_up_ends_well_and_its_connection_goes() {
    let client = Client::builder().max_hosts(1).build().unwrap();
    let (first, second) = (Backend::start().await, Backend::start().await);
    let begun = async {
        let mut conn = first.accept().await;
        conn.answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbe").await;
        conn
    };
    let (mut conn, response) = tokio::join!(begun, client.round_trip(get(url(&first, "/"))));
    let origin = async { second.accept().await.answer(ok("")).await };
    let (_, other) = tokio::join!(origin, client.round_trip(get(url(&second, "/"))));
    other.unwrap();
    conn.send("ok").await;
    assert_eq!(text(response.unwrap()).await.unwrap(), "beok");
    assert_eq!(conn.closed().await, b"");
}

#[tokio::test]
async fn eight_idle_connections_stay_of_ten() {
    let backend = Backend::start().await;
    let client = Client::new();
    let origin = async {
        let mut conns = Vec::new();
        for _ in 0..10 {
            let mut conn = backend.accept().await;
            conn.head().await;
            conns.push(conn);
        }
        for conn in &mut conns {
            conn.send(ok("x")).await;
        }
        conns
    };
    let requests = join_all((0..10).map(|_| client.round_trip(get(url(&backend, "/")))));
    let (_conns, responses) = tokio::join!(origin, requests);
    for response in responses {
        assert_eq!(text(response.unwrap()).await.unwrap(), "x");
    }
    let stats = client.stats();
    assert_eq!((stats[0].idle, stats[0].active, stats[0].opened), (8, 0, 10));
}

#[tokio::test]
async fn the_hook_hears_of_each_call_once() {
    let backend = Backend::start().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let client = Client::builder()
        .on_round_trip({
            let heard = Arc::clone(&heard);
            move |head, info| {
                let host = info.host.map(str::to_owned);
                heard.lock().unwrap().push((head.uri.to_string(), host, info.status, info.reused));
            }
        })
        .build()
        .unwrap();
    let origin = async {
        let mut conn = backend.accept().await;
        conn.answer(ok("")).await;
        conn.answer(ok("")).await;
    };
    let requests = async {
        for _ in 0..2 {
            client.round_trip(get(url(&backend, "/a?b"))).await.unwrap();
        }
    };
    tokio::join!(origin, requests);
    let call = |reused| (url(&backend, "/a?b"), Some(backend.host()), Some(200), reused);
    assert_eq!(*heard.lock().unwrap(), [call(false), call(true)]);
}

#[test]
fn settings_outside_their_range_are_refused() {
    let zero = Duration::ZERO;
    let rows = [
        (Client::builder().max_hosts(0), "max_hosts"),
        (Client::builder().max_response_head(1), "max_response_head"),
        (Client::builder().max_response_fields(257), "max_response_fields"),
        (Client::builder().dial_timeout(zero), "dial_timeout"),
        (Client::builder().response_header_timeout(zero), "response_header_timeout"),
        (Client::builder().max_conn_wait(zero), "max_conn_wait"),
        (Client::builder().idle_conn_timeout(zero), "idle_conn_timeout"),
    ];
    for (builder, setting) in rows {
        match builder.build() {
            Err(ConfigError::Value { field, .. }) => assert_eq!(field, setting),
            other => panic!("{setting}: {other:?}"),
        }
    }
}

#[cfg(all(feature = "tls", feature = "http2"))]
mod over_tls {
    use super::*;
    use crate::tls::{Authority, accept, acceptor};

    fn client(authority: &Authority) -> Client {
        Client::builder().roots([authority.root()]).unwrap().build().unwrap()
    }

    #[tokio::test]
    async fn http2_is_spoken_where_the_other_side_has_it() {
        let authority = Authority::new();
        for (offered, h2) in [(&["h2", "http/1.1"][..], true), (&["http/1.1"][..], false)] {
            let backend = Backend::start().await;
            let acceptor = acceptor(authority.sign("127.0.0.1", 2100), offered, None);
            let client = client(&authority);
            let uri = format!("https://{}/x", backend.host());
            let origin = async {
                let mut conn = accept(&backend, &acceptor).await.unwrap();
                if h2 {
                    let mut conn = h2::server::handshake(conn.stream).await.unwrap();
                    let (request, mut answer) = conn.accept().await.unwrap().unwrap();
                    assert_eq!(request.uri().to_string(), uri);
                    assert!(request.headers().is_empty(), "{request:?}");
                    answer.send_response(http::Response::new(()), true).unwrap();
                    assert!(conn.accept().await.is_none());
                    return;
                }
                conn.answer(ok("")).await;
            };
            let request = async {
                let response = within(client.round_trip(get(&uri))).await.unwrap();
                let version = if h2 { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
                assert_eq!(response.version(), version);
                drop(client);
            };
            tokio::join!(origin, request);
        }
    }

    #[tokio::test]
    async fn a_certificate_that_does_not_hold_is_a_502() {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let rows = [
            ("untrusted", stranger.sign("127.0.0.1", 2100)),
            ("expired", authority.sign("127.0.0.1", 2001)),
            ("wrong name", authority.sign("other.example", 2100)),
        ];
        for (name, identity) in rows {
            let backend = Backend::start().await;
            let acceptor = acceptor(identity, &[], None);
            let client = client(&authority);
            let uri = format!("https://{}/", backend.host());
            let origin = async { accept(&backend, &acceptor).await.is_err() };
            let (_, result) = tokio::join!(origin, client.round_trip(get(&uri)));
            let error = result.unwrap_err();
            assert!(
                matches!(error, Error::Connect { kind: ConnectErrorKind::Tls, .. }),
                "{name}: {error:?}"
            );
            let handler = Handler::from(client);
            let origin = async { accept(&backend, &acceptor).await.is_err() };
            let (_, response) = tokio::join!(origin, handler.serve(get(&uri)));
            assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
            assert_eq!(kind(&response), Some(("upstream", "connect_tls")), "{name}");
        }
    }
}
