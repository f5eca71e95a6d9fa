use http::Method;
use http::header::CONTENT_TYPE;
use parapet_core::Request;
use parapet_header::is_upgrade;

/// Whether a request has to pass as it comes: it asks for an upgrade, is a `CONNECT`, or is gRPC (`Content-Type:
/// application/grpc` and all that begins so), whose client may wait for an answer before it goes on.
pub fn must_stream(request: &Request) -> bool {
    *request.method() == Method::CONNECT
        || is_upgrade(request.headers())
        || request.headers().get_all(CONTENT_TYPE).iter().any(|line| is_grpc(line.as_bytes()))
}

fn is_grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}
