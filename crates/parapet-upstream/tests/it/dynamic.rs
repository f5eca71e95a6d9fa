use http::Request;
use parapet_core::Body;
use parapet_upstream::{DynamicTransport, Error, UnixTransport, UpstreamScheme};
use tokio::net::UnixListener;

use crate::backend::{Backend, Client, Conn, ok, text};

#[tokio::test]
async fn the_scheme_comes_from_the_extensions_only() {
    let backend = Backend::start().await;
    let client = backend.client(DynamicTransport::new());
    // An absolute target changes nothing.
    let plain = || Request::get("h2c://elsewhere/");
    let rows = [plain(), plain().extension(UpstreamScheme::Http)];
    let mut conn: Option<Conn> = None;
    for request in rows {
        let origin = async {
            let mut conn = match conn.take() {
                Some(conn) => conn,
                None => backend.accept().await,
            };
            conn.answer(ok("http/1.1")).await;
            conn
        };
        let (served, response) = tokio::join!(origin, client.send(request, Body::empty()));
        assert_eq!(text(response.unwrap()).await.unwrap(), "http/1.1");
        conn = Some(served);
    }
    let refused = client.send(plain().extension(UpstreamScheme::Unix), Body::empty()).await;
    assert!(matches!(refused, Err(Error::Connect { .. })), "{refused:?}");
    #[cfg(feature = "http2")]
    {
        let origin = async {
            let stream = backend.accept().await.stream;
            let mut conn = h2::server::handshake(stream).await.unwrap();
            let (_, mut respond) = conn.accept().await.unwrap().unwrap();
            respond.send_response(http::Response::new(()), true).unwrap();
            assert!(conn.accept().await.is_none());
        };
        let request = async {
            let request = plain().extension(UpstreamScheme::H2c);
            let response = client.send(request, Body::empty()).await.unwrap();
            assert_eq!(response.version(), http::Version::HTTP_2);
            drop((response, client));
        };
        tokio::join!(origin, request);
    }
}

#[tokio::test]
async fn a_socket_is_named_by_its_path_with_or_without_its_first_slash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("origin.sock").to_str().unwrap().to_owned();
    let listener = UnixListener::bind(&path).unwrap();
    let dynamic = || Request::get("/").extension(UpstreamScheme::Unix);
    let rows = [
        (Client::new(&path, UnixTransport::new()), Request::get("/")),
        (Client::new(path.trim_start_matches('/'), UnixTransport::new()), Request::get("/")),
        (Client::new(&path, DynamicTransport::new()), dynamic()),
    ];
    for (client, request) in rows {
        let origin = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut conn = Conn { stream, read: Vec::new() };
            conn.answer(ok("one")).await;
            conn.answer(ok("two")).await;
        };
        let requests = async {
            let again = request;
            let first = client.send(again, Body::empty()).await.unwrap();
            assert_eq!(text(first).await.unwrap(), "one");
            let second = client.send(dynamic(), Body::empty()).await.unwrap();
            assert_eq!(text(second).await.unwrap(), "two");
        };
        tokio::join!(origin, requests);
    }
}
