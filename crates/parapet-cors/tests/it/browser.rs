use std::net::SocketAddr;
use std::process::Command;

use http::{HeaderName, HeaderValue, Method};
use parapet_core::{Handler, IntoResponse, Middleware, Request, Server, handler_fn};
use parapet_cors as cors;
use tokio::net::TcpListener;

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn serve(listener: TcpListener, layer: impl Middleware, handler: Handler) {
    tokio::spawn(Server::new().with(layer).handler(handler).serve(listener));
}

/// Answers with the method, one field that scripts may see, and one that they may not.
fn api() -> Handler {
    handler_fn(|request: Request| async move {
        let mut response = format!("{} api", request.method()).into_response();
        for name in ["x-exposed", "x-hidden"] {
            response.headers_mut().insert(name, HeaderValue::from_static("1"));
        }
        response
    })
}

/// Fetches with credentials; a PUT with a field of its own needs a preflight. Writes what came of it into its body.
const PAGE: &str = r#"<!doctype html><body><script>
const tell = async (name, url, init) => {
    let text;
    try {
        const answer = await fetch(url, init);
        text = `${await answer.text()}, exposed ${answer.headers.get("x-exposed")}, hidden ${answer.headers.get("x-hidden")}`;
    } catch (error) {
        text = error.name;
    }
    const line = document.createElement("p");
    line.textContent = `${name}: ${text}`;
    document.body.append(line);
};
(async () => {
    const put = { method: "PUT", headers: { "x-token": "1" }, credentials: "include" };
    await tell("get", "ALLOWED", { credentials: "include" });
    await tell("put", "ALLOWED", put);
    await tell("delete", "ALLOWED", { method: "DELETE", credentials: "include" });
    await tell("foreign get", "FOREIGN", { credentials: "include" });
    await tell("foreign put", "FOREIGN", put);
    await tell("public get", "PUBLIC", {});
    await tell("public with credentials", "PUBLIC", { credentials: "include" });
})();
</script>"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts the browser chromium; run by hand when what is sent has changed"]
async fn a_browser_lets_a_page_read_what_the_layer_allows_and_nothing_else() {
    let ((site, site_at), (allowed, allowed_at), (foreign, foreign_at), (public, public_at)) =
        (listen().await, listen().await, listen().await, listen().await);
    let origin = format!("http://localhost:{}", site_at.port());
    let exposed = HeaderName::from_static("x-exposed");
    let only = |origin: &str| {
        cors::allow_origins([origin])
            .unwrap()
            .allow_credentials(true)
            .allow_methods([Method::GET, Method::PUT])
            .allow_headers([HeaderName::from_static("x-token")])
            .expose_headers([exposed.clone()])
    };
    serve(allowed, only(&origin), api());
    serve(foreign, only("http://elsewhere.test"), api());
    serve(public, cors::new().expose_all(), api());
    let page = PAGE
        .replace("ALLOWED", &format!("http://{allowed_at}/"))
        .replace("FOREIGN", &format!("http://{foreign_at}/"))
        .replace("PUBLIC", &format!("http://{public_at}/"));
    let page = handler_fn(move |_| {
        let mut response = page.clone().into_response();
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert("content-type", html);
        async { response }
    });
    serve(site, None::<Handler>, page);

    let profile = tempfile::tempdir().unwrap();
    let mut browser = Command::new("chromium");
    browser
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--dump-dom", &format!("{origin}/")]);
    let output = tokio::task::spawn_blocking(move || browser.output()).await.unwrap();
    let output = output.expect("this test needs the program chromium");
    let document = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> =
        document.split("<p>").skip(1).filter_map(|line| line.split("</p>").next()).collect();
    assert_eq!(
        lines,
        [
            "get: GET api, exposed 1, hidden null",
            "put: PUT api, exposed 1, hidden null",
            "delete: TypeError", // not among the methods
            "foreign get: TypeError",
            "foreign put: TypeError",
            "public get: GET api, exposed 1, hidden 1",
            "public with credentials: TypeError",
        ],
        "{document}"
    );
}
