//! What a request costs in the proxy, beside other proxies.

mod callgrind;
mod compare;
mod load;
mod memory;
mod proxy;
mod site;
mod strace;
mod table;

use crate::args::Args;
use crate::error::{Error, Result};
use crate::tools::{self, Debian};
use crate::workspace::Workspace;

/// The command `cargo xtask bench`.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let modes = [args.switch("--strace"), args.switch("--callgrind"), args.switch("--memory")];
    match modes {
        [false, false, false] => compare::run(workspace, args),
        [true, false, false] => strace::run(workspace, args),
        [false, true, false] => callgrind::run(workspace, args),
        [false, false, true] => memory::run(workspace, args),
        _ => Err(Error::Usage(
            "--strace, --callgrind and --memory are runs of their own: name one".to_owned(),
        )),
    }
}

/// Programs that every run needs.
fn needs(more: &[Debian]) -> Result<()> {
    let always = [
        Debian { program: "taskset", package: "util-linux" },
        Debian { program: "openssl", package: "openssl" },
        Debian { program: "nginx", package: "nginx-light" },
    ];
    tools::debian(&[&always, more].concat())
}
