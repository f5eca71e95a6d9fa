//! What the edge does with a request.

use parapet::prelude::*;
use parapet::upstream::{
    H2cTransport, HttpTransport, HttpsTransport, RoundRobin, Target, UnixTransport, Upstream,
};
use parapet::{healthz, host, location, logger, requestid};

use crate::options::Options;
use crate::origins;

/// Idle connections kept for each origin and worker: as many as an edge has requests at once, so that bursts dial nothing.
const IDLE: usize = 256;

/// The chain of the whole edge.
pub(crate) fn site(options: &Options) -> Result<impl Middleware> {
    let mut chain = Chain::new();
    if !options.bare {
        if options.log {
            chain.push(logger::stdout());
        }
        chain.push(requestid::new().trust_proxy(false));
        // Nobody wants to read in the log that the balancer is alive.
        let health = healthz::new().host(true);
        chain.push(location::exact("/healthz")?.with(logger::disable()).with(health));
    }
    for (prefix, url) in &options.routes {
        chain.push(location::prefix(prefix)?.with(proxy(std::slice::from_ref(url), options)?));
    }
    if options.is_own() {
        chain.push(proxy(&options.origins, options)?);
    } else {
        chain.push(embedded(options)?);
    }
    Ok(chain)
}

/// The site in front of the embedded origins: one virtual host for admins, path routes for everybody else.
fn embedded(options: &Options) -> Result<impl Middleware> {
    let origins = origins::start()?;
    let admin = host::new(["admin.localhost"])?.with(proxy(&[origins.admin], options)?);
    let slow = location::prefix("/slow")?.with(proxy(&[origins.slow], options)?);
    let flaky = location::prefix("/flaky")?.with(proxy(&[origins.flaky], options)?);
    Ok(Chain::new().with(admin).with(slow).with(flaky).with(proxy(&[origins.fast], options)?))
}

/// A proxy over these origins, which take turns.
fn proxy(urls: &[String], options: &Options) -> Result<Upstream> {
    let targets = urls.iter().map(|url| target(url, options)).collect::<Result<Vec<_>>>()?;
    Ok(Upstream::new(RoundRobin::new(targets)))
}

fn target(url: &str, options: &Options) -> Result<Target> {
    let timeout = options.origin_timeout;
    if let Some(path) = url.strip_prefix("unix:") {
        return Ok(Target::new(
            path,
            UnixTransport::new().max_idle_conns(IDLE).response_header_timeout(timeout),
        )?);
    }
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let host = rest.trim_end_matches('/');
    Ok(match scheme {
        "http" => Target::new(
            host,
            HttpTransport::new().max_idle_conns(IDLE).response_header_timeout(timeout),
        )?,
        "https" => Target::new(
            host,
            HttpsTransport::new().max_idle_conns(IDLE).response_header_timeout(timeout),
        )?,
        "h2c" => Target::new(host, H2cTransport::new().response_header_timeout(timeout))?,
        _ => {
            return Err(Failure::new(format!(
                "{url:?} is no origin: write http://HOST, https://HOST, h2c://HOST or unix:/PATH"
            )));
        }
    })
}
