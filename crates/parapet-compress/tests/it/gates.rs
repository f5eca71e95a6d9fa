use http::{HeaderMap, Method};
use parapet_compress::{self as compress, Encoding};
use parapet_core::{Body, Handler, Middleware, Response, handler_fn};
use parapet_testkit::Answer;

use crate::support::{decode, get, layers, plain, text, through};

const LONG: usize = 5_000;

fn coding(response: &Response) -> Option<&str> {
    Some(response.headers().get("content-encoding")?.to_str().unwrap())
}

fn vary(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("vary").iter().map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_layer_compresses_if_the_client_accepts_its_encoding() {
    for (accept, gzip) in [
        (&["gzip"][..], true),
        (&["GZip"], true),
        (&["x-gzip"], true),
        (&["gzip;q=0.001"], true),
        (&["gzip; q=1.0"], true),
        (&["*"], true),
        (&["br", "gzip"], true),
        (&["br, *;q=0.1"], true),
        (&["identity;q=0, *"], true),
        (&["gzip;q=0.5, identity"], true),
        (&[], false),
        (&[""], false),
        (&["gzip;q=0, br"], false),
        (&["gzip;q=0, *"], false),
        (&["gzip;q=0.000"], false),
        (&["*;q=0"], false),
        (&["identity;q=0"], false),
        (&["gzipped"], false),
        (&["pigzip"], false),
        (&["gzip;q=2"], false),
        (&["gzip;q=-1"], false),
        (&["gzip;q=0.1234"], false),
        (&["gzip;q=a, br"], false),
        (&["deflate, br, zstd"], false),
    ] {
        let request = accept.iter().fold(http::Request::get("/"), |request, line| {
            request.header("accept-encoding", *line)
        });
        let request = request.body(Body::empty()).unwrap();
        let response = through(&compress::gzip(), request, plain(text(LONG))).await;
        assert_eq!(coding(&response), gzip.then_some("gzip"), "{accept:?}");
        assert_eq!(vary(response.headers()), ["accept-encoding"], "{accept:?}");
    }
}

#[tokio::test]
async fn negotiation_goes_by_weight_then_by_the_servers_order() {
    let all = || compress::negotiated(Encoding::all());
    let two = || compress::negotiated([Encoding::GZIP, Encoding::BR, Encoding::GZIP]);
    for (layer, accept, expected) in [
        (all(), "gzip, deflate, br, zstd", Some("zstd")),
        (all(), "gzip, deflate, br", Some("br")),
        (all(), "gzip, br;q=0.9, zstd;q=0.8", Some("gzip")),
        (all(), "deflate", Some("deflate")),
        (all(), "*", Some("zstd")),
        (all(), "zstd;q=0, *;q=0.5, gzip;q=0.5", Some("br")),
        (all(), "gzip;q=0.5, *;q=0.1", Some("gzip")),
        (all(), "gzip;q=0.5, identity;q=0.9", None),
        (all(), "gzip;q=0.5, identity;q=0.5", Some("gzip")),
        (all(), "identity;q=0, gzip;q=0.1", Some("gzip")),
        (all(), "identity;q=0", None),
        (all(), "compress", None),
        (all(), "", None),
        (two(), "zstd, br, x-gzip", Some("gzip")),
        (two(), "zstd, br", Some("br")),
        (compress::negotiated([]), "gzip", None),
    ] {
        let response = through(&layer, get(accept), plain(text(LONG))).await;
        assert_eq!(coding(&response), expected, "{accept}");
        if let Some(encoding) = expected {
            let body = response.into_body().collect(LONG).await.unwrap();
            assert_eq!(decode(encoding, body.data()).unwrap(), text(LONG).as_bytes());
        }
    }
}

/// Requests that must see the bytes as they are, whatever they accept.
#[tokio::test]
async fn upgrades_and_tunnels_pass() {
    for (method, fields, passes) in [
        (Method::GET, &[("sec-websocket-key", "dGhlIHNhbXBsZQ==")][..], true),
        (Method::GET, &[("sec-websocket-key", "")], false),
        (Method::GET, &[("connection", "keep-alive, Upgrade")], true),
        (Method::GET, &[("connection", "keep-alive")], false),
        (Method::CONNECT, &[], true),
        (Method::POST, &[], false),
        (Method::GET, &[("range", "bytes=0-")], false),
    ] {
        let mut request = get("gzip");
        *request.method_mut() = method.clone();
        for (name, value) in fields {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let response = through(&compress::gzip(), request, plain(text(LONG))).await;
        assert_eq!(coding(&response).is_none(), passes, "{method} {fields:?}");
        assert_eq!(vary(response.headers()).is_empty(), method == Method::CONNECT, "{method}");
    }
}

fn head(text: &str) -> Answer {
    Answer::from_head(format!("HTTP/1.1 {text}\r\n\r\n"))
}

fn response(answer: &Answer, body: Body) -> Response {
    let mut response = http::Response::builder().status(answer.status);
    for line in answer.head.lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        response = response.header(name, value);
    }
    response.body(body).unwrap()
}

#[tokio::test]
async fn what_must_not_be_compressed_is_not_touched() {
    const TEXT: &str = "content-type: text/plain";
    for lines in [
        "206 Partial Content\r\nCONTENT\r\ncontent-range: bytes 0-4999/9000",
        "200 OK\r\nCONTENT\r\ncontent-range: bytes 0-4999/9000",
        "304 Not Modified\r\nCONTENT\r\netag: \"a\"",
        "204 No Content\r\nCONTENT",
        "205 Reset Content\r\nCONTENT",
        "103 Early Hints\r\nCONTENT",
        "200 OK\r\nCONTENT\r\ncontent-encoding: br",
        "200 OK\r\nCONTENT\r\ncontent-encoding: identity",
        "200 OK\r\nCONTENT\r\ncache-control: max-age=5, No-Transform\r\netag: \"a\"",
        "200 OK\r\nCONTENT\r\ncache-control: public\r\ncache-control: no-transform",
        "200 OK",
        "200 OK\r\ncontent-type: image/png",
        "200 OK\r\ncontent-type: text",
        "200 OK\r\ncontent-type: text/event-stream",
        "200 OK\r\nCONTENT\r\ncontent-type: text/html",
    ] {
        let lines = lines.replace("CONTENT", TEXT) + "\r\naccept-ranges: bytes";
        let before = head(&lines);
        for (name, layer) in layers() {
            let answer = response(&before, Body::from(text(LONG)));
            let (expected, known) = (answer.headers().clone(), answer.body().known_length());
            let answer = through(&layer, get("gzip, deflate, br, zstd"), answer).await;
            assert_eq!(answer.headers(), &expected, "{name}: {lines}");
            assert_eq!(answer.body().known_length(), known, "{name}: {lines}");
            assert!(answer.body().replay().is_some(), "{name}: the same body: {lines}");
        }
    }
}

#[tokio::test]
async fn what_differs_only_in_form_is_compressed() {
    for lines in [
        "200 OK\r\ncontent-type: text/plain",
        "404 Not Found\r\ncontent-type: TEXT/HTML; charset=utf-8",
        "500 Internal Server Error\r\ncontent-type: application/json",
        "200 OK\r\ncontent-type: application/wasm\r\ncontent-encoding: ",
        "200 OK\r\ncontent-type: text/css\r\ncache-control: max-age=5, x=\"no-transform\"",
    ] {
        let answer = response(&head(lines), Body::from(text(LONG)));
        let answer = through(&compress::br(), get("br"), answer).await;
        assert_eq!(coding(&answer), Some("br"), "{lines}");
    }
}

#[tokio::test]
async fn a_known_length_below_the_minimum_passes_and_an_unknown_one_does_not() {
    let known = |length| Body::from(text(length));
    let unknown = |length| known(length).map_frames(|frame| frame);
    for (layer, body, compressed) in [
        (compress::gzip(), known(4), false),
        (compress::gzip(), known(859), false),
        (compress::gzip(), known(860), true),
        (compress::gzip(), unknown(4), true),
        (compress::gzip().min_length(0), known(0), false),
        (compress::gzip().min_length(0), known(1), true),
        (compress::gzip().min_length(usize::MAX), known(LONG), false),
    ] {
        let length = body.known_length();
        let response = through(&layer, get("gzip"), plain(body)).await;
        assert_eq!(coding(&response).is_some(), compressed, "{length:?}");
        let kept = length.filter(|_| !compressed);
        assert_eq!(response.body().known_length(), kept, "{length:?}");
    }
    // The body does not know what the field tells.
    let mut response = plain(unknown(4));
    response.headers_mut().insert("content-length", 4.into());
    assert_eq!(coding(&through(&compress::gzip(), get("gzip"), response).await), None);
}

#[tokio::test]
async fn the_types_are_the_settings() {
    for (types, content_type, compressed) in [
        ("*", "text/event-stream", true),
        ("image/png *", "", true),
        ("application/octet-stream", "", true),
        ("application/octet-stream", "no type", true),
        ("Text/X-Log  text/css", "text/x-log", true),
        ("application/octet-stream", "image/png", false),
        ("application/octet-stream", "Application/Octet-Stream ; a=b", true),
        ("text/css", "text/css;charset=\"a;b\"", true),
        ("text/css", "text/plain", false),
        ("text/css", "", false),
        ("text", "text", false),
        ("text/*", "text/plain", false),
        ("", "text/plain", false),
    ] {
        let mut response = Response::new(Body::from(text(LONG)));
        if !content_type.is_empty() {
            response.headers_mut().insert("content-type", content_type.parse().unwrap());
        }
        let response = through(&compress::gzip().types(types), get("gzip"), response).await;
        assert_eq!(coding(&response).is_some(), compressed, "{types:?} {content_type:?}");
        assert_eq!(vary(response.headers()).is_empty(), !compressed, "{types:?} {content_type:?}");
    }
}

#[tokio::test]
async fn the_head_tells_what_is_sent() {
    let answer = head(
        "200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5000\r\netag: \"v1\"\r\naccept-ranges: bytes\r\n\
         content-digest: sha-256=:AA==:\r\nrepr-digest: sha-256=:AA==:\r\ndigest: md5=a\r\ncontent-md5: a\r\nx-kept: 1",
    );
    let answer = response(&answer, Body::from(text(LONG)));
    let answer = through(&compress::gzip(), get("gzip"), answer).await;
    let mut fields: Vec<_> =
        answer.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    fields.sort();
    let expected = [
        "content-encoding: \"gzip\"",
        "content-type: \"text/plain\"",
        "etag: \"W/\\\"v1\\\"\"",
        "vary: \"accept-encoding\"",
        "x-kept: \"1\"",
    ];
    assert_eq!(fields, expected);

    let weak = response(
        &head("200 OK\r\ncontent-type: text/css\r\netag: W/\"v1\""),
        Body::from(text(LONG)),
    );
    let weak = through(&compress::gzip(), get("gzip"), weak).await;
    assert_eq!(weak.headers()["etag"], "W/\"v1\"");
}

#[tokio::test]
async fn the_answer_to_head_has_the_head_of_get_and_no_length() {
    let declared = || {
        let mut response = plain(Body::empty());
        response.headers_mut().insert("content-length", 5_000.into());
        response.headers_mut().insert("etag", "\"a\"".parse().unwrap());
        response
    };
    let short = || {
        let mut response = plain(Body::empty());
        response.headers_mut().insert("content-length", 5.into());
        response
    };
    for (response, compressed) in [
        (declared(), true),
        (plain(text(LONG)), true),
        (plain(Body::empty()), true), // that of a body of unknown length
        (short(), false),
        (plain("short"), false),
    ] {
        let case = format!("{response:?}");
        let mut request = get("gzip");
        *request.method_mut() = Method::HEAD;
        let response = through(&compress::gzip(), request, response).await;
        assert_eq!(coding(&response).is_some(), compressed, "{case}");
        if compressed {
            assert!(!response.headers().contains_key("content-length"), "{case}");
            assert!(response.body().known_length().is_none_or(|length| length == 0), "{case}");
            let strong = response.headers().get("etag").is_some_and(|tag| tag == "\"a\"");
            assert!(!strong, "{case}");
        }
    }
}

#[tokio::test]
async fn vary_is_there_for_clients_without_the_encoding_and_never_twice() {
    for (accept, before, after) in [
        ("", &[][..], &["accept-encoding"][..]),
        ("gzip", &[], &["accept-encoding"]),
        ("gzip", &["Origin, Accept-Encoding"], &["Origin, Accept-Encoding"]),
        ("gzip", &["Origin", "ACCEPT-ENCODING"], &["Origin", "ACCEPT-ENCODING"]),
        ("gzip", &["Origin"], &["Origin", "accept-encoding"]),
        ("gzip", &["*"], &["*"]),
        ("", &["x-accept-encoding"], &["x-accept-encoding", "accept-encoding"]),
    ] {
        for on in [true, false] {
            let mut response = plain(text(LONG));
            for line in before {
                response.headers_mut().append("vary", line.parse().unwrap());
            }
            let layer = compress::gzip().vary(on);
            let response = through(&layer, get(accept), response).await;
            let expected = if on { after } else { before };
            assert_eq!(vary(response.headers()), expected, "{accept:?} {before:?} {on}");
            assert_eq!(coding(&response).is_some(), accept == "gzip");
        }
    }
}

#[tokio::test]
async fn of_stacked_layers_the_innermost_accepted_one_compresses() {
    let stack = (compress::gzip(), compress::br());
    for (accept, expected) in [
        ("gzip, br", Some("br")),
        ("gzip", Some("gzip")),
        ("br;q=0.1, gzip", Some("br")),
        ("", None),
    ] {
        let response = through(&stack, get(accept), plain(text(LONG))).await;
        assert_eq!(coding(&response), expected, "{accept}");
        assert_eq!(vary(response.headers()), ["accept-encoding"], "{accept}");
        if let Some(encoding) = expected {
            let body = response.into_body().collect(LONG).await.unwrap();
            assert_eq!(decode(encoding, body.data()).unwrap(), text(LONG).as_bytes());
        }
    }
}

#[test]
fn a_layer_that_compresses_nothing_is_none() {
    let next: Handler = handler_fn(|_| async { "" });
    assert!(compress::gzip().types("").wrap(next.clone()).is_same(&next));
    assert!(compress::negotiated([]).wrap(next.clone()).is_same(&next));
    assert!(!compress::gzip().wrap(next.clone()).is_same(&next));
}
