use http::StatusCode;
use parapet_core::{Handler, Middleware, Server, handler_fn};
use parapet_location::{Locations, prefix};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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

fn guards() -> [(&'static str, Handler); 2] {
    let guard = || handler_fn(|_| async { StatusCode::UNAUTHORIZED });
    let behind = || handler_fn(|_| async { "behind" });
    let table = Locations::builder().prefix("/admin", guard()).build().unwrap();
    [
        ("location", prefix("/admin").unwrap().with(guard()).wrap(behind())),
        ("table", table.wrap(behind())),
    ]
}

#[tokio::test]
async fn no_spelling_of_a_path_dodges_a_guard() {
    for (name, handler) in guards() {
        for (path, status) in SPELLINGS {
            let response = handler.serve(crate::location::request(path)).await;
            assert_eq!(response.status(), *status, "{name} {path}");
        }
    }
}

#[tokio::test]
async fn nor_does_one_on_the_wire() {
    for (name, handler) in guards() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(Server::new().handler(handler).serve(listener));
        for (path, status) in SPELLINGS {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name} {path}: {answer}");
        }
        serving.abort();
    }
}
