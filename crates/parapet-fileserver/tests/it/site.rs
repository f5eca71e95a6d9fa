use std::fs;
use std::path::{Path, PathBuf};

use parapet_core::{Body, ConnMeta, Handler, IntoResponse, Request, Response, Server, handler_fn};
use parapet_fileserver::FileServer;
use parapet_testkit::{Answer, RawClient};
use tempfile::TempDir;

/// A directory that holds the root, and what must not be reached from it.
#[derive(Debug)]
pub(crate) struct Site {
    temp: TempDir,
}

impl Site {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let site = Self { temp: tempfile::tempdir().unwrap() };
        fs::create_dir(site.root()).unwrap();
        for (path, content) in files {
            site.write(path, content.as_bytes());
        }
        fs::write(site.outside("secret"), "outside").unwrap();
        site
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.temp.path().join("root")
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn files(&self) -> FileServer {
        FileServer::new(self.root()).unwrap()
    }
}

pub(crate) fn set_modified(path: &Path, seconds: u64) {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Answers 418 and tells what it got.
pub(crate) fn fallback() -> Handler {
    handler_fn(|request: Request| async move {
        let mut response = "fallback".into_response();
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        let got = format!("{} {}", request.method(), request.uri());
        response.headers_mut().insert("x-got", got.parse().unwrap());
        response
    })
}

pub(crate) async fn get(handler: &Handler, uri: &str) -> Response {
    let request = http::Request::builder().uri(uri).body(Body::empty()).unwrap();
    handler.serve(request).await
}

/// The answer to a request over a connection, as bytes. It is asked three times: what was read from the disk at first is read
/// from memory then, and must not differ.
pub(crate) async fn ask(files: &FileServer, method: &str, target: &str, fields: &str) -> Answer {
    let connections = Server::new().with(files.clone()).handler(fallback());
    let connections = connections.into_connections().unwrap();
    let (client, io) = tokio::io::duplex(64 * 1024);
    let peer = "127.0.0.1:4711".parse().unwrap();
    let serving = tokio::spawn(connections.serve(io, ConnMeta::new(Some(peer))));
    let mut client = RawClient::over(client);
    let request = format!("{method} {target} HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
    let mut answers = Vec::new();
    for _ in 0..3 {
        client.send(&request).await;
        answers.push(without_date(client.answer_to(method == "HEAD").await));
    }
    drop(client);
    serving.await.unwrap();
    let last = answers.pop().unwrap();
    for other in answers {
        let is_multipart = last.head.contains("boundary="); // random
        assert!(other == last || is_multipart, "{target}: {other:?} and {last:?}");
    }
    last
}

fn without_date(mut answer: Answer) -> Answer {
    let lines = answer.head.split_inclusive("\r\n");
    answer.head = lines.filter(|line| !line.starts_with("date:")).collect();
    answer
}
