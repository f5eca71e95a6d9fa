use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use parapet_core::{Middleware, ResponseError};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use crate::site::{Site, fallback, get};

/// Whoever runs the tests may be root, to whom nothing is forbidden: gives that up for this thread and those it starts.
fn obey_permissions() {
    let mut sets = capabilities(None).unwrap();
    sets.effective &= !(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
    set_capabilities(None, sets).unwrap();
}

#[test]
fn what_may_not_be_read_is_403_and_what_may_not_be_listed_is_500() {
    let site = Site::new(&[
        ("closed.txt", "closed"),
        ("open.txt", "open"),
        ("hidden/file", "hidden"),
        ("closed/file", "closed"),
        ("indexed/index.html", "index"),
        ("shut/index.html", "index"),
    ]);
    for (path, mode) in [
        ("closed.txt", 0),
        ("hidden", 0o111),
        ("closed", 0),
        ("indexed", 0o111),
        ("shut/index.html", 0),
    ] {
        set_permissions(site.path(path), Permissions::from_mode(mode)).unwrap();
    }
    let plain = site.files().wrap(fallback());
    let listed = site.files().list_directory(true).wrap(fallback());
    let asking = thread::spawn(move || {
        obey_permissions();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (handler, target, status, text, kind) in [
            (&plain, "/closed.txt", 403, "403 Forbidden\n", "permission"),
            (&plain, "/closed/file", 403, "403 Forbidden\n", "permission"),
            (&plain, "/open.txt", 200, "open", ""),
            (&plain, "/hidden/file", 200, "hidden", ""),
            (&plain, "/hidden/", 418, "fallback", ""),
            (&plain, "/hidden", 418, "fallback", ""),
            (&plain, "/indexed/", 200, "index", ""),
            (&plain, "/indexed", 301, "", ""),
            (&plain, "/shut/", 403, "403 Forbidden\n", "permission"),
            (&plain, "/shut", 301, "", ""),
            (&listed, "/hidden/", 500, "Error reading directory\n", "listing"),
        ] {
            for _ in 0..2 {
                let response = runtime.block_on(get(handler, target));
                let told = response.extensions().get::<ResponseError>().map(ResponseError::kind);
                assert_eq!(
                    (response.status().as_u16(), told.unwrap_or("")),
                    (status, kind),
                    "{target}"
                );
                let body = runtime.block_on(response.into_body().collect(64)).unwrap();
                assert_eq!(body.data(), text, "{target}");
            }
        }
    });
    asking.join().unwrap();
    set_permissions(site.path("closed"), Permissions::from_mode(0o755)).unwrap();
    set_permissions(site.path("hidden"), Permissions::from_mode(0o755)).unwrap();
    set_permissions(site.path("indexed"), Permissions::from_mode(0o755)).unwrap();
}
