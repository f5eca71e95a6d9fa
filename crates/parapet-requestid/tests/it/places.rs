use http::HeaderValue;
use parapet_core::{LogValue, RequestExt};
use parapet_requestid as requestid;

use crate::support::{Fields, exchange, request};

#[tokio::test]
async fn origin_client_core_and_log_have_the_same_id() {
    for incoming in [&["123aaa"][..], &[]] {
        let mut request = request("x-request-id", incoming);
        let fields = Fields::mount(&mut request);
        let exchange = exchange(requestid::new(), request, &[]).await;
        let value = HeaderValue::from_str(&exchange.core).unwrap();
        assert_eq!(exchange.forwarded("x-request-id"), [exchange.core.as_str()]);
        assert_eq!(exchange.answered("x-request-id"), [exchange.core.as_str()]);
        assert_eq!(
            *fields.0.lock().unwrap(),
            [("requestId".to_owned(), LogValue::Header(value))],
            "{incoming:?}"
        );
    }
}

#[tokio::test]
async fn an_origin_cannot_change_what_the_client_reads() {
    for echo in [&["changed"][..], &["123aaa"], &["123aaa", "changed"]] {
        let exchange = exchange(requestid::new(), request("x-request-id", &["123aaa"]), echo).await;
        assert_eq!(exchange.answered("x-request-id"), ["123aaa"], "{echo:?}");
    }
}

#[tokio::test]
async fn the_response_is_left_alone_on_demand() {
    let layer = requestid::new().response(false);
    let exchange = exchange(layer, request("x-request-id", &["123aaa"]), &["origin's"]).await;
    assert_eq!(exchange.answered("x-request-id"), ["origin's"]);
}

#[tokio::test]
async fn a_copy_without_a_client_has_no_id_in_the_core() {
    let mut original = request("x-request-id", &["123aaa"]);
    original
        .set_request_id(parapet_core::RequestId::new(HeaderValue::from_static("123aaa")).unwrap());
    let mut copy = request("x-request-id", &["123aaa"]);
    copy.extensions_mut().insert(original.detached_info());
    assert!(original.request_id().is_some() && copy.request_id().is_none());
}
