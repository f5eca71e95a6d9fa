use http::StatusCode;
use parapet_core::{Handler, Middleware, Server, handler_fn};
use parapet_router::Router;
use parapet_testkit::RawClient;
use tokio::net::TcpListener;

/// Spellings of `/admin` and of what only looks like it, and what a guard makes of them.
const SPELLINGS: &[(&str, u16)] = &[
    ("/admin", 401),
    ("//admin", 401),
    ("/./admin", 401),
    ("/x/../admin", 401),
    ("/%61dmin", 401),
    ("/x%2f..%2fadmin", 401),
    ("/admin%2Fx", 401),
    ("/admin%5Cx", 401),
    ("/public//../admin", 401),
    ("/admin%00", 400),
    ("/admin%zz", 400),
    ("/x/..;/admin", 400),
    ("/x/..%5cadmin", 400),
    ("/%c0%ae%c0%ae/admin", 400),
    ("/adminx", 200),
    ("/%2561dmin", 200),
];

fn guard() -> Handler {
    let guard = handler_fn(|_| async { StatusCode::UNAUTHORIZED });
    let router = Router::builder().handle("/admin", guard).build().unwrap();
    router.wrap(handler_fn(|_| async { "behind" }))
}

#[tokio::test]
async fn no_spelling_of_a_path_dodges_a_guard() {
    let handler = guard();
    for (path, status) in SPELLINGS {
        let response = handler.serve(crate::route::request(path)).await;
        assert_eq!(response.status(), *status, "{path}");
    }
}

#[tokio::test]
async fn nor_does_one_on_the_wire() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(Server::new().handler(guard()).serve(listener));
    for (path, status) in SPELLINGS {
        let mut client = RawClient::connect(address).await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert_eq!(client.answer().await.status, *status, "{path}");
    }
    serving.abort();
}
