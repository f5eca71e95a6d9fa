use std::cell::RefCell;
use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parapet_h1::{DecodeError, Limits, RequestKind, Target};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::corpus;
use crate::drive::{self, Seen};
use crate::relay::pairs;

/// What both sides have to agree on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Meaning {
    start: Vec<String>,
    fields: Vec<(String, Vec<u8>)>,
    content: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
}

/// How our reading of a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// At the end of input, between messages.
    Clean,
    /// After a message that closes the connection or changes the protocol.
    Closed,
    Error(DecodeError),
}

fn sorted(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut fields = pairs(map, |_| true);
    fields.sort_by(|a, b| a.0.cmp(&b.0)); // stable: the order within a name stays
    fields
}

/// As hyper would print the URI.
fn target(target: &Target, method: &Method) -> String {
    match target {
        Target::Origin(path) => path.to_string(),
        Target::Absolute { scheme, authority, path }
            if path == "*" && *method == Method::OPTIONS =>
        {
            format!("{scheme}://{authority}/")
        }
        Target::Absolute { scheme, authority, path } => format!("{scheme}://{authority}{path}"),
        Target::Authority(authority) => authority.to_string(),
        Target::Asterisk => "*".into(),
    }
}

fn our_requests(input: &[u8]) -> (Vec<Meaning>, Outcome) {
    let mut found = Vec::new();
    let mut message = Meaning::default();
    let mut last = false;
    for seen in drive::requests(&[input], Limits::request()) {
        match seen {
            Seen::Request(head, _) => {
                last = !head.keep_alive || head.method == Method::CONNECT;
                let start = vec![
                    head.method.to_string(),
                    target(&head.target, &head.method),
                    format!("{:?}", head.version),
                ];
                message = Meaning { start, fields: sorted(&head.headers), ..Meaning::default() };
            }
            Seen::Data(data) => message.content = data,
            Seen::Trailers(map) => message.trailers = sorted(&map),
            Seen::Left(_) => {
                found.push(message);
                return (found, Outcome::Closed);
            }
            Seen::End(_) => {
                found.push(std::mem::take(&mut message));
                if last {
                    return (found, Outcome::Closed);
                }
            }
            Seen::Error(error) => return (found, Outcome::Error(error)),
            other => panic!("{other:?}"),
        }
    }
    (found, Outcome::Clean)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn hyper_requests(input: &[u8]) -> Vec<Meaning> {
    let found = RefCell::new(Vec::new());
    run(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(input).await.unwrap();
        client.shutdown().await.unwrap();
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            let found = &found;
            async move {
                let (head, body) = request.into_parts();
                if let Ok(body) = body.collect().await {
                    let trailers = body.trailers().map(sorted).unwrap_or_default();
                    found.borrow_mut().push(Meaning {
                        start: vec![
                            head.method.to_string(),
                            head.uri.to_string(),
                            format!("{:?}", head.version),
                        ],
                        fields: sorted(&head.headers),
                        content: body.to_bytes().to_vec(),
                        trailers,
                    });
                }
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        let mut http1 = hyper::server::conn::http1::Builder::new();
        http1.half_close(true).header_read_timeout(None);
        let _refused = http1.serve_connection(TokioIo::new(server), service).await;
        drop(client);
    });
    found.into_inner()
}

fn compare_requests(input: &[u8]) {
    let name = input.escape_ascii().to_string();
    let (ours, outcome) = our_requests(input);
    let theirs = hyper_requests(input);
    assert!(
        theirs.len() >= ours.len(),
        "only we accept: {name}\nours: {ours:?}\ntheirs: {theirs:?}"
    );
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{name}");
    }
    if theirs.len() > ours.len() {
        // hyper goes by the last of several `Connection` lines; for us one `close` is enough.
        let lines = ours
            .last()
            .map_or(0, |m| m.fields.iter().filter(|(name, _)| name == "connection").count());
        match outcome {
            Outcome::Error(DecodeError::EarlyEnd) | Outcome::Clean => {
                panic!("only hyper goes on: {name}\n{theirs:?}")
            }
            Outcome::Closed => {
                assert!(lines > 1 || name.contains("CONNECT") || name.contains("pgrade"), "{name}");
            }
            Outcome::Error(_) => {}
        }
    }
}

