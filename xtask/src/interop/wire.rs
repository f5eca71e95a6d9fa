use super::Report;
use super::stage::{Stage, said};
use crate::error::{Doing, Error, Result};
use crate::process::free_port;
use crate::tools::{self, Debian};

/// varnishtest: scripts that say byte by byte what one side sends and the other one has to see.
pub(super) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    tools::debian(&[Debian { program: "varnishtest", package: "varnish" }])?;
    let dir = stage.script("wire");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(&dir).doing(|| format!("list {}", dir.display()))? {
        scripts.push(entry.doing(|| format!("list {}", dir.display()))?.path());
    }
    scripts.retain(|path| path.extension().is_some_and(|ending| ending == "vtc"));
    scripts.sort();
    for script in scripts {
        let name = script.file_stem().unwrap_or_default().display().to_string();
        // An edge of its own for each: what one script does to a pool is not the next one's matter.
        let result = free_port().and_then(|origin| {
            let edge = stage.edge(&format!("http://{origin}"), &[])?;
            let mut command = tools::command("varnishtest");
            command.args([
                "-t",
                "30",
                "-D",
                &format!("edge={}", edge.plain),
                "-D",
                &format!("origin={origin}"),
            ]);
            let (code, text) = said(command.arg(&script), 60)?;
            // In its log, `----` begins the line that ended the script.
            let why = text.lines().find(|line| line.starts_with("----")).unwrap_or(&text);
            if code == 0 {
                Ok(())
            } else {
                Err(Error::answer(&name, "a script that runs to its end", why))
            }
        });
        report.check(&name, result);
    }
    Ok(())
}
