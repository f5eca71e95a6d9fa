//! Small origins, so that there is something to proxy on the first start.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use parapet::prelude::*;
use parapet::{IntoResponse, abort};
use tokio::net::TcpListener;

/// URLs of the embedded origins.
#[derive(Debug)]
pub(crate) struct Origins {
    pub(crate) fast: String,
    /// Takes 300 ms for each answer.
    pub(crate) slow: String,
    /// Closes the connection without an answer for one request in three.
    pub(crate) flaky: String,
    pub(crate) admin: String,
}

/// Starts the origins on free ports of loopback, on a thread of their own. They end with the process.
pub(crate) fn start() -> Result<Origins> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let origins = runtime.block_on(origins())?;
    thread::Builder::new()
        .name("origins".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(origins)
}

async fn origins() -> Result<Origins> {
    let requests = Arc::new(AtomicU32::new(0));
    let fast = origin(|request| async move { hello("fast", &request) }).await?;
    let slow = origin(|request| async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        hello("slow", &request)
    });
    let flaky = origin(move |request| {
        let fails = requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        async move { if fails { abort() } else { hello("flaky", &request) } }
    });
    let admin = origin(|request| async move { hello("admin", &request) });
    Ok(Origins { fast, slow: slow.await?, flaky: flaky.await?, admin: admin.await? })
}

async fn origin<F, Fut>(answer: F) -> Result<String>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(Server::backend().handler(handler_fn(answer)).serve(listener));
    Ok(url)
}

fn hello(name: &str, request: &Request) -> Response {
    let host = request.authority().map_or("nobody", |authority| authority.as_str());
    format!("{name}: {} {} for {host}\n", request.method(), request.uri().path()).into_response()
}
