use http::{HeaderMap, Method, StatusCode};
use parapet_compress::{self as compress, Compress, Encoding};
use parapet_core::{Body, Request, Response};
use parapet_header::coding_quality;
use proptest::prelude::*;

use crate::support::{decode, text, through};

/// What origins send, sense and nonsense. What stands first is sent as a rule.
const FIELDS: &[(&str, &[&str])] = &[
    ("content-type", &["text/html; charset=utf-8", "TEXT/PLAIN", "image/png", "text", ""]),
    ("content-encoding", &["", "identity", "gzip", "br, gzip"]),
    (
        "cache-control",
        &["max-age=60", "no-transform", "public, No-Transform", "x=\"no-transform\""],
    ),
    ("content-range", &["bytes 0-1/2"]),
    ("etag", &["\"a\"", "W/\"a\"", "a", ""]),
    ("vary", &["origin", "Accept-Encoding", "*", "accept"]),
    ("accept-ranges", &["bytes", "none"]),
    ("content-digest", &["sha-256=:AAAA:"]),
];
const STATUSES: &[u16] = &[200, 200, 200, 201, 203, 204, 205, 206, 304, 404, 500];
const ACCEPTED: &[&str] = &[
    "gzip, deflate, br, zstd",
    "gzip",
    "br",
    "gzip;q=0, br",
    "*",
    "*;q=0",
    "identity",
    "identity;q=0, *;q=0.1",
    "gzip;q=0.1, zstd;q=0.9",
    ";q=1",
    "gzip;;q=1",
    "",
];

fn layer(number: usize) -> Vec<Compress> {
    let all = compress::negotiated(Encoding::all());
    match number {
        0 => vec![compress::gzip()],
        1 => vec![all.types("*").min_length(0)],
        2 => vec![compress::gzip(), compress::br()],
        _ => vec![compress::zstd(), all],
    }
}

fn request(method: &Method, accept: &str) -> Request {
    let request = http::Request::builder().method(method).uri("/");
    request.header("accept-encoding", accept).body(Body::empty()).unwrap()
}

/// An origin's answer of `length` bytes; to HEAD the same without content.
async fn response(
    head: &(StatusCode, HeaderMap),
    length: usize,
    known: bool,
    method: &Method,
) -> Response {
    let content = text(length);
    let (status, mut fields) = head.clone();
    let body = if *method == Method::HEAD {
        if known {
            fields.insert("content-length", length.into());
        }
        Body::empty()
    } else if known {
        fields.insert("content-length", length.into());
        content.into()
    } else {
        let (sender, body) = Body::channel(2);
        if length > 0 {
            sender.data(content).await.unwrap();
        }
        sender.finish().await.unwrap();
        body
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

async fn answer(
    layers: &[Compress],
    request: Request,
    response: Response,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let (head, body) = match layers {
        [one] => through(one, request, response).await,
        [outer, inner] => through(&(outer.clone(), inner.clone()), request, response).await,
        _ => panic!("one or two"),
    }
    .into_parts();
    (head.status, head.headers, body.collect(1 << 20).await.unwrap().into_data().to_vec())
}

fn without(headers: &HeaderMap, names: &[&str]) -> HeaderMap {
    let mut headers = headers.clone();
    for name in names {
        headers.remove(*name);
    }
    headers
}

fn names_encoding(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all("vary").iter().map(|line| line.to_str().unwrap());
    lines.any(|line| line == "*" || line.eq_ignore_ascii_case("accept-encoding"))
}

proptest! {
    #[test]
    fn what_a_client_gets_is_what_the_origin_sent_or_an_encoding_of_it_that_says_so(
        picked in proptest::collection::vec((0..FIELDS.len(), 0..5_usize), 0..6),
        status in 0..STATUSES.len(),
        accept in 0..ACCEPTED.len(),
        number in 0..4_usize,
        length in prop_oneof![Just(0_usize), 1..900_usize, Just(5_000)],
        known: bool,
    ) {
        let status = StatusCode::from_u16(STATUSES[status]).unwrap();
        let accept = ACCEPTED[accept];
        let mut fields = HeaderMap::new();
        for (field, value) in picked {
            let (name, values) = FIELDS[field];
            fields.append(name, values[value % values.len()].parse().unwrap());
        }
        if !fields.contains_key("content-type") {
            fields.insert("content-type", "text/html".parse().unwrap());
        }
        let origin = (status, fields.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let [got, head] = [Method::GET, Method::HEAD].map(|method| {
            runtime.block_on(async {
                let response = response(&origin, length, known, &method).await;
                answer(&layer(number), request(&method, accept), response).await
            })
        });
        let (got_status, headers, body) = got;
        prop_assert_eq!(got_status, status);
        // A body of unknown length that is empty is one that HEAD cannot tell from another.
        prop_assert_eq!(without(&head.1, &["content-length"]), without(&headers, &["content-length"]));
        prop_assert!(head.2.is_empty());

        let was = fields.get_all("content-encoding").iter().any(|value| !value.is_empty());
        let coding = headers.get("content-encoding").filter(|value| !was && !value.is_empty());
        let Some(coding) = coding.map(|value| value.to_str().unwrap()) else {
            prop_assert_eq!(body, text(length).into_bytes());
            let mut expected = fields;
            if known {
                expected.insert("content-length", length.into());
            }
            prop_assert_eq!(without(&headers, &["vary"]), without(&expected, &["vary"]));
            return Ok(());
        };
        prop_assert_eq!(decode(coding, &body).unwrap(), text(length).into_bytes());
        let accepted = request(&Method::GET, accept);
        prop_assert!(coding_quality(accepted.headers(), coding).is_some(), "{} {}", coding, accept);
        prop_assert!(![204, 205, 206, 304].contains(&status.as_u16()));
        for gone in ["content-length", "accept-ranges", "content-range", "content-digest"] {
            prop_assert!(!headers.contains_key(gone), "{}", gone);
        }
        prop_assert!(headers.get("etag").is_none_or(|tag| tag.as_bytes() != b"\"a\""));
        prop_assert!(names_encoding(&headers));
        let transform = fields.get_all("cache-control").iter();
        let forbidden = transform.filter_map(|line| line.to_str().ok()).any(|line| {
            line.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"))
        });
        prop_assert!(!forbidden);
    }
}
