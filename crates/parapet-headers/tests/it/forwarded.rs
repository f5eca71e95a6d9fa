use parapet_core::{Body, Middleware, Request, RequestExt, Server, TrustProxy, handler_fn};
use parapet_headers as headers;

/// What next sees of both fields behind a server that trusts everybody or nobody.
async fn seen(trusted: bool, layer: impl Middleware, lines: &[(&'static str, &str)]) -> String {
    let handler = handler_fn(|request: Request| async move {
        let field = |name| request.headers().get(name).map_or("-", |value| value.to_str().unwrap());
        format!("{} | {}", field("x-forwarded-host"), field("forwarded"))
    });
    let trust = if trusted { TrustProxy::dangerous_all() } else { TrustProxy::none() };
    let server = Server::new().trust_proxy(trust).with(layer).handler(handler);
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = "http://example.com:81/".parse().unwrap();
    for (name, value) in lines {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let response = server.into_handler().unwrap().serve(request).await;
    String::from_utf8(response.into_body().collect(1000).await.unwrap().data().to_vec()).unwrap()
}

#[tokio::test]
async fn a_strangers_fields_are_replaced_and_a_trusted_proxys_kept() {
    let forged = &[("x-forwarded-host", "evil"), ("forwarded", "for=1.2.3.4")];
    let host = seen(false, headers::forwarded_host(), forged).await;
    assert_eq!(host, "example.com:81 | -");
    let host = seen(true, headers::forwarded_host(), forged).await;
    assert_eq!(host, "evil | for=1.2.3.4");
    let list = seen(false, headers::forwarded(), forged).await;
    assert_eq!(list, "- | for=unknown;host=\"example.com:81\";proto=http");
    let list = seen(true, headers::forwarded(), forged).await;
    assert_eq!(list, "evil | for=1.2.3.4, for=unknown;host=\"example.com:81\";proto=http");
}

#[tokio::test]
async fn a_line_with_an_open_quote_cannot_take_our_element_in() {
    let ours = "for=unknown;host=\"example.com:81\";proto=http";
    for (sent, kept) in [
        ("for=\", for=10.0.0.1", false),
        ("for=\"a\\\", for=10.0.0.1", false),
        ("for=\"a\\\"\", for=10.0.0.1", true),
        ("for=\"[2001:db8::1]:80\"", true),
        ("for=_a\\", true),
    ] {
        let list = seen(true, headers::forwarded(), &[("forwarded", sent)]).await;
        let expected = if kept { format!("- | {sent}, {ours}") } else { format!("- | {ours}") };
        assert_eq!(list, expected);
    }
}

#[tokio::test]
async fn an_ipv6_address_is_quoted() {
    let handler = headers::forwarded().wrap(handler_fn(|request: Request| async move {
        request.headers()["forwarded"].to_str().unwrap().to_owned()
    }));
    let mut request = Request::new(Body::empty());
    request.set_client_addr("2001:db8::1".parse().unwrap());
    let response = handler.serve(request).await;
    let body = response.into_body().collect(1000).await.unwrap();
    assert_eq!(body.data(), "for=\"[2001:db8::1]\";proto=http");
}
