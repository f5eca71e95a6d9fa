//! The services around the gateway: key server, auth server, backend. They end with the process.

use std::thread;

use parapet::prelude::*;
use parapet::{IntoResponse, http};
use tokio::net::TcpListener;

use crate::issuer::Issuer;

/// Where they listen.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) issuer_url: String,
    pub(crate) auth_url: String,
    /// Host and port.
    pub(crate) backend: String,
}

/// Starts all of them on free ports of loopback, on a thread of their own.
pub(crate) fn start(issuer: &Issuer) -> Result<Services> {
    let key_set = issuer.key_set();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let services = runtime.block_on(async {
        let keys = serve(move |request: &Request| {
            let found = request.uri().path() == "/keys";
            if found { key_set.clone().into_response() } else { not_found() }
        });
        Ok::<_, Failure>(Services {
            issuer_url: format!("http://{}", keys.await?),
            auth_url: format!("http://{}", serve(check).await?),
            backend: serve(backend).await?,
        })
    })?;
    thread::Builder::new()
        .name("services".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(services)
}

async fn serve(
    answer: impl Fn(&Request) -> Response + Clone + Send + Sync + 'static,
) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let handler = handler_fn(move |request: Request| {
        let response = answer(&request);
        async move { response }
    });
    tokio::spawn(Server::backend().handler(handler).serve(listener));
    Ok(address)
}

/// The auth server: an open session is let in.
fn check(request: &Request) -> Response {
    let open = request.headers().get("cookie").is_some_and(|cookie| cookie == "session=open");
    if !open {
        return (http::StatusCode::FORBIDDEN, "no session").into_response();
    }
    let mut response = "".into_response();
    response.headers_mut().insert("x-auth-user", http::HeaderValue::from_static("carol"));
    response
}

/// The backend: tells what it was asked and by whom.
fn backend(request: &Request) -> Response {
    let who = ["x-auth-subject", "x-auth-user"]
        .iter()
        .find_map(|name| request.headers().get(*name)?.to_str().ok())
        .unwrap_or("nobody");
    format!("{} {} for {who}\n", request.method(), request.uri().path()).into_response()
}

fn not_found() -> Response {
    (http::StatusCode::NOT_FOUND, "Not Found").into_response()
}
