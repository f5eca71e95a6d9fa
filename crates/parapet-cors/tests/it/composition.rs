use http::{HeaderValue, Method, StatusCode};
use parapet_authn::Basic;
use parapet_core::{Middleware, Response, handler_fn};
use parapet_cors as cors;

use crate::support::{Answer, Lines, request};

const OURS: Lines<'static> = &[("origin", "https://example.com")];

#[tokio::test]
async fn a_script_can_read_its_401_and_its_502_and_preflights_need_no_credentials() {
    let authn = Basic::new("admin", "correct horse").realm("staff").build().unwrap();
    let broken = handler_fn(|_| async { (StatusCode::BAD_GATEWAY, "Bad Gateway") });
    let only = cors::allow_origins(["https://example.com"]).unwrap();
    let handler = (only, authn).wrap(broken);
    let marks = ["allow-origin: https://example.com", "vary: Origin"];
    let answer = Answer::of(handler.serve(request(Method::GET, OURS)).await).await;
    assert_eq!((answer.status, answer.fields), (401, marks.map(str::to_owned).to_vec()));
    // admin:correct horse
    let fields = [OURS[0], ("authorization", "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==")];
    let answer = Answer::of(handler.serve(request(Method::GET, &fields)).await).await;
    assert_eq!((answer.status, answer.fields), (502, marks.map(str::to_owned).to_vec()));
    let fields = [OURS[0], ("access-control-request-method", "GET")];
    let answer = Answer::of(handler.serve(request(Method::OPTIONS, &fields)).await).await;
    assert_eq!((answer.status, &*answer.body), (200, ""));
}

#[tokio::test]
async fn a_cache_is_told_that_origins_get_answers_of_their_own() {
    let only = cors::allow_origins(["https://a.test", "https://b.test"]).unwrap();
    let handler = only.wrap(handler_fn(|_| async {
        let mut response = Response::new("next".into());
        let public = HeaderValue::from_static("public, max-age=60");
        response.headers_mut().insert("cache-control", public);
        response
    }));
    let rows: [(Lines<'_>, Option<&str>); 3] = [
        (&[("origin", "https://a.test")], Some("allow-origin: https://a.test")),
        (&[("origin", "https://b.test")], Some("allow-origin: https://b.test")),
        (&[], None),
    ];
    for (fields, allowed) in rows {
        let answer = Answer::of(handler.serve(request(Method::GET, fields)).await).await;
        let expected: Vec<_> = allowed.into_iter().chain(["vary: Origin"]).collect();
        assert_eq!(answer, Answer::next(&expected));
    }
}
