use std::collections::HashSet;

use http::HeaderValue;
use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
use parapet_requestid::{self as requestid, IdFormat, SetRequestId};

use crate::support::{exchange, request};

#[tokio::test]
async fn a_fresh_id_is_a_lower_case_uuid_of_its_version() {
    for (format, version) in [(IdFormat::UuidV4, '4'), (IdFormat::UuidV7, '7')] {
        let exchange =
            exchange(requestid::new().format(format), request("x-request-id", &[]), &[]).await;
        let id = exchange.core;
        assert_eq!(id.len(), 36, "{id}");
        for (at, char) in id.char_indices() {
            let fits = match at {
                8 | 13 | 18 | 23 => char == '-',
                14 => char == version,
                19 => matches!(char, '8' | '9' | 'a' | 'b'),
                _ => matches!(char, '0'..='9' | 'a'..='f'),
            };
            assert!(fits, "{id} at {at}");
        }
    }
}

#[tokio::test]
async fn a_generator_is_used_if_its_id_is_well_formed() {
    for (made, used) in [("mine-1", true), ("not mine", false), ("", false)] {
        let layer = requestid::new().generator(move || HeaderValue::from_static(made));
        let exchange = exchange(layer, request("x-request-id", &[]), &[]).await;
        assert_eq!(exchange.core == made, used, "{made:?}");
        assert_eq!(exchange.core.len() == 36, !used, "{made:?}");
    }
}

/// Answers at once with an empty response.
struct Ready;

impl Serve for Ready {
    fn serve(&self, _: Request) -> ResponseFuture {
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

fn ids(layer: &SetRequestId, number: usize) -> Vec<HeaderValue> {
    let handler = layer.wrap(Handler::new(Ready));
    let id = |_| {
        let response = handler.serve(Request::new(Body::empty())).into_ready().unwrap();
        response.headers()["x-request-id"].clone()
    };
    (0..number).map(id).collect()
}

#[test]
fn a_million_ids_have_no_duplicate() {
    let mut seen = HashSet::new();
    for half in std::thread::scope(|scope| {
        [(); 2]
            .map(|()| scope.spawn(|| ids(&requestid::new(), 500_000)))
            .map(|thread| thread.join().unwrap())
    }) {
        seen.extend(half);
    }
    assert_eq!(seen.len(), 1_000_000);
}

#[test]
fn v7_ids_of_one_thread_ascend() {
    let ids = ids(&requestid::new().format(IdFormat::UuidV7), 100_000);
    assert!(ids.is_sorted_by(|a, b| a.as_bytes() < b.as_bytes()));
}
