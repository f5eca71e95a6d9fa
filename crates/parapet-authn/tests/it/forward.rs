use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_authn::{Error, Forward};
use parapet_core::{
    Body, ConnMeta, Handler, Request, RequestExt, Response, Server, from_fn, handler_fn,
};
use parapet_testkit::{RawClient, RawOrigin, free_port};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::time::{Instant, advance, timeout};

use crate::support::{Backend, get, reason, status, text, wrap};

/// An auth server that answers each head with `answer` and goes on.
async fn auth_server(answer: &'static str) -> RawOrigin {
    RawOrigin::start(move |mut conn| async move {
        conn.read_head().await;
        conn.send(answer).await;
    })
    .await
}

fn asking(server: &RawOrigin) -> Forward {
    Forward::new(format!("http://{}/auth?app=1", server.address()))
}

#[tokio::test]
async fn a_refusal_is_relayed_exactly_and_a_yes_goes_on() {
    for (answer, expected, body, field) in [
        (
            "HTTP/1.1 401 Nope\r\nwww-authenticate: Custom\r\ncontent-length: 5\r\n\r\nnope\n",
            401,
            "nope\n",
            Some(("www-authenticate", "Custom")),
        ),
        (
            "HTTP/1.1 403 F\r\nx-why: because\r\ntransfer-encoding: chunked\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            403,
            "abc",
            Some(("x-why", "because")),
        ),
        ("HTTP/1.1 500 E\r\ncontent-length: 2\r\n\r\nno", 500, "no", None),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 429 T\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n",
            429,
            "",
            Some(("retry-after", "9")),
        ),
        ("HTTP/1.1 304 N\r\netag: \"x\"\r\n\r\n", 304, "", Some(("etag", "\"x\""))),
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes", 200, "backend", None),
        ("HTTP/1.1 204 N\r\n\r\n", 200, "backend", None),
        ("HTTP/1.1 299 N\r\ncontent-length: 0\r\n\r\n", 200, "backend", None),
    ] {
        let server = auth_server(answer).await;
        let (handler, backend) = wrap(&asking(&server).build().unwrap());
        let response = handler.serve(get(&[])).await;
        assert_eq!(response.status(), expected, "{answer}");
        if let Some((name, value)) = field {
            assert_eq!(response.headers()[name], value, "{answer}");
        }
        for hop in ["x-hop", "connection", "transfer-encoding"] {
            assert!(!response.headers().contains_key(hop), "{answer}");
        }
        assert_eq!(text(response).await, body, "{answer}");
        assert_eq!(backend.requests(), usize::from(body == "backend"), "{answer}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_login_page_is_the_browsers() {
    let login = auth_server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let place = format!("http://{}/login", login.address());
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: {place}\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n"
    );
    let server = auth_server(Box::leak(answer.into_boxed_str())).await;
    let (handler, backend) = wrap(&asking(&server).build().unwrap());
    let response = handler.serve(get(&[])).await;
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], place.as_str());
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!((login.connections(), backend.requests()), (0, 0));
}

