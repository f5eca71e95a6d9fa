use http::HeaderName;
use parapet_requestid as requestid;

use crate::support::{exchange, request};

#[tokio::test]
async fn only_one_well_formed_line_is_kept() {
    let long = "a".repeat(128);
    let too_long = "a".repeat(129);
    for (ids, kept) in [
        (&["123aaa"][..], true),
        (&["A-z_0.9:+=/"], true),
        (&[&long], true),
        (&[&too_long], false),
        (&["bad value with space"], false),
        (&["tab\there"], false),
        (&["<script>"], false),
        (&["é"], false),
        (&[""], false),
        (&["a", "a"], false),
        (&[], false),
    ] {
        let exchange = exchange(requestid::new(), request("x-request-id", ids), &[]).await;
        let forwarded = exchange.forwarded("x-request-id");
        assert_eq!(forwarded.len(), 1, "{ids:?}");
        assert_eq!(forwarded == ids, kept, "{ids:?}");
        assert_eq!(exchange.answered("x-request-id"), forwarded, "{ids:?}");
        assert_eq!(exchange.core, forwarded[0], "{ids:?}");
    }
}

#[tokio::test]
async fn whose_id_is_kept_is_a_setting() {
    for (layer, kept) in [
        (requestid::new(), true),
        (requestid::new().trust_proxy(true), true),
        (requestid::new().trust_proxy(false), false),
        (requestid::new().trust_peer_only(), false), // no server, so no trusted peer
        (requestid::new().trust_peer_only().trust_proxy(true), true),
    ] {
        let text = format!("{layer:?}");
        let exchange = exchange(layer, request("x-request-id", &["123aaa"]), &[]).await;
        assert_eq!(exchange.forwarded("x-request-id") == ["123aaa"], kept, "{text}");
    }
}

#[tokio::test]
async fn another_field_leaves_the_usual_one_alone() {
    for trust in [true, false] {
        let name = HeaderName::from_static("x-trace-id");
        let layer = requestid::new().header(name).unwrap().trust_proxy(trust);
        let mut request = request("x-trace-id", &["123aaa"]);
        request.headers_mut().insert("x-request-id", "other one".parse().unwrap());
        let exchange = exchange(layer, request, &["from the origin"]).await;
        assert_eq!(exchange.forwarded("x-trace-id") == ["123aaa"], trust);
        assert_eq!(exchange.answered("x-trace-id"), exchange.forwarded("x-trace-id"));
        assert_eq!(exchange.forwarded("x-request-id"), ["other one"]);
        assert_eq!(exchange.answered("x-request-id"), ["from the origin"]);
    }
}
