use std::num::NonZeroU16;

use http::{HeaderValue, Method, StatusCode};
use parapet_core::{Body, Handler, Middleware, Request, ResponseError, handler_fn};
use parapet_redirect::{RedirectStatus, https, non_www, www};
use parapet_testkit::Warnings;

pub(crate) fn behind() -> Handler {
    handler_fn(|_| async { "next" })
}

/// `middleware` inside a block for example.com and the names below.
fn sited(middleware: impl Middleware) -> Handler {
    parapet_host::new(["example.com", "*.example.com"]).unwrap().with(middleware).wrap(behind())
}

/// Status and `Location` (empty: none) of a GET.
pub(crate) async fn get(handler: &Handler, uri: &str) -> (u16, String) {
    ask(handler, http::Request::builder().uri(uri).body(Body::empty()).unwrap()).await
}

pub(crate) async fn ask(handler: &Handler, request: Request) -> (u16, String) {
    let response = handler.serve(request).await;
    let location = response.headers().get("location");
    let location = location.map_or("", |location| location.to_str().unwrap()).to_owned();
    if response.status().is_redirection() {
        assert_eq!(response.headers()["content-length"], "0");
        assert_eq!(response.headers().len(), 2);
        assert!(http_body::Body::is_end_stream(response.body()));
    }
    (response.status().as_u16(), location)
}

#[tokio::test]
async fn https_redirects_plain_http_to_the_same_url() {
    let https_8443 = https().port(NonZeroU16::new(8443).unwrap());
    for (handler, uri, location) in [
        (sited(https()), "http://example.com/path", "https://example.com/path"),
        (sited(https()), "http://example.com/path?a=%20", "https://example.com/path?a=%20"),
        (sited(https()), "http://example.com:8080/path", "https://example.com/path"),
        (sited(https()), "http://WWW.Example.com.:80/", "https://www.example.com/"),
        (sited(https_8443), "http://example.com/path", "https://example.com:8443/path"),
        (
            sited(https().port(NonZeroU16::new(443).unwrap())),
            "http://example.com/path",
            "https://example.com/path",
        ),
        (
            parapet_host::cidr(["::/0"]).unwrap().with(https()).wrap(behind()),
            "http://[::1]:80/",
            "https://[::1]/",
        ),
    ] {
        assert_eq!(get(&handler, uri).await, (301, location.to_owned()), "{uri}");
    }
}

#[tokio::test]
async fn www_is_added_and_removed() {
    for (handler, uri, location) in [
        (sited(non_www()), "http://www.example.com/path", "http://example.com/path"),
        (sited(non_www()), "http://WWW.Example.com:8080/path", "http://example.com:8080/path"),
        (sited(www()), "http://example.com/path?q", "http://www.example.com/path?q"),
        (sited(www()), "http://Example.com:8080/path", "http://www.example.com:8080/path"),
    ] {
        assert_eq!(get(&handler, uri).await, (301, location.to_owned()), "{uri}");
    }
    for (handler, uri) in [
        (sited(non_www()), "http://example.com/path"),
        (sited(www()), "http://www.example.com/path"),
        (www().dangerous_any_host(true).wrap(behind()), "http://10.0.0.1/"),
        (www().dangerous_any_host(true).wrap(behind()), "http://[::1]/"),
        (www().dangerous_any_host(true).wrap(behind()), "http://localhost/"),
        (non_www().dangerous_any_host(true).wrap(behind()), "http://www.com/"),
    ] {
        assert_eq!(get(&handler, uri).await, (200, String::new()), "{uri}");
    }
}

#[tokio::test]
async fn a_host_that_no_block_names_is_refused_with_one_warning() {
    let warnings = Warnings::new();
    for handler in [
        https().wrap(behind()),
        parapet_host::new(["*"]).unwrap().with(https()).wrap(behind()),
        www().wrap(behind()),
    ] {
        let before = warnings.count();
        for _ in 0..100 {
            let mut request =
                http::Request::builder().uri("http://evil.test/").body(Body::empty()).unwrap();
            for name in ["host", "x-forwarded-host", "forwarded", "matched-host"] {
                request.headers_mut().insert(name, HeaderValue::from_static("example.com"));
            }
            let response = handler.serve(request).await;
            assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
            let note = response.extensions().get::<ResponseError>().unwrap();
            assert_eq!((note.source(), note.kind()), ("redirect", "unknown_host"));
            let body = response.into_body().collect(64).await.unwrap();
            assert_eq!(body.data(), "Misdirected Request\n");
        }
        assert_eq!(warnings.count() - before, 1);
    }
}

#[tokio::test]
async fn a_canonical_host_needs_no_host_block() {
    let handler = https().canonical_host("example.com").unwrap().wrap(behind());
    let expected = (301, "https://example.com/x?y".to_owned());
    assert_eq!(get(&handler, "http://evil.test:80/x?y").await, expected);
    assert_eq!(get(&handler, "/x?y").await, expected, "HTTP/1.0 without Host");
    let any = https().dangerous_any_host(true).wrap(behind());
    assert_eq!(get(&any, "http://evil.test/").await, (301, "https://evil.test/".to_owned()));
}

#[tokio::test]
async fn without_an_authority_https_is_a_bad_request_and_www_passes() {
    let response = sited_any(https()).serve(Request::new(Body::empty())).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.extensions().get::<ResponseError>().unwrap().kind(), "no_host");
    assert_eq!(get(&sited_any(www()), "/").await.0, 200);
    assert_eq!(get(&sited_any(non_www()), "/").await.0, 200);
}

/// Inside a block for everything.
fn sited_any(middleware: impl Middleware) -> Handler {
    parapet_host::new(["*"]).unwrap().with(middleware).wrap(behind())
}

#[tokio::test]
async fn asterisk_form_goes_to_the_empty_path_and_connect_nowhere() {
    let options = || {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::OPTIONS;
        *request.uri_mut() = http::Uri::from_static("*");
        parapet_core::RequestExt::set_authority(
            &mut request,
            http::uri::Authority::from_static("example.com"),
        );
        request
    };
    let expected = (301, "https://example.com".to_owned());
    assert_eq!(ask(&sited(https()), options()).await, expected);

    let connect = || {
        http::Request::builder()
            .method(Method::CONNECT)
            .uri("www.example.com:443")
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(ask(&sited(https()), connect()).await.0, 400);
    assert_eq!(ask(&sited(non_www()), connect()).await.0, 200);
}

#[tokio::test]
async fn post_keeps_its_method_when_asked() {
    for (redirector, method, status) in [
        (https(), Method::POST, 301),
        (https().preserve_method(true), Method::POST, 308),
        (https().preserve_method(true), Method::GET, 301),
        (https().preserve_method(true), Method::HEAD, 301),
        (https().preserve_method(true).status(RedirectStatus::Found), Method::PUT, 307),
        (https().preserve_method(true).status(RedirectStatus::SeeOther), Method::POST, 303),
        (https().status(RedirectStatus::PermanentRedirect), Method::GET, 308),
        (https().status(RedirectStatus::TemporaryRedirect), Method::GET, 307),
    ] {
        let request = http::Request::builder()
            .method(method.clone())
            .uri("http://example.com/")
            .body(Body::full("unread"))
            .unwrap();
        assert_eq!(ask(&sited(redirector), request).await.0, status, "{method}");
    }
}

#[test]
fn everything_public_is_shareable_and_printable() {
    fn is_shareable<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    is_shareable(&https());
    is_shareable(&www());
    is_shareable(&non_www());
    is_shareable(&parapet_redirect::to("/x", 0).unwrap());
}
