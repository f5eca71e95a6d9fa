use http::HeaderName;
use parapet_header::forbidden_in_trailers;

#[test]
fn what_must_be_known_early_is_forbidden_late() {
    for (forbidden, names) in [
        (
            true,
            &[
                "authorization",
                "connection",
                "content-encoding",
                "content-length",
                "content-range",
                "content-type",
                "cookie",
                "forwarded",
                "host",
                "keep-alive",
                "proxy-authenticate",
                "proxy-authorization",
                "proxy-connection",
                "set-cookie",
                "te",
                "trailer",
                "transfer-encoding",
                "upgrade",
                "www-authenticate",
                "x-forwarded-for",
                "x-real-ip",
            ][..],
        ),
        (
            false,
            &[
                "authentication-info",
                "content",
                "content-digest",
                "etag",
                "grpc-message",
                "grpc-status",
                "repr-digest",
                "server-timing",
                "x-checksum",
            ],
        ),
    ] {
        for name in names {
            let name = HeaderName::from_static(name);
            assert_eq!(forbidden_in_trailers(&name), forbidden, "{name}");
        }
    }
}
