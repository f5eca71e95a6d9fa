use super::Report;
use super::stage::{Stage, holds, said};
use crate::error::Result;
use crate::process::{Running, free_port};
use crate::tools::{self, Debian};

/// nghttp, h2load and nghttpd: HTTP/2 by the library nghttp2.
pub(super) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    tools::debian(&[
        Debian { program: "nghttp", package: "nghttp2-client" },
        Debian { program: "h2load", package: "nghttp2-client" },
        Debian { program: "nghttpd", package: "nghttp2-server" },
    ])?;
    let edge = stage.edge(&format!("http://{}", stage.origin), &[])?;
    let tls = format!("https://{}", edge.tls);
    let plain = format!("http://{}", edge.plain);
    let file = stage.path().join("www/1m").display().to_string();
    let mut check = |case: &str, line: &str, wanted: &[&str]| {
        let mut words = line.split(' ');
        let mut command = tools::command(words.next().unwrap_or_default());
        let result = said(command.args(words), 60).and_then(|(_, text)| holds(case, &text, wanted));
        report.check(case, result);
    };
    check(
        "nghttp over TLS",
        &format!("nghttp -nv {tls}/hello"),
        &["The negotiated protocol: h2", ":status: 200"],
    );
    check("nghttp in the clear", &format!("nghttp -nv {plain}/hello"), &[":status: 200"]);
    check(
        "nghttp up 1 MiB",
        &format!("nghttp -v -d {file} {tls}/upload"),
        &[":status: 200", "length=1048576"],
    );
    check(
        "nghttp with small windows",
        &format!("nghttp -nv -w 10 -W 10 {tls}/1m"),
        &[":status: 200", "END_STREAM"],
    );
    check(
        "nghttp with trailers",
        &format!("nghttp -v -d {file} --trailer x-end:yes {tls}/upload"),
        &[":status: 200"],
    );
    check("nghttp with padding", &format!("nghttp -nv -b 100 {tls}/hello"), &[":status: 200"]);
    let all = &["1000 succeeded, 0 failed, 0 errored", "status codes: 1000 2xx"];
    check("h2load over TLS", &format!("h2load -n 1000 -c 10 -m 20 {tls}/hello"), all);
    check("h2load in the clear", &format!("h2load -n 1000 -c 10 -m 20 {plain}/hello"), all);
    check(
        "h2load up 1 MiB",
        &format!("h2load -n 50 -c 2 -m 5 -d {file} {tls}/upload"),
        &["50 succeeded, 0 failed"],
    );
    check("h2load over HTTP/1.1 and TLS", &format!("h2load --h1 -n 1000 -c 10 {tls}/hello"), all);

    // The other side: an origin that speaks HTTP/2 in the clear, with trailers.
    let origin = free_port()?;
    let mut command = tools::command("nghttpd");
    command
        .args(["--no-tls", "--trailer", "x-end: yes", "-a", "127.0.0.1"])
        .arg("-d")
        .arg(stage.path().join("www"));
    let mut nghttpd = Running::start(
        "nghttpd",
        command.arg(origin.port().to_string()),
        &stage.path().join("nghttpd.log"),
    )?;
    nghttpd.answers_at(origin, std::time::Duration::from_secs(10))?;
    let edge = stage.edge(&format!("h2c://{origin}"), &[])?;
    let mut check = |case: &str, line: &str, wanted: &[&str]| {
        let mut words = line.split(' ');
        let mut command = tools::command(words.next().unwrap_or_default());
        let result = said(command.args(words), 60).and_then(|(_, text)| holds(case, &text, wanted));
        report.check(case, result);
    };
    let tls = format!("https://{}", edge.tls);
    check(
        "an origin by nghttpd, its trailers",
        &format!("nghttp -nv {tls}/1m"),
        &[":status: 200", "x-end: yes"],
    );
    check(
        "an origin by nghttpd, many streams",
        &format!("h2load -n 1000 -c 10 -m 20 {tls}/1m"),
        all,
    );
    check(
        "an origin by nghttpd, HTTP/1.1 in front",
        &format!("curl -sS --http1.1 -D - -o /dev/null http://{}/1m", edge.plain),
        &["HTTP/1.1 200"],
    );
    Ok(())
}
