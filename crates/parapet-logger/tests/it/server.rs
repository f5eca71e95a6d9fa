use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use parapet_core::{
    Body, BodyError, ConnMeta, Handler, InformationalSink, Request, Response, Server, ServerHandle,
    Upgrade, handler_fn,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use crate::support::{Log, answer};

/// A connection to `server` in memory, from 192.0.2.1, with the logger outermost.
struct Client {
    io: DuplexStream,
    /// Ends with the connection.
    serving: tokio::task::JoinHandle<()>,
    handle: ServerHandle,
}

impl Client {
    fn connect(server: Server, log: &Log, handler: Handler) -> Self {
        let server = server
            .on_local_reply(log.logger.local_replies())
            .with(log.logger.clone())
            .handler(handler);
        let handle = server.handle();
        let connections = server.into_connections().unwrap();
        let (client, io) = duplex(4096);
        let meta = ConnMeta::new("192.0.2.1:1".parse().ok());
        let serving = tokio::spawn(async move { connections.serve(io, meta).await });
        Self { io: client, serving, handle }
    }

    async fn send(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }

    /// All that comes until the connection is closed.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        self.io.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// What comes up to and with `text`.
    async fn up_to(&mut self, text: &str) {
        let mut bytes = Vec::new();
        while !bytes.ends_with(text.as_bytes()) {
            bytes.push(self.io.read_u8().await.unwrap());
        }
    }

    async fn leave(self) {
        drop(self.io);
        self.serving.await.unwrap();
    }
}

fn request(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_body_that_must_not_be_sent_ends_well_with_nothing() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200)] {
        let log = Log::with(|logger| logger.omit_empty(true));
        let handler = answer(move || {
            let mut response = Response::new(Body::full("hello"));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        });
        let mut client = Client::connect(Server::new(), &log, handler);
        client.send(&request(&format!("{method} /"))).await;
        client.rest().await;
        let record = log.record();
        assert_eq!(record["status"], status);
        let sent = method == "GET" && status == 200;
        assert_eq!(record.get("responseBodySize"), sent.then(|| 5.into()).as_ref(), "{status}");
        assert_eq!(record.get("aborted"), None, "{status}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_one_record() {
    let log = Log::new();
    let handler = handler_fn(|request: Request| async move {
        assert_eq!(request.uri().path(), "no", "a handler panics");
        ""
    });
    let mut client = Client::connect(Server::new(), &log, handler);
    client.send(&request("GET /")).await;
    assert!(client.rest().await.starts_with("HTTP/1.1 500 "));
    let record = log.record();
    assert_eq!((&record["status"], &record["aborted"]), (&500.into(), &"panic".into()));
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_is_one_record_at_its_end_with_its_bytes() {
    let log = Log::new();
    let handler = handler_fn(|mut request: Request| async move {
        let upgrade = Upgrade::take(&mut request).unwrap();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
        upgrade.serve(response, |mut io| async move {
            let mut buffer = [0; 64];
            while let Ok(read @ 1..) = io.read(&mut buffer).await {
                let _ = io.write_all(&buffer[..read]).await;
            }
        })
    });
    let mut client = Client::connect(Server::new(), &log, handler);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
    client.up_to("\r\n\r\n").await;
    client.send("0123456789").await;
    client.up_to("0123456789").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(log.records(), [serde_json::Value::Null; 0]);
    client.leave().await;
    let record = log.record();
    assert_eq!(record["status"], 101);
    assert!(record["duration"].as_u64().unwrap() >= 300_000_000, "{record}");
    assert_eq!((&record["requestBodySize"], &record["responseBodySize"]), (&10.into(), &10.into()));
}

#[tokio::test]
async fn scheme_and_client_are_those_of_the_trust_step() {
    for (server, scheme, real) in
        [(Server::backend(), "https", "198.51.100.7"), (Server::frontend(), "http", "192.0.2.1")]
    {
        let log = Log::new();
        let trusted = server.trust_cidrs(if scheme == "https" {
            vec!["192.0.2.0/24".parse().unwrap()]
        } else {
            Vec::new()
        });
        let handler = answer(|| Response::new(Body::full("hello")));
        let mut client = Client::connect(trusted, &log, handler);
        client
            .send(
                "GET /path?x=1 HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\
                 X-Forwarded-Proto: https\r\nX-Forwarded-For: 198.51.100.7\r\n\
                 X-Real-IP: 198.51.100.7\r\n\r\n",
            )
            .await;
        client.rest().await;
        let record = log.record();
        assert_eq!(record["requestUrl"], format!("{scheme}://example.com/path?x=1"));
        assert_eq!(record["realIp"], real);
        assert_eq!(record["remoteIp"], "192.0.2.1");
        assert_eq!(record["protocol"], "HTTP/1.1");
    }
}

#[tokio::test]
async fn what_no_middleware_sees_is_logged_as_a_local_reply() {
    let log = Log::new();
    let handler = answer(|| panic!("it is refused before"));
    let mut client = Client::connect(Server::new(), &log, handler);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    assert!(client.rest().await.starts_with("HTTP/1.1 400 "));
    let record = log.record();
    assert_eq!(record["status"], 400);
    assert_eq!(record["remoteIp"], "192.0.2.1");
    assert!(record["error"].as_str().unwrap().starts_with("core/"), "{record}");
    for name in ["requestMethod", "requestUrl", "host", "protocol", "realIp", "aborted"] {
        assert_eq!(record[name], "", "{name}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_at_the_socket() {
    // While the handler waits.
    let log = Log::new();
    let (begun, mut begins) = tokio::sync::mpsc::channel(1);
    let handler = handler_fn(move |_| {
        let begun = begun.clone();
        async move {
            begun.send(()).await.unwrap();
            std::future::pending::<Response>().await
        }
    });
    let mut client = Client::connect(Server::new(), &log, handler);
    client.send(&request("GET /")).await;
    begins.recv().await.unwrap();
    client.leave().await;
    let record = log.record();
    assert_eq!((&record["status"], &record["aborted"]), (&499.into(), &"client".into()));

    // Within the body, which is larger than what is in flight.
    let log = Log::new();
    let handler = answer(|| {
        let chunks = (0..1000).map(|_| Ok::<_, BodyError>(Bytes::from_static(&[b'x'; 1000])));
        Response::new(Body::from_stream(futures_util::stream::iter(chunks)))
    });
    let mut client = Client::connect(Server::new(), &log, handler);
    client.send(&request("GET /")).await;
    client.up_to("xxx").await;
    client.leave().await;
    let record = log.record();
    assert_eq!((&record["status"], &record["aborted"]), (&200.into(), &"client".into()));
    assert!(record["responseBodySize"].as_u64().unwrap() < 1_000_000, "{record}");
}

#[tokio::test(start_paused = true)]
async fn an_early_hint_is_not_taken_for_the_answer() {
    let log = Log::new();
    let handler = handler_fn(|request: Request| async move {
        let sink = request.extensions().get::<InformationalSink>().cloned().unwrap();
        let mut hints = HeaderMap::new();
        hints.insert("link", HeaderValue::from_static("</a.css>; rel=preload"));
        sink.send(StatusCode::EARLY_HINTS, hints).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        Response::new(Body::full("hello"))
    });
    let server = Server::new().early_hints(true).early_hints_http1(true);
    let mut client = Client::connect(server, &log, handler);
    client.send(&request("GET /")).await;
    assert!(client.rest().await.starts_with("HTTP/1.1 103 "));
    let record = log.record();
    assert_eq!(record["status"], 200);
    assert!(record["durationHeader"].as_u64().unwrap() >= 1_000_000_000, "{record}");
}

#[tokio::test]
async fn an_exchange_that_the_server_cuts_reads_shutdown() {
    let log = Log::new();
    let (begun, mut begins) = tokio::sync::mpsc::channel(1);
    let handler = handler_fn(move |_| {
        let begun = begun.clone();
        async move {
            begun.send(()).await.unwrap();
            std::future::pending::<Response>().await
        }
    });
    let mut client = Client::connect(Server::new(), &log, handler);
    client.send(&request("GET /")).await;
    begins.recv().await.unwrap();
    client.handle.shutdown_now();
    // Connections from elsewhere are cut by whoever serves them.
    client.serving.abort();
    assert!(client.serving.await.unwrap_err().is_cancelled());
    let record = log.record();
    assert_eq!((&record["status"], &record["aborted"]), (&499.into(), &"shutdown".into()));
}
