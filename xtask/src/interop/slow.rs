use super::Report;
use super::stage::{Edge, Stage, said};
use crate::error::{Error, Result, read};
use crate::tools::{self, Debian};

/// slowhttptest: clients that send or read as slowly as they can. Others have to be served all the while, and who is
/// slow in a head has to go.
pub(super) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    tools::debian(&[Debian { program: "slowhttptest", package: "slowhttptest" }])?;
    let edge = stage.edge(&format!("http://{}", stage.origin), &["--header-timeout", "3"])?;
    report.check("slow heads, all closed in time", attack(stage, &edge, "-H", "/hello", true));
    report.check("slow bodies", attack(stage, &edge, "-B -t POST -s 8192", "/upload", false));
    report
        .check("slow readers", attack(stage, &edge, "-X -w 10 -y 20 -z 5 -n 2 -k 3", "/1m", false));
    Ok(())
}

fn attack(stage: &Stage, edge: &Edge, mode: &str, path: &str, all_closed: bool) -> Result<()> {
    let figures = stage.path().join(format!("slow{}", mode.split(' ').next().unwrap_or_default()));
    let mut command = tools::command("slowhttptest");
    command.args(mode.split(' ')).args("-c 300 -r 150 -i 1 -x 8 -l 12 -p 2 -v 1 -g".split(' '));
    command.arg("-o").arg(&figures).args(["-u", &format!("http://{}{path}", edge.plain)]);
    let (_, text) = said(&mut command, 60)?;
    // Columns: seconds, closed, pending, connected, and connections while the service answered the probe, else 0.
    let rows = read(&figures.with_extension("csv"))?;
    let rows: Vec<Vec<u32>> = rows.lines().filter_map(numbers).collect();
    let unavailable = rows.iter().skip(1).filter(|row| row.get(4) == Some(&0)).count();
    if rows.len() < 3 || unavailable > 0 {
        return Err(Error::answer(
            "slowhttptest",
            "others served all the while",
            format!("{rows:?} {text}"),
        ));
    }
    if all_closed && !text.contains("No open connections left") {
        return Err(Error::answer(
            "slowhttptest",
            "no connection left",
            format!("{rows:?} {text}"),
        ));
    }
    Ok(())
}

fn numbers(line: &str) -> Option<Vec<u32>> {
    line.split(',').map(|word| word.trim().trim_matches('"').parse().ok()).collect()
}
