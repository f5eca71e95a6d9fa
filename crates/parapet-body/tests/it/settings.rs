use parapet_body::{Error, RequestBufferer, RequestLimiter, buffer_request, limit_request};
use parapet_core::{Middleware, handler_fn};

use crate::support::dir;

#[test]
fn a_temp_dir_is_a_directory() {
    let dir = dir();
    assert!(buffer_request().temp_dir(dir.path()).is_ok());
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file, dir.path().join("none")] {
        let error = buffer_request().temp_dir(&path).unwrap_err();
        assert!(matches!(&error, Error::TempDir { path: named, .. } if *named == path));
    }
    let error = buffer_request().temp_dir("/none").unwrap_err();
    insta::assert_snapshot!(error, @r#"temp_dir "/none" is not a directory: create it, or name another one"#);
}

#[test]
fn no_limit_is_no_layer() {
    let next = handler_fn(|_| async { "next" });
    assert!(RequestLimiter::unlimited().wrap(next.clone()).is_same(&next));
    assert!(!limit_request(u64::MAX).wrap(next.clone()).is_same(&next));
}

#[test]
fn everything_public_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<RequestLimiter>();
    shared::<RequestBufferer>();
    shared::<Error>();
}
