use std::fs::File;

use parapet_core::{Body, handler_fn};
use parapet_testkit::Warnings;

use super::*;

#[tokio::test]
async fn a_full_disk_is_a_500_and_next_is_not_called() {
    let shared = Shared {
        rules: Rules { memory_limit: 3, max_size: None, read_timeout: None },
        dir: SpillDir::opening(|_| File::options().write(true).open("/dev/full")),
        no_file: AtomicBool::new(false),
        no_room: AtomicBool::new(false),
        next: handler_fn(|_| async { "next" }),
    };
    let told = Warnings::new();
    for _ in 0..100 {
        let response = shared.serve(Request::new(Body::full("hello")), Some(5)).await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.extensions().get::<ResponseError>().unwrap().kind(), "spill");
        let body = response.into_body().collect(100).await.unwrap();
        assert_eq!(body.data(), "Internal Server Error\n");
    }
    assert_eq!(told.count(), 1, "no client fills the log");
}

#[tokio::test]
async fn a_file_that_becomes_short_fails_the_body() {
    let file = tempfile::tempfile().unwrap();
    let content =
        crate::replay::Content::File { file: Arc::new(file.try_clone().unwrap()), length: 5 };
    file.set_len(4).unwrap();
    let error = content.into_body(None).collect(100).await.unwrap_err();
    assert!(matches!(error, BodyError::Io(_)), "{error:?}");
}
