use http::HeaderValue;
use parapet_core::{Handler, Middleware, Request, handler_fn};
use parapet_stripprefix::StripPrefix;

use crate::strip::{request, text};

/// Answers with the path and all lines of the field.
fn seeing() -> Handler {
    handler_fn(|request: Request| async move {
        let lines = request.headers().get_all("x-forwarded-prefix");
        let lines: Vec<_> = lines.iter().map(|line| line.to_str().unwrap()).collect();
        format!("{} {lines:?}", request.uri().path())
    })
}

fn layer(prefix: &str) -> StripPrefix {
    StripPrefix::new(prefix).unwrap().forwarded_prefix(true)
}

/// What a backend behind `layers` is told when the client claims to have taken off `/evil`, twice.
async fn told(layers: impl Middleware, path: &str) -> String {
    let mut request = request(path);
    for _ in 0..2 {
        request.headers_mut().append("x-forwarded-prefix", HeaderValue::from_static("/evil"));
    }
    text(layers.wrap(seeing()).serve(request).await).await
}

#[tokio::test]
async fn the_field_tells_what_all_layers_took_off_and_never_what_a_client_claims() {
    assert_eq!(told(layer("/a"), "/a/b/c").await, r#"/b/c ["/a"]"#);
    assert_eq!(told((layer("/a"), layer("/b")), "/a/b/c").await, r#"/c ["/a/b"]"#);
    assert_eq!(told((layer("/a"), layer("/x")), "/a/b/c").await, r#"/b/c ["/a"]"#);
    assert_eq!(told(layer("/a"), "/other").await, "/other []");
    assert_eq!(told(layer("/a"), "*").await, "* []");
    assert_eq!(told(layer("/a b/ü%"), "/a%20b/%C3%BC%25/c").await, r#"/c ["/a%20b/%C3%BC%25"]"#);
}

#[tokio::test]
async fn without_the_setting_the_field_is_left_alone() {
    let strip = StripPrefix::new("/a").unwrap();
    assert_eq!(told(strip, "/a/b").await, r#"/b ["/evil", "/evil"]"#);
}
