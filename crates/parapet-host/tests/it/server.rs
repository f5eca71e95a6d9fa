use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use http::StatusCode;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, Server, Upgrade, handler_fn_with,
};
use parapet_host::{HostRouter, strip_port, to_lower};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

async fn serve(layer: impl Middleware) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new().with(layer);
    (address, tokio::spawn(async move { drop(server.serve(listener).await) }))
}

async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Answers with its name and what it sees: `authority()`, `Host`.
fn seeing(name: &'static str) -> Handler {
    handler_fn_with(name, |name, request: Request| async move {
        let host = request.headers().get("host").map_or("", |host| host.to_str().unwrap());
        format!("{name} {} {host}", request.authority().unwrap())
    })
}

#[tokio::test]
async fn the_block_of_the_one_authority_answers_and_host_names_the_same() {
    let sites = ["a.test", "b.test"].map(|site| {
        let name = if site == "a.test" { "a" } else { "b" };
        parapet_host::new([site]).unwrap().with(seeing(name))
    });
    let (address, serving) = serve(sites).await;
    for (head, answer) in [
        ("GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n", "b b.test b.test"),
        ("GET / HTTP/1.1\r\nHost: a.test\r\n", "a a.test a.test"),
        (
            "GET / HTTP/1.1\r\nHost: A.test.:80\r\nX-Forwarded-Host: b.test\r\n",
            "a A.test.:80 A.test.:80",
        ),
    ] {
        let response = raw(address, &format!("{head}Connection: close\r\n\r\n")).await;
        assert!(response.ends_with(&format!("\r\n\r\n{answer}")), "{response}");
    }
    serving.abort();
}

#[tokio::test]
async fn port_and_case_are_changed_for_all_behind() {
    let (address, serving) = serve((strip_port(), to_lower(), seeing("site"))).await;
    let request = "GET / HTTP/1.1\r\nHost: HOST.local:443\r\nConnection: close\r\n\r\n";
    let response = raw(address, request).await;
    assert!(response.ends_with("\r\n\r\nsite host.local host.local"), "{response}");
    serving.abort();
}

/// A table whose route answers with `version`, or echoes lines to those who upgrade; and what tells that it is alive.
fn table(version: u32) -> (HostRouter, Weak<u32>) {
    let version = Arc::new(version);
    let alive = Arc::downgrade(&version);
    let site = handler_fn_with(version, |version, mut request: Request| async move {
        let Some(upgrade) = Upgrade::take(&mut request) else {
            return Response::new(Body::full(format!("{version}\n")));
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", "echo".parse().unwrap());
        response.headers_mut().insert("connection", "upgrade".parse().unwrap());
        upgrade.serve(response, move |io| async move {
            let mut io = BufReader::new(io);
            let mut line = String::new();
            while io.read_line(&mut line).await.is_ok_and(|len| len > 0) {
                io.write_all(format!("{version} {line}").as_bytes()).await.unwrap();
                io.flush().await.unwrap();
                line.clear();
            }
        })
    });
    (HostRouter::builder().route(["a.test"], site).build().unwrap(), alive)
}

/// One request on a kept connection: the version that answered.
async fn version(stream: &mut BufReader<TcpStream>) -> u32 {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    line.clear();
    stream.read_line(&mut line).await.unwrap();
    line.trim_end().parse().unwrap()
}

async fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(address).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_replacements_under_load_fail_no_request_and_cut_no_tunnel() {
    const REPLACEMENTS: u32 = 1000;
    let (first, _) = table(0);
    let (layer, live) = first.live();
    let (address, serving) = serve(layer).await;

    let mut tunnel = connect(address).await;
    let upgrade = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    tunnel.write_all(upgrade.as_bytes()).await.unwrap();
    let mut line = String::new();
    tunnel.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 101 "), "{line}");
    while line != "\r\n" {
        line.clear();
        tunnel.read_line(&mut line).await.unwrap();
    }

    let load: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = connect(address).await;
                let mut newest = 0;
                while newest < REPLACEMENTS {
                    let seen = version(&mut stream).await;
                    assert!(seen >= newest, "{seen} after {newest}");
                    newest = seen;
                }
            })
        })
        .collect();
    let mut alive = Vec::new();
    let mut pace = connect(address).await;
    for next in 1..=REPLACEMENTS {
        let (table, is_alive) = table(next);
        live.replace(table);
        alive.push(is_alive);
        // A request for each, so that none is skipped for lack of time.
        assert_eq!(version(&mut pace).await, next);
    }
    for client in load {
        client.await.unwrap();
    }

    tunnel.write_all(b"still here\n").await.unwrap();
    line.clear();
    tunnel.read_line(&mut line).await.unwrap();
    assert_eq!(line, "0 still here\n");
    drop((tunnel, pace));

    let newest = alive.pop().unwrap();
    assert!(alive.iter().all(|table| table.strong_count() == 0), "only the newest table is left");
    assert!(newest.strong_count() > 0);
    serving.abort();
}
