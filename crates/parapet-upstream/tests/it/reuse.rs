use parapet_core::Body;

use crate::backend::{Backend, ok, text};

#[tokio::test]
async fn one_connection_serves_sequential_requests_in_order() {
    let backend = Backend::start().await;
    let client = backend.http();
    let origin = async {
        let mut conn = backend.accept().await;
        for turn in 0..100 {
            let head = conn.answer(ok(&turn.to_string())).await;
            assert!(head.starts_with(&format!("GET /{turn} HTTP/1.1\r\nhost: example.com\r\n")));
        }
        conn
    };
    let requests = async {
        for turn in 0..100 {
            let request = http::Request::get(format!("/{turn}"));
            let response = client.send(request, Body::empty()).await.unwrap();
            assert_eq!(text(response).await.unwrap(), turn.to_string());
        }
    };
    tokio::join!(origin, requests);
    assert!(!backend.has_another().await);
}
