use http::HeaderName;
use parapet_logger::{Error, Logger};

fn logger() -> Logger {
    Logger::to(std::io::sink())
}

fn text<T>(refused: Result<T, Error>) -> String {
    refused.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn values_out_of_range_are_refused_by_their_setter() {
    for (refused, message) in [
        (text(logger().sample(1.5)), "sample is 1.5: allowed is 0 to 1"),
        (text(logger().sample(-0.1)), "sample is -0.1: allowed is 0 to 1"),
        (text(logger().sample(f64::NAN)), "sample is NaN: allowed is 0 to 1"),
        (text(logger().ip_mask(33, 0)), "ip_mask is 33, 0: allowed is 0 to 32, 0 to 128"),
        (text(logger().ip_mask(0, 129)), "ip_mask is 0, 129: allowed is 0 to 32, 0 to 128"),
        (text(logger().queue_bytes(65_535)), "queue_bytes is 65535: allowed is 65536 and more"),
        (text(logger().max_value_bytes(63)), "max_value_bytes is 63: allowed is 64 and more"),
    ] {
        assert_eq!(refused, message);
    }
    assert!(logger().sample(0.0).is_ok() && logger().sample(1.0).is_ok());
    assert!(logger().ip_mask(32, 128).is_ok() && logger().ip_mask(0, 0).is_ok());
    assert!(logger().queue_bytes(65_536).is_ok() && logger().max_value_bytes(64).is_ok());
}

#[test]
fn credentials_cannot_be_chosen() {
    for name in ["authorization", "proxy-authorization", "cookie", "set-cookie"] {
        let name = HeaderName::from_static(name);
        let message = format!(
            "header {name} carries credentials and cannot be logged: drop it from the list"
        );
        assert_eq!(text(logger().request_headers([(name.clone(), "x")])), message);
        assert_eq!(text(logger().response_headers([(name, "x")])), message);
    }
}

#[test]
fn a_header_field_needs_a_name_that_can_be_set() {
    let header = HeaderName::from_static("x-a");
    let long = "x".repeat(129);
    for name in ["", "status", "aborted", &long] {
        for refused in [
            logger().request_headers([(header.clone(), name.to_owned())]),
            logger().response_headers([(header.clone(), name.to_owned())]),
        ] {
            assert!(
                matches!(refused, Err(Error::Value { value, .. }) if value == format!("{name:?}"))
            );
        }
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_refused() {
    let refused = Logger::file("/no/such/folder/access.log").unwrap_err();
    assert!(matches!(&refused, Error::Open { path, .. } if path.ends_with("access.log")));
    assert_eq!(refused.to_string(), "the log file /no/such/folder/access.log cannot be opened");
    assert!(std::error::Error::source(&refused).is_some());
}
