use http::HeaderName;
use parapet_authn::{
    Algorithm, Any, Authenticator, Basic, Error, Forward, Grant, Identity, Introspection, Jwt,
};
use parapet_core::{Body, Handler, Middleware, Request, Response, handler_fn};
use parapet_testkit::RawOrigin;

use crate::support::{Backend, Signer, bearer, date, get, reason, status, user, wrap};

const NAME: HeaderName = HeaderName::from_static("x-auth-user");

fn jwt(signer: &Signer) -> Authenticator {
    let jwt = Jwt::new(signer.key(), [Algorithm::ES256]).now(date);
    jwt.claim_headers([("sub", "X-Auth-User")]).build().unwrap()
}

fn own() -> Authenticator {
    Authenticator::new(|_| async {
        let grant = Grant::new().with_identity(Identity::new("own").with_subject("ann"));
        Ok(grant.insert(NAME, http::HeaderValue::from_static("ann")))
    })
}

fn forward() -> Authenticator {
    let client = handler_fn(|_| async {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(NAME, http::HeaderValue::from_static("ann"));
        response
    });
    let forward = Forward::new("http://auth.test/").client(client);
    forward.auth_response_headers(["X-Auth-User"]).build().unwrap()
}

/// The fields of a request, with a token, and with what a client would like the backend to believe.
fn forged(token: &str, fields: &[(&str, &str)]) -> Request {
    let mut request = bearer(token);
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn a_field_of_ours_comes_from_nobody_else_under_any_name_that_reads_like_it() {
    let signer = Signer::new(Algorithm::ES256);
    let token = signer.token(Algorithm::ES256, r#"{"sub":"ann"}"#);
    let fields = [
        ("x-auth-user", "root"),
        ("x_auth_user", "root"),
        ("X-Auth_User", "root"),
        ("x_auth-user", "root"),
        ("x-auth-users", "kept"),
        ("x-other_field", "kept"),
    ];
    for (case, check) in [("jwt", jwt(&signer)), ("own", own()), ("forward", forward())] {
        let (handler, backend) = wrap(&check);
        assert_eq!(status(&handler, forged(&token, &fields)).await, 200, "{case}");
        let head = backend.head();
        let seen: Vec<_> = head
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with('x'))
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        for expected in
            [("x-auth-user", "ann"), ("x-auth-users", "kept"), ("x-other_field", "kept")]
        {
            assert!(seen.contains(&expected), "{case}: {seen:?}");
        }
        assert_eq!(seen.len(), 3, "{case}: {seen:?}");
    }
    // Where somebody else lets the request pass, or nobody asks, they go too.
    let basic = || Basic::new("ann", "x").build().unwrap();
    let any = Any::new([jwt(&signer), basic()]).build().unwrap();
    for (check, request) in
        [(any, user("ann", "x")), (jwt(&signer).optional(true), get(&[("x", "y")]))]
    {
        let (handler, backend) = wrap(&check);
        let mut request = request;
        for (name, value) in fields {
            request
                .headers_mut()
                .append(name.to_lowercase().parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        assert_eq!(status(&handler, request).await, 200);
        let head = backend.head();
        assert!(head.headers.values().all(|value| value != "root"), "{:?}", head.headers);
    }
}

/// The next hop removes what `Connection` names (RFC 9110 §7.6.1): over a real wire.
#[tokio::test]
async fn a_client_cannot_have_a_field_of_ours_removed_behind_us() {
    let signer = Signer::new(Algorithm::ES256);
    let token = signer.token(Algorithm::ES256, r#"{"sub":"ann"}"#);
    let origin = RawOrigin::start(|mut conn| async move {
        while !conn.read_head().await.is_empty() {
            conn.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let (address, client) = (origin.address(), parapet_upstream::client());
    let proxy: Handler = handler_fn(move |mut request: Request| {
        *request.uri_mut() = format!("http://{address}/").parse().unwrap();
        let client = client.clone();
        async move { client.serve(request).await }
    });
    for (case, check) in [("jwt", jwt(&signer)), ("own", own()), ("forward", forward())] {
        let handler = check.wrap(proxy.clone());
        for (at, connection) in [
            &["close, X-Auth-User"][..],
            &["x-auth-user"],
            &["X-Hop", "keep-alive, X-AUTH-USER,x-hop"],
        ]
        .into_iter()
        .enumerate()
        {
            let before = origin.received().len();
            let mut fields = vec![("x-auth-user", "root"), ("x-hop", "1")];
            fields.extend(connection.iter().map(|line| ("connection", *line)));
            assert_eq!(status(&handler, forged(&token, &fields)).await, 200, "{case}");
            let received = origin.received().to_lowercase();
            let received = received.get(before..).unwrap();
            assert!(received.contains("\r\nx-auth-user: ann\r\n"), "{case}: {received}");
            assert!(!received.contains("root"), "{case}: {received}");
            // The others it may name.
            assert_eq!(received.contains("x-hop"), at != 2, "{case}: {received}");
        }
    }
}

#[tokio::test]
async fn the_auth_server_is_told_of_the_request_by_this_side_alone() {
    let seen = Backend::default();
    let forward = Forward::new("http://auth.test/").client(seen.handler()).build().unwrap();
    let (handler, _) = wrap(&forward);
    let fields = [
        ("x_forwarded_uri", "/public"),
        ("x-forwarded_method", "GET"),
        ("x_forwarded_host", "evil.test"),
        ("x_forwarded_for", "127.0.0.1"),
        ("if-schedule-tag-match", "\"a\""),
        ("if-range", "\"a\""),
        ("if", "(<x>)"),
    ];
    assert_eq!(status(&handler, get(&fields)).await, 200);
    let head = seen.head();
    let names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
    assert!(names.iter().all(|name| !name.contains('_') && !name.starts_with("if-")), "{names:?}");
    assert_eq!(head.headers["if"], "(<x>)");
    assert_eq!(head.headers["x-forwarded-uri"], "/path?q=1");

    // Bytes above ASCII are told as they are, not left out.
    let mut request = get(&[]);
    *request.uri_mut() = http::Uri::from_maybe_shared(&b"/admin/\xc3\xa4"[..]).unwrap();
    assert_eq!(status(&handler, request).await, 200);
    assert_eq!(seen.head().headers["x-forwarded-uri"].as_bytes(), b"/admin/\xc3\xa4");

    // What cannot be told of is not asked about.
    if let Ok(uri) = http::Uri::from_maybe_shared(&b"/admin/\x7f"[..]) {
        let mut request = get(&[]);
        *request.uri_mut() = uri;
        let before = seen.requests();
        assert_eq!(reason(&handler.serve(request).await), "malformed");
        assert_eq!(seen.requests(), before);
    }
}

#[test]
fn fields_that_frame_messages_are_nobodys_to_set() {
    let signer = Signer::new(Algorithm::ES256);
    for name in [
        "Connection",
        "content-length",
        "Expect",
        "HOST",
        "keep-alive",
        "proxy-connection",
        "te",
        "Trailer",
        "transfer-encoding",
        "Upgrade",
    ] {
        let forward = || Forward::new("http://auth.test/");
        let builds = [
            forward().auth_response_headers([name]).build(),
            forward().auth_request_headers(["cookie", name]).build(),
            forward().subject_header(name).build(),
            Jwt::new(signer.key(), [Algorithm::ES256]).claim_headers([("sub", name)]).build(),
            Introspection::new("https://a.test", "a", "b").claim_headers([("sub", name)]).build(),
            #[cfg(feature = "mtls")]
            parapet_authn::ClientCert::new().forward_header(name.parse().unwrap()).build(),
        ];
        for built in builds {
            match built {
                Err(error @ Error::ReservedHeader(_)) => {
                    assert!(error.to_string().starts_with(&name.to_lowercase()), "{error}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
