//! The server and its three sites.

use parapet::prelude::*;
use parapet::upstream::{
    H2cTransport, HttpTransport, HttpsTransport, RoundRobin, Target, Upstream,
};
use parapet::{
    body, compress, headers, healthz, host, hsts, location, logger, ratelimit, redirect, requestid,
};

/// How the backends are reached. The defaults go to the names; a test leads them to origins of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backends {
    pub(crate) http: HttpTransport,
    pub(crate) h2c: H2cTransport,
    pub(crate) https: HttpsTransport,
}

/// Everything but the address.
pub(crate) fn server(backends: &Backends) -> Result<Server> {
    Ok(Server::new()
        .with(logger::stdout())
        .with(requestid::new())
        .with(ratelimit::fixed_window_per_second(60))
        .with(ratelimit::fixed_window_per_minute(300))
        .with(ratelimit::fixed_window_per_hour(2000))
        .with(body::limit_request(15 * 1024 * 1024)) // 15 MiB
        .with(body::buffer_request())
        .with(compress::gzip())
        .with(compress::br())
        // sites
        .with(example(backends)?)
        .with(mysite(backends)?)
        .with(wordpress(backends)?)
        // health check
        .with(location::exact("/healthz")?.with(logger::disable()).with(healthz::new())))
}

/// Three backends, each over another protocol.
fn example(backends: &Backends) -> Result<impl Middleware> {
    let targets = RoundRobin::new([
        Target::new("example.default.svc.cluster.local:8080", backends.http.clone())?,
        Target::new("example1.default.svc.cluster.local:8080", backends.h2c.clone())?,
        Target::new("myexamplebackuphost.com", backends.https.clone())?,
    ]);
    Ok(host::new(["example.com", "www.example.com"])?
        .with(ratelimit::fixed_window_per_second(20))
        .with(redirect::https())
        .with(hsts::preload())
        .with(redirect::non_www())
        .with(Upstream::new(targets)))
}

/// A site in a bucket, and a name that only redirects.
fn mysite(backends: &Backends) -> Result<impl Middleware> {
    let site = host::new(["mysiteaaa.io", "www.mysiteaaa.io"])?
        .with(ratelimit::fixed_window_per_second(15))
        .with(redirect::https())
        .with(hsts::preload())
        .with(redirect::www())
        .with(headers::delete_response([
            "Server",
            "x-goog-generation",
            "x-goog-hash",
            "x-goog-meta-goog-reserved-file-mtime",
            "x-goog-metageneration",
            "x-goog-storage-class",
            "x-goog-stored-content-encoding",
            "x-goog-stored-content-length",
            "x-guploader-uploadid",
        ])?)
        .with(Upstream::single_host("storage.googleapis.com", backends.https.clone())?);
    let mail = host::new(["mail.mysiteaaa.io"])?
        .with(redirect::https())
        .with(hsts::preload())
        .with(redirect::to("https://mail.google.com/a/mysiteaaa.io", 302)?);
    Ok(Chain::new().with(site).with(mail))
}

/// A blog whose assets may be cached for a year.
fn wordpress(backends: &Backends) -> Result<impl Middleware> {
    let backend =
        Upstream::single_host("wordpress.default.svc.cluster.local", backends.http.clone())?;
    let assets = location::regexp(r"\.(js|css|svg|png|jp(e)?g|gif)$")?
        .with(headers::set_response([("Cache-Control", "public, max-age=31536000")])?)
        .with(backend.clone());
    Ok(host::new(["myblogaaa.com", "www.myblogaaa.com"])?
        .with(ratelimit::fixed_window_per_minute(150))
        .with(redirect::https())
        .with(hsts::preload())
        .with(redirect::non_www())
        .with(assets)
        .with(backend))
}