/// What an auth server may do wrong, and the one answer to it.
#[tokio::test]
async fn no_usable_answer_is_503() {
    let absent = Forward::new(format!("http://127.0.0.1:{}/", free_port()));
    let mut cases = vec![("absent", absent, None)];
    for (case, answer) in [
        ("closes at once", ""),
        ("closes in the middle of the head", "HTTP/1.1 200 OK\r\nx-a: "),
        ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx"),
        ("a status that is none", "HTTP/1.1 20 OK\r\n\r\n"),
        (
            "a protocol that nobody asked for",
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        ),
        ("nothing but an early head", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
        ("a field without colon", "HTTP/1.1 200 OK\r\nbroken\r\n\r\n"),
    ] {
        let server = auth_server(answer).await;
        cases.push((case, asking(&server), Some(server)));
    }
    let plain = RawOrigin::start(|mut conn| async move {
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        conn.read_to_end().await;
    })
    .await;
    let tls = Forward::new(format!("https://{}/", plain.address()));
    cases.push(("no TLS", tls, Some(plain)));
    let flood = RawOrigin::start(|mut conn| async move {
        conn.read_head().await;
        conn.send("HTTP/1.1 200 OK\r\n").await;
        conn.send(format!("x-flood: {}\r\n", "x".repeat(60_000)).repeat(40)).await;
    })
    .await;
    cases.push(("a head without end", asking(&flood), Some(flood)));
    let hang = RawOrigin::start(|mut conn| async move {
        conn.read_head().await;
        conn.stall().await;
    })
    .await;
    let short = asking(&hang).timeout(Duration::from_millis(100));
    cases.push(("hangs", short, Some(hang)));
    let drip = RawOrigin::start(|mut conn| async move {
        conn.read_head().await;
        conn.send("HTTP/1.1 200 OK\r\nx-slow: ").await;
        conn.stall().await;
    })
    .await;
    let short = asking(&drip).timeout(Duration::from_millis(100));
    cases.push(("hangs in the head", short, Some(drip)));
    for status in [100, 101, 103, 199] {
        let client = scripted(move |_| {
            let mut response = yes(&[]);
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            response
        });
        let own = Forward::new("http://auth.test/").client(client);
        cases.push(("an own client that ends on an early head", own, None));
    }
    for (case, forward, _server) in cases {
        let (handler, backend) = wrap(&forward.build().unwrap());
        let response = handler.serve(get(&[])).await;
        assert_eq!((response.status().as_u16(), reason(&response)), (503, "unavailable"), "{case}");
        assert_eq!(text(response).await, "Auth Server Unavailable\n", "{case}");
        assert_eq!(backend.requests(), 0, "{case}");
    }
}

#[tokio::test]
async fn a_yes_whose_body_floods_or_lies_is_still_a_yes_and_costs_its_connection_alone() {
    let flood = RawOrigin::start(|mut conn| async move {
        conn.read_head().await;
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n").await;
        conn.send(vec![b'x'; 200_000]).await;
        conn.read_to_end().await;
    })
    .await;
    let lie = auth_server("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort").await;
    for server in [flood, lie] {
        let (handler, backend) = wrap(&asking(&server).build().unwrap());
        for connections in 1..=2 {
            assert_eq!(status(&handler, get(&[])).await, 200);
            assert_eq!(server.connections(), connections);
        }
        assert_eq!(backend.requests(), 2);
    }
}

/// The bytes that the auth server got for one request over a whole server, path rewritten as a prefix stripper does.
async fn seen(
    settings: impl FnOnce(Forward) -> Forward,
    request: &str,
) -> (String, Backend, String) {
    let server =
        auth_server("HTTP/1.1 200 OK\r\nx-auth-user: ann\r\ncontent-length: 0\r\n\r\n").await;
    let forward = settings(asking(&server)).build().unwrap();
    let strip = from_fn(|mut request: Request, next: parapet_core::Next| async move {
        request.set_path("/inner").unwrap();
        next.run(request).await
    });
    let backend = Backend::default();
    let connections = Server::frontend()
        .with(strip)
        .with(forward)
        .handler(backend.handler())
        .into_connections()
        .unwrap();
    let (mut client, io) = tokio::io::duplex(64 * 1024);
    let peer = "192.0.2.7:4711".parse().unwrap();
    tokio::spawn(connections.serve(io, ConnMeta::new(Some(peer))));
    client.write_all(request.as_bytes()).await.unwrap();
    let answer = RawClient::over(client).answer().await;
    (server.received().to_lowercase(), backend, answer.text().to_owned())
}

#[tokio::test]
async fn the_auth_server_sees_a_get_without_body_and_what_the_client_really_asked() {
    let request = "POST /outer/x?y=1 HTTP/1.1\r\nHost: edge.test:81\r\nContent-Length: 4\r\nContent-Type: text/x\r\n\
        Content-Encoding: zz\r\nExpect: 100-continue\r\nIf-None-Match: \"a\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
        Range: bytes=0-1\r\nTE: trailers\r\nConnection: x-hop\r\nX-Hop: 1\r\nCookie: s=1\r\nAuthorization: Own x\r\nX-Multi: 1\r\nX-Multi: 2\r\n\
        X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /public\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-For: 127.0.0.1\r\n\
        X-Forwarded-Proto: https\r\nX-Auth-User: root\r\n\r\nbody";
    let (received, backend, answer) =
        seen(|forward| forward.auth_response_headers(["X-Auth-User"]), request).await;
    assert_eq!(answer, "backend");
    assert!(received.starts_with("get /auth?app=1 http/1.1\r\n"), "{received}");
    assert!(received.ends_with("\r\n\r\n"), "{received}");
    for line in [
        "x-forwarded-method: post",
        "x-forwarded-host: edge.test:81",
        "x-forwarded-uri: /outer/x?y=1",
        "x-forwarded-proto: http",
        "x-forwarded-for: 192.0.2.7",
        "cookie: s=1",
        "authorization: own x",
        "x-multi: 1",
        "x-multi: 2",
        "host: 127.0.0.1:",
    ] {
        assert_eq!(received.matches(&format!("\r\n{line}")).count(), 1, "{line}: {received}");
    }
    for name in [
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "expect",
        "if-none-match",
        "if-modified-since",
        "range",
        "te:",
        "x-hop",
        "upgrade",
        "evil.test",
        "/public",
        "\r\nx-forwarded-proto: https",
    ] {
        assert!(!received.contains(name), "{name}: {received}");
    }
    let head = backend.head();
    assert_eq!(head.method, "POST");
    assert_eq!(head.uri.path(), "/inner");
    let users: Vec<_> = head.headers.get_all("x-auth-user").iter().collect();
    assert_eq!(users, ["ann"]);
}

#[tokio::test]
async fn with_a_list_it_sees_those_fields_alone() {
    let request = "GET /a HTTP/1.1\r\nHost: edge.test\r\nCookie: s=1\r\nX-Multi: 1\r\nX-Multi: 2\r\nX-Other: 1\r\n\r\n";
    let (received, _, _) =
        seen(|forward| forward.auth_request_headers(["COOKIE", "x-multi"]), request).await;
    let mut names: Vec<&str> =
        received.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cookie",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-method",
            "x-forwarded-proto",
            "x-forwarded-uri",
            "x-multi",
            "x-multi"
        ]
    );
}

