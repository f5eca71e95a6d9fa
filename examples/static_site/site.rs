//! What the site does with a request.

use std::path::Path;

use parapet::http::HeaderValue;
use parapet::prelude::*;
use parapet::{headers, logger, requestid};
use parapet_fileserver::FileServer;

use crate::options::Options;

/// The chain of the whole site.
pub(crate) fn site(options: &Options, root: &Path) -> Result<impl Middleware> {
    let mut chain = Chain::new();
    if !options.bare {
        chain.push(logger::stdout());
        chain.push(requestid::new().trust_proxy(false));
        chain.push(headers::set_response([
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
        ])?);
    }
    // What changes response bodies (compression) belongs here: inside of the log, outside of the files.
    chain.push(
        FileServer::new(root)?
            .list_directory(options.listing)
            .cache_control(|path| Some(freshness(path))),
    );
    Ok(chain)
}

/// How long a file may be kept, by its extension: pages are asked for anew each time (a 304, mostly), what they refer to is
/// good for a day.
fn freshness(path: &Path) -> HeaderValue {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let value = match extension {
        "css" | "js" | "png" | "jpg" | "svg" | "webp" | "avif" | "ico" | "woff2" => {
            "public, max-age=86400"
        }
        _ => "no-cache",
    };
    HeaderValue::from_static(value)
}
