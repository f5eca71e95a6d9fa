//! The flags of the edge.

use std::time::Duration;

use parapet::prelude::*;

pub(crate) const USAGE: &str = "\
usage: edge [flags]

  --listen ADDR             plain HTTP/1.1 and HTTP/2 (default 127.0.0.1:8080)
  --tls-listen ADDR         TLS (default 127.0.0.1:8443)
  --cert FILE --key FILE    PEM files in place of the self-signed certificate
  --origin URL              your own origin in place of the embedded ones; may be repeated, they take turns
  --route PREFIX=URL        sends paths under PREFIX to URL, before the origins; may be repeated
  --workers N               worker threads (default: one per core)
  --wait SECONDS            go on accepting after SIGTERM (default 10; Ctrl-C does not wait)
  --grace SECONDS           time for requests in progress after that (default 30)
  --header-timeout SECONDS  for a request head (default 10)
  --origin-timeout SECONDS  from the request to the origin's response head (default 60)
  --reuse-port              let a second edge listen beside this one (SO_REUSEPORT)
  --no-log                  no access log
  --bare                    no log, no request ids, no health endpoint: the proxy alone, for measuring

URL is http://HOST[:PORT], https://HOST[:PORT], h2c://HOST[:PORT] or unix:/PATH";

#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Run(Box<Options>),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: String,
    pub(crate) tls_listen: String,
    pub(crate) certificate: Option<(String, String)>,
    pub(crate) origins: Vec<String>,
    /// Prefix and URL, in the order given.
    pub(crate) routes: Vec<(String, String)>,
    pub(crate) workers: Option<usize>,
    pub(crate) wait: Option<Duration>,
    pub(crate) grace: Option<Duration>,
    pub(crate) header_timeout: Option<Duration>,
    pub(crate) origin_timeout: Duration,
    pub(crate) reuse_port: bool,
    pub(crate) log: bool,
    pub(crate) bare: bool,
}

impl Options {
    /// Whether it stands in front of somebody's own origins.
    pub(crate) fn is_own(&self) -> bool {
        !self.origins.is_empty()
    }
}

/// Reads the flags. What is wrong is told with the flag's name.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command> {
    let mut args = args;
    let mut options = Options {
        listen: "127.0.0.1:8080".into(),
        tls_listen: "127.0.0.1:8443".into(),
        certificate: None,
        origins: Vec::new(),
        routes: Vec::new(),
        workers: None,
        wait: None,
        grace: None,
        header_timeout: None,
        origin_timeout: Duration::from_secs(60),
        reuse_port: false,
        log: true,
        bare: false,
    };
    let (mut cert, mut key) = (None, None);
    while let Some(flag) = args.next() {
        let mut value = || {
            args.next().ok_or_else(|| Failure::new(format!("{flag} wants a value: see --help")))
        };
        match flag.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--listen" => options.listen = value()?,
            "--tls-listen" => options.tls_listen = value()?,
            "--cert" => cert = Some(value()?),
            "--key" => key = Some(value()?),
            "--origin" => options.origins.push(value()?),
            "--route" => options.routes.push(route(&value()?)?),
            "--workers" => options.workers = Some(number(&flag, &value()?)?),
            "--wait" => options.wait = Some(seconds(&flag, &value()?)?),
            "--grace" => options.grace = Some(seconds(&flag, &value()?)?),
            "--header-timeout" => options.header_timeout = Some(seconds(&flag, &value()?)?),
            "--origin-timeout" => options.origin_timeout = seconds(&flag, &value()?)?,
            "--reuse-port" => options.reuse_port = true,
            "--no-log" => options.log = false,
            "--bare" => options.bare = true,
            _ => return Err(Failure::new(format!("{flag:?} is no flag: see --help"))),
        }
    }
    options.certificate = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => return Err(Failure::new("--cert and --key go together")),
    };
    Ok(Command::Run(Box::new(options)))
}

fn route(text: &str) -> Result<(String, String)> {
    let (prefix, url) = text.split_once('=').ok_or_else(|| {
        Failure::new(format!("--route {text:?}: write PREFIX=URL, for instance /api=http://127.0.0.1:3000"))
    })?;
    Ok((prefix.into(), url.into()))
}

fn number(flag: &str, text: &str) -> Result<usize> {
    text.parse().map_err(|_| Failure::new(format!("{flag} {text:?}: write a whole number")))
}

fn seconds(flag: &str, text: &str) -> Result<Duration> {
    let seconds: f64 =
        text.parse().map_err(|_| Failure::new(format!("{flag} {text:?}: write a number of seconds")))?;
    Duration::try_from_secs_f64(seconds).map_err(Failure::from)
}
