use super::Report;
use super::stage::{Edge, Stage, holds, said};
use crate::error::Result;
use crate::tools::{self, Debian};

/// curl: every version of HTTP that it speaks, over both ports.
pub(super) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    tools::debian(&[Debian { program: "curl", package: "curl" }])?;
    let edge = stage.edge(&format!("http://{}", stage.origin), &[])?;
    for case in CASES {
        report.check(case.name, check(stage, &edge, case));
    }
    let unix = stage.edge(&format!("unix:{}", stage.path().join("origin.sock").display()), &[])?;
    for case in UNIX_CASES {
        report.check(case.name, check(stage, &unix, case));
    }
    Ok(())
}

fn check(stage: &Stage, edge: &Edge, case: &Case) -> Result<()> {
    let mut command = tools::command("curl");
    command.current_dir(stage.path()).args([
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--noproxy",
        "",
    ]);
    command.args(["--cacert", "cert.pem", "--write-out", FIGURES]);
    for word in case.args.split(' ') {
        let word = word.replace("{TLS}", &format!("localhost:{}", edge.tls.port()));
        command.arg(word.replace("{PLAIN}", &edge.plain.to_string()));
    }
    let (_, text) = said(&mut command, 30)?;
    holds(case.name, &text, case.wanted)
}

struct Case {
    name: &'static str,
    args: &'static str,
    wanted: &'static [&'static str],
}

/// What curl adds after each transfer.
const FIGURES: &str = "\n[status %{http_code} version %{http_version} size %{size_download} new %{num_connects} \
                       connect %{http_connect} verified %{ssl_verify_result}]\n";

const CASES: &[Case] = &[
    Case {
        name: "HTTP/1.1",
        args: "--http1.1 http://{PLAIN}/hello",
        wanted: &["hello\n", "[status 200 version 1.1 size 6"],
    },
    Case {
        name: "HTTP/1.0",
        args: "--http1.0 http://{PLAIN}/hello",
        wanted: &["hello\n", "[status 200 "],
    },
    Case {
        name: "HTTP/1.1 over TLS",
        args: "--http1.1 https://{TLS}/hello",
        wanted: &["hello\n", "[status 200 version 1.1", "verified 0]"],
    },
    Case {
        name: "HTTP/2 over TLS",
        args: "--http2 https://{TLS}/hello",
        wanted: &["hello\n", "[status 200 version 2 "],
    },
    Case {
        name: "HTTP/2 in the clear, prior knowledge",
        args: "--http2-prior-knowledge http://{PLAIN}/hello",
        wanted: &["hello\n", "[status 200 version 2 "],
    },
    Case {
        name: "HTTP/2 in the clear, by an upgrade that nobody must take",
        args: "--http2 http://{PLAIN}/hello",
        wanted: &["hello\n", "[status 200 "],
    },
    Case {
        name: "TLS 1.2",
        args: "--tls-max 1.2 --http1.1 https://{TLS}/hello",
        wanted: &["[status 200 "],
    },
    Case { name: "TLS 1.3", args: "--tlsv1.3 https://{TLS}/hello", wanted: &["[status 200 "] },
    Case {
        name: "two requests on one connection",
        args: "http://{PLAIN}/hello http://{PLAIN}/hello",
        wanted: &["new 1 ", "new 0 "],
    },
    Case {
        name: "HEAD",
        args: "--head http://{PLAIN}/1m",
        wanted: &["ontent-", "ength: 1048576", "[status 200 version 1.1 size 0 "],
    },
    Case {
        name: "1 MiB down",
        args: "--output /dev/null http://{PLAIN}/1m",
        wanted: &["[status 200 version 1.1 size 1048576 "],
    },
    Case {
        name: "1 MiB down over HTTP/2",
        args: "--output /dev/null https://{TLS}/1m",
        wanted: &["[status 200 version 2 size 1048576 "],
    },
    Case {
        name: "1 MiB up, after 100",
        args: "--http1.1 --header Expect:100-continue --data-binary @www/1m http://{PLAIN}/upload",
        wanted: &["length=1048576", "[status 200 "],
    },
    Case {
        name: "1 MiB up in chunks",
        args: "--http1.1 --header Transfer-Encoding:chunked --header Expect: --data-binary @www/1m http://{PLAIN}/upload",
        wanted: &["length=1048576", "[status 200 "],
    },
    Case {
        name: "1 MiB up over HTTP/2",
        args: "--data-binary @www/1m https://{TLS}/upload",
        wanted: &["length=1048576", "[status 200 version 2 "],
    },
    Case {
        name: "a range",
        args: "--range 0-99 --output /dev/null http://{PLAIN}/1m",
        wanted: &["[status 206 version 1.1 size 100 "],
    },
    Case {
        name: "compressed and in chunks",
        args: "--compressed --include http://{PLAIN}/hello",
        wanted: &["hello\n", "gzip", "[status 200 "],
    },
    Case { name: "204", args: "http://{PLAIN}/none", wanted: &["[status 204 version 1.1 size 0 "] },
    Case {
        name: "304",
        args: "--header If-None-Match:* http://{PLAIN}/1m --output /dev/null",
        wanted: &["[status 304 "],
    },
    Case { name: "404", args: "http://{PLAIN}/nothing", wanted: &["[status 404 "] },
    Case {
        name: "a redirect is followed",
        args: "--location http://{PLAIN}/away",
        wanted: &["hello\n", "[status 200 "],
    },
    Case {
        name: "the origin is told of the client",
        args: "http://{PLAIN}/seen",
        wanted: &["for=127.0.0.1 proto=http ip=127.0.0.1 host=127.0.0.1:"],
    },
    Case {
        name: "the origin is told of TLS",
        args: "https://{TLS}/seen",
        wanted: &["proto=https ip=127.0.0.1 host=localhost:"],
    },
    Case {
        name: "absolute form",
        args: "--proxy http://{PLAIN} http://localhost/seen",
        wanted: &["host=localhost\n", "[status 200 "],
    },
    Case {
        name: "CONNECT is refused",
        args: "--proxy http://{PLAIN} --proxytunnel http://localhost/",
        wanted: &["status 000 ", "connect 4"],
    },
    Case {
        name: "100 requests in parallel over HTTP/2",
        args: "--parallel --parallel-max 50 --http2 https://{TLS}/hello?[1-100]",
        wanted: &["hello\n", "[status 200 version 2 "],
    },
];

const UNIX_CASES: &[Case] = &[Case {
    name: "an origin on a Unix socket",
    args: "http://{PLAIN}/hello",
    wanted: &["hello\n", "[status 200 "],
}];
