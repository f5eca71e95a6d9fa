//! The flags of the site.

use std::path::PathBuf;

use parapet::prelude::*;

pub(crate) const USAGE: &str = "\
usage: static_site [flags]

  --root DIR      the files to serve (default: a small demo in a temporary directory)
  --listen ADDR   plain HTTP/1.1 and HTTP/2 (default 127.0.0.1:8080)
  --workers N     worker threads (default: one per core)
  --no-listing    no lists of directories that have no index.html
  --bare          no log, no request ids, no extra fields: the files alone, for measuring";

#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Run(Options),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) root: Option<PathBuf>,
    pub(crate) listen: String,
    pub(crate) workers: Option<usize>,
    pub(crate) listing: bool,
    pub(crate) bare: bool,
}

/// Reads the flags. What is wrong is told with the flag's name.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command> {
    let mut args = args;
    let mut options = Options {
        root: None,
        listen: "127.0.0.1:8080".into(),
        workers: None,
        listing: true,
        bare: false,
    };
    while let Some(flag) = args.next() {
        let mut value =
            || args.next().ok_or_else(|| Failure::new(format!("{flag} wants a value: see --help")));
        match flag.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--root" => options.root = Some(value()?.into()),
            "--listen" => options.listen = value()?,
            "--workers" => {
                let text = value()?;
                options.workers = Some(text.parse().map_err(|_| {
                    Failure::new(format!("--workers {text:?}: write a whole number"))
                })?);
            }
            "--no-listing" => options.listing = false,
            "--bare" => options.bare = true,
            _ => return Err(Failure::new(format!("{flag:?} is no flag: see --help"))),
        }
    }
    if let Some(root) = options.root.as_ref().filter(|root| !root.is_dir()) {
        return Err(Failure::new(format!("--root {}: no such directory", root.display())));
    }
    Ok(Command::Run(options))
}
