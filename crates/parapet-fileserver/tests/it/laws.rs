use http::HeaderMap;
use parapet_core::{Body, Handler, Middleware};
use parapet_fileserver::Encoding;
use proptest::prelude::*;

use crate::site::{Site, fallback, set_modified};

const CONTENT: &str = "0123456789abcdefghij";
const PACKED: &str = "packed";
const TAG: &str = "W/\"14-1816687efbf1ca00\"";
const DATE: &str = "Wed, 01 Jan 2025 00:00:01 GMT";

/// What the fields of a client are made of, sense and nonsense.
const VALUES: &[(&str, &[&str])] = &[
    (
        "range",
        &[
            "bytes=0-3",
            "bytes=-4",
            "bytes=18-",
            "bytes=0-0,2-3,19-",
            "bytes=99-",
            "bytes=-0",
            "bytes=5-4",
            "bytes=0-99",
            "bytes=",
            "bytes=,",
            "bytes=0-0,",
            "bytes= 1-2 , 3-4",
            "BYTES=0-1",
            "lines=0-1",
            "bytes=a-b",
            "bytes=0-18446744073709551616",
            "bytes=3-5,1-7",
            "bytes=1-1,99-",
            "0-1",
            "",
        ],
    ),
    ("if-range", &[TAG, DATE, "\"x\"", "Wed, 01 Jan 2025 00:00:02 GMT", "?", ""]),
    ("if-none-match", &[TAG, "*", "\"x\"", "\"x\", W/\"y\"", "W/", "\"", ""]),
    ("if-match", &[TAG, "*", "\"x\"", "?", ""]),
    ("if-modified-since", &[DATE, "Wed, 01 Jan 2020 00:00:00 GMT", "yesterday", ""]),
    ("if-unmodified-since", &[DATE, "Wed, 01 Jan 2020 00:00:00 GMT", "yesterday", ""]),
    ("accept-encoding", &["gzip", "gzip;q=0", "*", "br", ";q", ""]),
];

async fn ask(
    handler: &Handler,
    method: &str,
    fields: &HeaderMap,
) -> (http::response::Parts, String) {
    let mut request =
        http::Request::builder().method(method).uri("/f.txt").body(Body::empty()).unwrap();
    *request.headers_mut() = fields.clone();
    let (head, body) = handler.serve(request).await.into_parts();
    let text = body.collect(1 << 16).await.unwrap().into_data();
    (head, String::from_utf8(text.to_vec()).unwrap())
}

/// The part of the content that `bytes a-b/size` names.
fn named<'a>(content: &'a str, range: &str) -> &'a str {
    let (range, size) = range.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
    assert_eq!(size, content.len().to_string());
    let (from, to) = range.split_once('-').unwrap();
    content.get(from.parse().unwrap()..=to.parse().unwrap()).unwrap()
}

fn check(head: &http::response::Parts, text: &str, method: &str) {
    let field = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
    let content = if field("content-encoding") == Some("gzip") { PACKED } else { CONTENT };
    if method == "GET" && matches!(head.status.as_u16(), 200 | 206) {
        assert_eq!(field("content-length"), Some(text.len().to_string().as_str()));
    }
    match (head.status.as_u16(), field("content-range")) {
        (_, _) if method == "HEAD" => {
            assert!(matches!(head.status.as_u16(), 200 | 304 | 412), "a HEAD has no ranges");
            assert_eq!(text, if head.status == 412 { "Precondition Failed\n" } else { "" });
        }
        (200, None) => assert_eq!(text, content),
        (206, Some(range)) => assert_eq!(text, named(content, range)),
        (206, None) => {
            let multipart = field("content-type").unwrap();
            let boundary = multipart.strip_prefix("multipart/byteranges; boundary=").unwrap();
            let parts: Vec<_> = text.split(&format!("\r\n--{boundary}")).collect();
            let (first, last) = (parts.first().unwrap(), parts.last().unwrap());
            assert_eq!((*first, *last), ("", "--\r\n"));
            assert!(parts.len() > 3, "one part needs no multipart");
            for part in parts.iter().skip(1).take(parts.len() - 2) {
                let (fields, part) = part.split_once("\r\n\r\n").unwrap();
                let range = fields.split("content-range: ").nth(1).unwrap();
                assert_eq!(part, named(content, range));
            }
        }
        (304, None) => assert_eq!((text, field("content-length")), ("", None)),
        (412, None) => assert_eq!(text, "Precondition Failed\n"),
        (416, Some(range)) => assert!(["bytes */20", "bytes */6"].contains(&range), "{range}"),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn whatever_a_client_asks_it_gets_what_the_head_says(
        picked in proptest::collection::vec((0..VALUES.len(), 0..20_usize), 0..5),
        packed: bool,
    ) {
        let site = Site::new(&[("f.txt", CONTENT), ("f.txt.gz", PACKED)]);
        for name in ["f.txt", "f.txt.gz"] {
            set_modified(&site.path(name), 1_735_689_601);
        }
        let encodings: &[Encoding] = if packed { &[Encoding::Gzip] } else { &[] };
        let handler = site.files().precompressed(encodings).wrap(fallback());
        let mut fields = HeaderMap::new();
        for (field, value) in picked {
            let (name, values) = VALUES[field];
            fields.append(name, values[value % values.len()].parse().unwrap());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for method in ["GET", "HEAD"] {
                let (head, text) = ask(&handler, method, &fields).await;
                assert_eq!(head.headers.contains_key("vary"), packed, "what it depends on");
                check(&head, &text, method);
            }
        });
    }
}
