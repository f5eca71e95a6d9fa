use std::time::Duration;

use http::header::{
    ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE, HeaderName,
};
use http::{HeaderValue, Method};
use parapet_core::Middleware;
use parapet_cors::{self as cors, Any, Cors};

use crate::support::{Answer, Lines, ask, next, request};

const PREFLIGHT: Lines<'static> =
    &[("origin", "https://example.com"), ("access-control-request-method", "PUT")];

const ALL_THREE: &str =
    "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

#[tokio::test]
async fn a_public_api_allows_every_origin() {
    let expected = Answer::preflight(&[
        "allow-headers: Authorization,Content-Type",
        "allow-methods: GET,POST,PUT,PATCH,DELETE",
        "allow-origin: *",
        "max-age: 3600",
    ]);
    assert_eq!(ask(&cors::new(), Method::OPTIONS, PREFLIGHT).await, expected);
}

#[tokio::test]
async fn a_listed_origin_gets_itself_and_what_is_set() {
    let layer = cors::allow_origins(["https://example.com"])
        .unwrap()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE, AUTHORIZATION])
        .expose_headers([ACCEPT])
        .allow_credentials(true)
        .max_age(Duration::from_millis(7_200_999));
    let expected = Answer::preflight(&[
        "allow-credentials: true",
        "allow-headers: Content-Type,Authorization",
        "allow-methods: GET,POST",
        "allow-origin: https://example.com",
        "max-age: 7200",
        ALL_THREE,
    ]);
    assert_eq!(ask(&layer, Method::OPTIONS, PREFLIGHT).await, expected);
    // As it was sent, whatever was compared.
    let shouted = [("origin", "HTTPS://Example.com:443"), PREFLIGHT[1]];
    let answer = ask(&layer, Method::OPTIONS, &shouted).await;
    assert!(answer.fields.contains(&"allow-origin: HTTPS://Example.com:443".into()), "{answer:?}");
}

#[tokio::test]
async fn the_answer_is_empty_and_says_so() {
    let response = cors::new().wrap(next(&[])).serve(request(Method::OPTIONS, PREFLIGHT)).await;
    assert_eq!(response.headers()["content-length"], "0");
    assert_eq!(response.body().known_length(), Some(0));
}

#[tokio::test]
async fn empty_lists_and_no_age_leave_their_fields_out() {
    let layer = cors::new().allow_methods([]).allow_headers([]).max_age(None);
    let answer = ask(&layer, Method::OPTIONS, PREFLIGHT).await;
    assert_eq!(answer, Answer::preflight(&["allow-origin: *"]));
    let layer = layer.max_age(Duration::ZERO);
    let answer = ask(&layer, Method::OPTIONS, PREFLIGHT).await;
    assert_eq!(answer, Answer::preflight(&["allow-origin: *", "max-age: 0"]));
}

#[tokio::test]
async fn words_of_names_are_capitalized() {
    let names = ["x-custom", "etag", "x--a", "sec-ch-ua"].map(HeaderName::from_static);
    let answer = ask(&cors::new().expose_headers(names), Method::GET, &[]).await;
    assert_eq!(answer.fields[1], "expose-headers: X-Custom,Etag,X--A,Sec-Ch-Ua");
}

fn bare() -> Cors<Any> {
    cors::new().allow_methods([]).allow_headers([]).max_age(None)
}

