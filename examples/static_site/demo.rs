//! The files of the demo, and the directory they are written into.

use std::fs;

use parapet::prelude::*;
use tempfile::TempDir;

const FILES: &[(&str, &[u8])] = &[
    ("index.html", include_bytes!("demo/index.html")),
    ("css/site.css", include_bytes!("demo/css/site.css")),
    ("js/site.js", include_bytes!("demo/js/site.js")),
    ("images/harbour.svg", include_bytes!("demo/images/harbour.svg")),
    ("images/tide.png", include_bytes!("demo/images/tide.png")),
    ("notes/2026-01 winter tides.txt", include_bytes!("demo/notes/winter-tides.txt")),
    ("notes/2026-06 summer berths.txt", include_bytes!("demo/notes/summer-berths.txt")),
    (
        "notes/a name with an unusually long text that a narrow screen has to break somewhere.txt",
        b"It broke well.\n",
    ),
    ("notes/lights & signals <draft>.txt", b"White over red: pilot ahead.\n"),
    ("notes/older/2025-12.txt", b"Quiet month.\n"),
];

/// Writes the demo into a directory of its own, which goes away with the returned value.
pub(crate) fn write() -> Result<TempDir> {
    let root = tempfile::Builder::new().prefix("parapet-static-site-").tempdir()?;
    for (path, content) in FILES {
        let path = root.path().join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(path, content)?;
    }
    Ok(root)
}
