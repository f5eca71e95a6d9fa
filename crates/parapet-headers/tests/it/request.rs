use http::HeaderValue;
use parapet_core::{Body, Middleware, Request, RequestExt, handler_fn};
use parapet_headers as headers;

use crate::support::through_request;

#[tokio::test]
async fn operations_act_on_all_lines_in_order() {
    let rows: [(headers::RequestHeaders, &[&str]); 9] = [
        (
            headers::add_request([("x", "1"), ("x", "2")]).unwrap(),
            &["x: 0", "x: 00", "x: 1", "x: 2"],
        ),
        (headers::set_request([("x", "1"), ("x", "2")]).unwrap(), &["x: 2"]),
        (headers::delete_request(["X"]).unwrap(), &[]),
        (headers::map_request("x", |value| format!("9{value}")).unwrap(), &["x: 90", "x: 900"]),
        (
            headers::map_request(
                "x",
                |value| if value == "0" { String::new() } else { value.into() },
            )
            .unwrap(),
            &["x: 00"],
        ),
        (
            headers::intercept_request(|map| {
                map.remove("x");
                map.insert("content-length", HeaderValue::from_static("7"));
            }),
            &[],
        ),
        (
            headers::RequestHeaders::default().set_if_absent([("x", "1"), ("y", "1")]).unwrap(),
            &["x: 0", "x: 00", "y: 1"],
        ),
        (
            headers::RequestHeaders::default().append_if_absent([("x", "00"), ("x", "1")]).unwrap(),
            &["x: 0", "x: 00", "x: 1"],
        ),
        (
            headers::delete_request(["x"])
                .unwrap()
                .set([("x", "1")])
                .unwrap()
                .add([("x", "2")])
                .unwrap(),
            &["x: 1", "x: 2"],
        ),
    ];
    for (layer, expected) in rows {
        let shown = format!("{layer:?}");
        let got = through_request(layer, &[("x", "0"), ("x", "00")]).await;
        assert_eq!(got, expected, "{shown}");
    }
}

#[tokio::test]
async fn a_mapped_value_that_is_none_takes_its_line_away() {
    let layer = headers::map_request("x", |_| "1\r\nx-evil: 1".into()).unwrap();
    assert!(through_request(layer, &[("x", "0")]).await.is_empty());
}

#[tokio::test]
async fn values_are_made_at_run_time() {
    let layer = headers::RequestHeaders::default()
        .set_with("x-path", |request: &Request| request.uri().path().parse().ok())
        .unwrap()
        .add_with("x-none", |_| None)
        .unwrap()
        .map_value("x", |_| None)
        .unwrap()
        .delete_prefix("x-goog-")
        .unwrap();
    let fields = &[("x", "0"), ("x-goog-hash", "1"), ("x-google", "1")];
    let mut left = through_request(layer, fields).await;
    left.sort(); // a removal changes the order between names, never between the lines of one
    assert_eq!(left, ["x-google: 1", "x-path: /"]);
}

#[tokio::test]
async fn a_layer_can_be_for_some_requests_only() {
    let layer = headers::set_request([("x", "1")]).unwrap();
    let layer = layer.when(|request| request.headers().contains_key("y"));
    assert!(through_request(layer.clone(), &[]).await.is_empty());
    assert_eq!(through_request(layer, &[("y", "1")]).await, ["y: 1", "x: 1"]);
}

#[tokio::test]
async fn host_changes_the_authority() {
    let intercept = |host: Option<&'static str>| {
        headers::intercept_request(move |map| match host {
            Some(host) => drop(map.insert("host", HeaderValue::from_static(host))),
            None => drop(map.remove("host")),
        })
    };
    let rows: [(headers::RequestHeaders, &str); 8] = [
        (intercept(Some("inter.cept")), "inter.cept inter.cept"),
        (intercept(Some("a b")), "EXAMPLE.com:80 EXAMPLE.com:80"),
        (intercept(None), "EXAMPLE.com:80 EXAMPLE.com:80"),
        (headers::set_request([("Host", "app.internal")]).unwrap(), "app.internal app.internal"),
        (headers::map_request("host", str::to_lowercase).unwrap(), "example.com:80 example.com:80"),
        (headers::map_request("host", |_| "a b".into()).unwrap(), "EXAMPLE.com:80 EXAMPLE.com:80"),
        (
            headers::RequestHeaders::default()
                .set_with("host", |_| Some(HeaderValue::from_static("run.time")))
                .unwrap(),
            "run.time run.time",
        ),
        (
            headers::RequestHeaders::default()
                .map_value("host", |_| Some(HeaderValue::from_static("u@evil")))
                .unwrap(),
            "EXAMPLE.com:80 EXAMPLE.com:80",
        ),
    ];
    for (layer, expected) in rows {
        let inner = handler_fn(|request: Request| async move {
            let host = request.headers()["host"].to_str().unwrap();
            format!("{host} {}", request.authority().unwrap())
        });
        let mut request = Request::new(Body::empty());
        request.set_authority("EXAMPLE.com:80".parse().unwrap());
        let body = layer.wrap(inner).serve(request).await.into_body().collect(100).await.unwrap();
        assert_eq!(body.data(), expected);
    }
}

#[test]
fn a_layer_without_operations_is_no_layer() {
    let next = handler_fn(|_| async { "" });
    let none: [(&str, &str); 0] = [];
    assert!(headers::add_request(none).unwrap().wrap(next.clone()).is_same(&next));
    assert!(headers::delete_response([""; 0]).unwrap().wrap(next.clone()).is_same(&next));
}