#[tokio::test]
async fn what_is_asked_for_is_repeated_if_it_is_well_formed() {
    let (longest, longer) = ("a".repeat(4096), "a".repeat(4097));
    let rows: [(&str, Option<&str>); 8] = [
        ("x-a", Some("x-a")),
        ("x-a, X-B,x-c", Some("x-a, X-B,x-c")),
        (&longest, Some(&longest)),
        (&longer, None),
        ("", None),
        ("x a", None),
        ("x-a;b", None),
        ("x-a\u{e9}", None),
    ];
    for (asked, expected) in rows {
        let fields = [PREFLIGHT[0], PREFLIGHT[1], ("access-control-request-headers", asked)];
        let answer = ask(&bare().allow_any_header(), Method::OPTIONS, &fields).await;
        let mut all = vec!["allow-origin: *", "vary: Access-Control-Request-Headers"];
        let echoed = expected.map(|value| format!("allow-headers: {value}"));
        all.splice(0..0, echoed.as_deref());
        assert_eq!(answer, Answer::preflight(&all), "{asked}");
    }
    for (asked, expected) in [("PATCH", "allow-methods: PATCH"), ("A,B", ""), ("", "")] {
        let fields = [PREFLIGHT[0], ("access-control-request-method", asked)];
        let answer = ask(&bare().allow_any_method(), Method::OPTIONS, &fields).await;
        let all = [expected, "allow-origin: *", "vary: Access-Control-Request-Method"];
        let all: Vec<_> = all.into_iter().filter(|field| !field.is_empty()).collect();
        assert_eq!(answer, Answer::preflight(&all), "{asked}");
    }
    // Two lines: two hops may pick two.
    let fields =
        [PREFLIGHT[0], PREFLIGHT[1], PREFLIGHT[1], ("access-control-request-headers", "x")];
    let layer = bare().allow_any_method().allow_any_header();
    let answer = ask(&layer, Method::OPTIONS, &fields).await;
    let vary = "vary: Access-Control-Request-Method, Access-Control-Request-Headers";
    assert_eq!(answer, Answer::preflight(&["allow-headers: x", "allow-origin: *", vary]));
    // The last word counts.
    let layer = bare().allow_any_method().allow_methods([Method::GET]);
    let answer = ask(&layer, Method::OPTIONS, PREFLIGHT).await;
    assert_eq!(answer, Answer::preflight(&["allow-methods: GET", "allow-origin: *"]));
}

#[tokio::test]
async fn private_networks_are_answered_if_asked_for_and_allowed() {
    let name = "access-control-request-private-network";
    for (allowed, asked, answered) in
        [(true, "true", true), (true, "false", false), (false, "true", false)]
    {
        let fields = [PREFLIGHT[0], PREFLIGHT[1], (name, asked)];
        let layer = bare().allow_private_network(allowed);
        let answer = ask(&layer, Method::OPTIONS, &fields).await;
        let vary = "vary: Access-Control-Request-Private-Network";
        let all = ["allow-origin: *", "allow-private-network: true", vary];
        assert_eq!(answer, Answer::preflight(if answered { &all } else { &all[..1] }));
        let layer = cors::allow_origins(["https://example.com"]).unwrap();
        let answer = ask(&layer.allow_private_network(allowed), Method::OPTIONS, &fields).await;
        let mut vary = ALL_THREE.to_owned();
        if answered {
            vary.push_str(", Access-Control-Request-Private-Network");
        }
        assert_eq!(answer.fields.last(), Some(&vary));
    }
    // Only a preflight is answered so.
    let layer = cors::new().allow_private_network(true);
    let answer = ask(&layer, Method::GET, &[PREFLIGHT[0], (name, "true")]).await;
    assert_eq!(answer, Answer::next(&["allow-origin: *"]));
}

#[tokio::test]
async fn an_options_that_asks_for_no_method_is_an_ordinary_request() {
    let origin = &PREFLIGHT[..1];
    assert_eq!(
        ask(&cors::new(), Method::OPTIONS, origin).await,
        Answer::next(&["allow-origin: *"])
    );
    let only = cors::allow_origins(["https://example.com"]).unwrap();
    let marked = Answer::next(&["allow-origin: https://example.com", "vary: Origin"]);
    assert_eq!(ask(&only, Method::OPTIONS, origin).await, marked);
    for answer in [
        ask(&cors::new().all_options(true), Method::OPTIONS, origin).await,
        ask(&only.clone().all_options(true), Method::OPTIONS, origin).await,
    ] {
        assert_eq!((answer.status, &*answer.body), (200, ""));
    }
    // Without Origin it is no preflight either way.
    let no_origin = &PREFLIGHT[1..];
    for layer in [only.clone(), only.all_options(true)] {
        let answer = ask(&layer, Method::OPTIONS, no_origin).await;
        assert_eq!(answer, Answer::next(&["vary: Origin"]));
    }
    // Nor is another method, whatever it carries.
    assert_eq!(ask(&cors::new(), Method::GET, PREFLIGHT).await.body, "next");
}

#[tokio::test]
async fn a_preflight_of_a_foreign_origin_is_refused() {
    let layer = cors::allow_origins(["https://other.test"]).unwrap();
    assert_eq!(ask(&layer, Method::OPTIONS, PREFLIGHT).await, Answer::refused());
    let mut request = request(Method::OPTIONS, PREFLIGHT);
    request.headers_mut().insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
    let response = layer.wrap(next(&[])).serve(request).await;
    assert!(response.extensions().get::<parapet_core::ResponseError>().is_some());
}
