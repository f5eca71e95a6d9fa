use http::HeaderName;
use parapet_requestid::{self as requestid, Error};

#[test]
fn fields_with_a_meaning_of_their_own_are_refused() {
    for name in [
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "proxy-authenticate",
        "proxy-authorization",
        "host",
        "authorization",
        "cookie",
        "set-cookie",
    ] {
        let refused = requestid::new().header(HeaderName::from_static(name));
        assert!(matches!(&refused, Err(Error::Header(header)) if header == name), "{name}");
        assert_eq!(
            refused.unwrap_err().to_string(),
            format!(
                "header {name} cannot carry request ids, it has a meaning of its own: take a name such as x-request-id"
            )
        );
    }
    assert!(requestid::new().header(HeaderName::from_static("x-trace-id")).is_ok());
}

#[test]
fn the_middleware_goes_between_threads_and_prints() {
    fn check(layer: impl std::fmt::Debug + Send + Sync + Clone) -> String {
        format!("{layer:?}")
    }
    assert!(check(requestid::new()).contains("x-request-id"));
}
