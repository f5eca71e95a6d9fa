//! What a request costs in the proxy, beside other proxies.

mod callgrind;
mod chain;
mod compare;
mod drain;
mod files;
mod load;
mod memory;
mod proxy;
mod site;
mod strace;
mod stream;
mod table;

use crate::args::Args;
use crate::error::{Error, Result};
use crate::tools::{self, Debian};
use crate::workspace::Workspace;

/// The command `cargo xtask bench`.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let named: Vec<&Mode> = MODES.iter().filter(|(switch, _)| args.switch(switch)).collect();
    match named.as_slice() {
        [] => compare::run(workspace, args),
        [(_, mode)] => mode(workspace, args),
        _ => Err(Error::Usage(
            "each of --strace, --callgrind and their like is a run of its own: name one".to_owned(),
        )),
    }
}

type Mode = (&'static str, fn(&Workspace, Args) -> Result<()>);

/// Runs that measure one thing, beside the comparison.
const MODES: &[Mode] = &[
    ("--strace", strace::run),
    ("--callgrind", callgrind::run),
    ("--chain", chain::run),
    ("--files", files::run),
    ("--memory", memory::run),
    ("--stream", stream::run),
    ("--drain", drain::run),
];

/// Programs that every run needs.
fn needs(more: &[Debian]) -> Result<()> {
    let always = [
        Debian { program: "taskset", package: "util-linux" },
        Debian { program: "openssl", package: "openssl" },
        Debian { program: "nginx", package: "nginx-light" },
    ];
    tools::debian(&[&always, more].concat())
}