#[tokio::test]
async fn an_upgrade_is_checked_on_its_handshake() {
    let server = auth_server("HTTP/1.1 401 N\r\ncontent-length: 2\r\n\r\nno").await;
    let backend = Backend::default();
    let connections = Server::frontend()
        .with(asking(&server).build().unwrap())
        .handler(backend.handler())
        .into_connections()
        .unwrap();
    let (mut client, io) = tokio::io::duplex(64 * 1024);
    tokio::spawn(connections.serve(io, ConnMeta::new(None)));
    let request =
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(RawClient::over(client).answer().await.text(), "no");
    assert!(!server.received().to_lowercase().contains("upgrade"));
    assert_eq!(backend.requests(), 0);
}

/// An auth server inside of the test.
fn scripted(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Handler {
    let answer = Arc::new(answer);
    handler_fn(move |request: Request| {
        let answer = Arc::clone(&answer);
        async move { answer(&request) }
    })
}

fn yes(fields: &[(&'static str, &str)]) -> Response {
    let mut response = Response::new(Body::empty());
    for (name, value) in fields {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    response
}

#[tokio::test]
async fn what_only_the_auth_server_may_say_never_comes_from_the_client() {
    let client = scripted(|request| match request.headers().get("x-case").unwrap().as_bytes() {
        b"two" => yes(&[("x-auth-user", "ann"), ("x-auth-user", "ops"), ("x-who", "ann")]),
        _ => yes(&[]),
    });
    let forward = Forward::new("http://auth.test/")
        .client(client)
        .auth_response_headers(["X-Auth-User"])
        .subject_header("X-Who");
    let (handler, backend) = wrap(&forward.build().unwrap());
    for (case, users, subject) in [("two", &["ann", "ops"][..], Some("ann")), ("none", &[], None)] {
        let fields = [
            ("x-case", case),
            ("x-auth-user", "root"),
            ("x-auth-user", "root2"),
            ("x-who", "root"),
        ];
        assert_eq!(status(&handler, get(&fields)).await, 200);
        let head = backend.head();
        let found: Vec<_> = head.headers.get_all("x-auth-user").iter().collect();
        assert_eq!(found, users, "{case}");
        assert!(!head.headers.contains_key("x-who"));
        let identity = head.extensions.get::<parapet_authn::Identity>();
        assert_eq!(identity.and_then(|who| who.subject()), subject);
        assert!(identity.is_none_or(|who| who.scheme() == "forward"));
    }
    // A name without a letter is nobody's.
    let client = scripted(|_| yes(&[("x-who", "")]));
    let forward = Forward::new("http://auth.test/").client(client).subject_header("X-Who");
    let (handler, backend) = wrap(&forward.build().unwrap());
    assert_eq!(status(&handler, get(&[])).await, 200);
    assert_eq!(backend.identity(), None);
}

#[tokio::test]
async fn an_own_refusal_is_for_an_absent_server_alone() {
    for (refusal, expected) in [(Some("no"), "no"), (None, "mine")] {
        let client = scripted(move |_| {
            let mut response = Response::new(Body::full(refusal.unwrap_or_default()));
            *response.status_mut() = http::StatusCode::FORBIDDEN;
            if refusal.is_none() {
                let error = parapet_core::ResponseError::new("upstream", "reset", "gone");
                response.extensions_mut().insert(error);
            }
            response
        });
        let forward = Forward::new("http://auth.test/").client(client).build().unwrap();
        let own = forward.forbidden(|_, error| {
            assert_eq!(error.to_string(), "the check is unavailable");
            parapet_core::ResponseFuture::ready(Response::new(Body::full("mine")))
        });
        let (handler, _) = wrap(&own);
        assert_eq!(text(handler.serve(get(&[])).await).await, expected);
    }
}

#[tokio::test]
async fn cookies_of_a_yes_reach_the_client_only_where_that_is_wanted() {
    for (wanted, cookies) in [(false, &[][..]), (true, &["a=1", "b=2"])] {
        let client = scripted(|_| yes(&[("set-cookie", "a=1"), ("set-cookie", "b=2")]));
        let forward = Forward::new("http://auth.test/").client(client).forward_set_cookie(wanted);
        let (handler, _) = wrap(&forward.build().unwrap());
        let response = handler.serve(get(&[])).await;
        let found: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(found, cookies);
    }
}

#[tokio::test(start_paused = true)]
async fn a_yes_is_remembered_only_as_long_as_its_server_allows() {
    for (control, fresh, stale) in [
        (Some("max-age=10"), 9, 10),
        (Some("private, max-age=3600"), 59, 60),
        (Some("max-age=10, no-store"), 0, 0),
        (Some("max-age=0"), 0, 0),
        (None, 0, 0),
    ] {
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let client = scripted(move |_| {
            *count.lock().unwrap() += 1;
            yes(&control.map(|control| ("cache-control", control)).into_iter().collect::<Vec<_>>())
        });
        let forward = Forward::new("http://auth.test/").client(client).cache_by(["Cookie"]).build();
        let (handler, _) = wrap(&forward.unwrap());
        let ask = || status(&handler, get(&[("cookie", "s=1")]));
        assert_eq!(ask().await, 200);
        advance(Duration::from_secs(fresh)).await;
        assert_eq!(ask().await, 200);
        assert_eq!(*asked.lock().unwrap(), if fresh == 0 { 2 } else { 1 }, "{control:?}");
        if fresh > 0 {
            // Somebody else, and another path, are other questions.
            assert_eq!(status(&handler, get(&[("cookie", "s=2")])).await, 200);
            assert_eq!(*asked.lock().unwrap(), 2);
            advance(Duration::from_secs(stale - fresh)).await;
            assert_eq!(ask().await, 200);
            assert_eq!(*asked.lock().unwrap(), 3, "{control:?}");
        }
    }
}

#[tokio::test]
async fn requests_above_the_bound_are_503_and_a_client_that_leaves_gives_its_place_back() {
    let gate = Arc::new(Notify::new());
    let open = Arc::clone(&gate);
    let client = handler_fn(move |_| {
        let open = Arc::clone(&open);
        async move {
            open.notified().await;
            "yes"
        }
    });
    let forward = Forward::new("http://auth.test/").client(client).max_in_flight(1);
    let (handler, backend) = wrap(&forward.build().unwrap());
    let mut first = tokio::spawn(handler.serve(get(&[])));
    assert!(timeout(Duration::from_millis(20), &mut first).await.is_err());
    let response = handler.serve(get(&[])).await;
    assert_eq!((response.status().as_u16(), reason(&response)), (503, "overloaded"));
    first.abort();
    assert!(first.await.is_err());
    gate.notify_one();
    assert_eq!(status(&handler, get(&[])).await, 200);
    assert_eq!(backend.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_relayed_body_that_stalls_is_cut_after_ten_seconds() {
    let client = scripted(|_| {
        let (sender, body) = Body::channel(1);
        tokio::spawn(async move {
            sender.data("first").await.unwrap();
            sender.closed().await;
        });
        let mut response = Response::new(body);
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        response
    });
    let (handler, _) = wrap(&Forward::new("http://auth.test/").client(client).build().unwrap());
    let mut body = handler.serve(get(&[])).await.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "first");
    let began = Instant::now();
    assert!(matches!(body.frame().await, Some(Err(parapet_core::BodyError::Timeout))));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[test]
fn bad_settings_are_typed_errors() {
    for url in
        ["/auth", "auth.test", "ws://auth.test/", "http://u@auth.test/", "http://auth.test/#a"]
    {
        assert!(matches!(Forward::new(url).build(), Err(Error::BadUrl { .. })), "{url}");
    }
    let good = || Forward::new("http://auth.test/");
    assert!(matches!(good().timeout(Duration::ZERO).build(), Err(Error::ZeroDuration(_))));
    assert!(matches!(good().max_in_flight(0).build(), Err(Error::ZeroLimit(_))));
    for bad in [
        good().auth_request_headers(["a b"]),
        good().auth_response_headers([""]),
        good().subject_header("ä"),
        good().cache_by(["a:"]),
    ] {
        assert!(matches!(bad.build(), Err(Error::BadHeaderName(_))));
    }
}