/// `None`: refused, before or in the content.
fn our_response(input: &[u8], kind: RequestKind) -> (Option<Meaning>, Option<DecodeError>) {
    let mut message = Meaning::default();
    for seen in drive::response(&[input], kind, Limits::response()) {
        match seen {
            Seen::Left(_) | Seen::End(_) => {}
            Seen::Informational(head) => assert!(head.status.is_informational()),
            Seen::Response(head, _) => {
                let start = vec![head.status.as_str().into(), format!("{:?}", head.version)];
                message = Meaning {
                    start,
                    fields: without_framing(sorted(&head.headers)),
                    ..Meaning::default()
                };
            }
            Seen::Data(data) => message.content = data,
            Seen::Trailers(map) => message.trailers = sorted(&map),
            Seen::Error(error) => return (None, Some(error)),
            Seen::Request(..) => panic!("a request"),
        }
    }
    (Some(message), None)
}

/// We leave one statement on the framing in the map, hyper all that came.
fn without_framing(fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let framing = |name: &str| name == "content-length" || name == "transfer-encoding";
    fields.into_iter().filter(|(name, _)| !framing(name)).collect()
}

/// Sends one request, answers with `input`, ends the connection if `close`. The second value: hyper would send
/// another request.
fn hyper_response(input: &[u8], method: Method, close: bool) -> (Option<Meaning>, bool) {
    run(async {
        let (client, mut origin) = tokio::io::duplex(1 << 20);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(client)).await.unwrap();
        let driver = tokio::spawn(connection);
        let request =
            Request::builder().method(method).uri("/").body(Empty::<Bytes>::new()).unwrap();
        let answer = tokio::spawn({
            let input = input.to_vec();
            async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    origin.read_buf(&mut request).await.unwrap();
                }
                origin.write_all(&input).await.unwrap();
                if close {
                    origin.shutdown().await.unwrap();
                }
                origin
            }
        });
        let found = async {
            let (head, body) = sender.send_request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?;
            let trailers = body.trailers().map(sorted).unwrap_or_default();
            let start = vec![head.status.as_str().into(), format!("{:?}", head.version)];
            let content = body.to_bytes().to_vec();
            Some(Meaning {
                start,
                fields: without_framing(sorted(&head.headers)),
                content,
                trailers,
            })
        }
        .await;
        let origin = answer.await.unwrap();
        for _ in 0..16 {
            tokio::task::yield_now().await; // the driver runs in between
        }
        let ready = sender.is_ready();
        drop((origin, sender));
        driver.abort();
        (found, ready)
    })
}

fn compare_response(input: &[u8], head: bool) {
    let name = input.escape_ascii();
    let kind = RequestKind { head, ..RequestKind::default() };
    let method = if head { Method::HEAD } else { Method::GET };
    let (ours, error) = our_response(input, kind);
    let (theirs, _) = hyper_response(input, method, true);
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => assert_eq!(ours, theirs, "{name}"),
        (Some(ours), None) => panic!("only we accept: {name}\n{ours:?}"),
        (None, Some(theirs)) => {
            assert_ne!(error, Some(DecodeError::EarlyEnd), "only hyper ends: {name}\n{theirs:?}");
        }
        (None, None) => {}
    }
}

#[test]
fn hyper_reads_the_corpus_of_requests_as_we_do() {
    let bad = corpus::BAD_REQUESTS.iter().map(|(input, _)| *input);
    for input in corpus::REQUESTS.iter().copied().chain(bad) {
        compare_requests(input);
    }
    let several =
        [corpus::REQUESTS[5], corpus::REQUESTS[9], corpus::REQUESTS[0], corpus::REQUESTS[3]]
            .concat();
    assert_eq!(our_requests(&several).0.len(), 4);
    compare_requests(&several);
}

#[test]
fn hyper_reads_the_corpus_of_responses_as_we_do() {
    let good = corpus::RESPONSES
        .iter()
        .map(|(input, _)| *input)
        .chain(corpus::UNTIL_CLOSE.iter().copied());
    for input in good.chain(corpus::BAD_RESPONSES.iter().map(|(input, _)| *input)) {
        compare_response(input, false);
        compare_response(input, true);
    }
}

#[test]
fn hyper_keeps_a_connection_wherever_we_do() {
    for (input, reusable) in corpus::RESPONSES {
        let (_, ready) = hyper_response(input, Method::GET, false);
        assert!(
            ready || !reusable,
            "only we would send another request after {}",
            input.escape_ascii()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn hyper_reads_mutated_requests_as_we_do(input in corpus::mutated_requests()) {
        compare_requests(&input);
    }

    #[test]
    fn hyper_reads_mutated_responses_as_we_do(input in corpus::mutated_responses(), head: bool) {
        compare_response(&input, head);
    }
}
