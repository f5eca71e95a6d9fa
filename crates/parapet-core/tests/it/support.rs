//! Requests, and what became of a response.

use parapet_core::{Body, Request, Response};

pub(crate) fn get(uri: &str) -> Request {
    http::Request::get(uri).body(Body::empty()).expect("a request")
}

pub(crate) async fn text(response: Response) -> String {
    let collected = response.into_body().collect(64 * 1024).await.expect("a whole body");
    String::from_utf8(collected.into_data().to_vec()).expect("text")
}
