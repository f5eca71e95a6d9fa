use std::fmt::Write as _;
use std::process::Stdio;

use super::compare::today;
use crate::args::Args;
use crate::error::{Doing, Error, Result, write};
use crate::workspace::Workspace;

/// Runs the micro bench of the layers (`crates/parapet/benches/chain.rs`) and shows its table; with `--record` writes it
/// to benches/LAYERS.md.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let record = args.switch("--record");
    args.finish()?;
    let mut command = workspace.cargo();
    command.args(["bench", "-p", "parapet", "--features", "full", "--bench", "chain"]);
    let output = command.stderr(Stdio::inherit()).output().doing(|| "run the bench".to_owned())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Row> = said.lines().filter_map(Row::read).collect();
    if !output.status.success() || rows.is_empty() {
        return Err(Error::answer("the bench of the layers", "rows of figures", said));
    }
    let table = table(&rows);
    print!("{table}");
    if record {
        let path = workspace.root.join("benches/LAYERS.md");
        let text = format!(
            "# What each layer costs\n\n`cargo xtask bench --chain --record` at {}, {}. Beside the same handler without the \
             layer, for a\nproxied GET with 8 fields and 1 KiB back; the slowest of the fastest twentieth of many short rounds on one core, \
             allocations of one\nwarm request.\n\n{table}",
            workspace.commit(),
            today()
        );
        write(&path, text)?;
        println!("written: {}", path.display());
    }
    Ok(())
}

/// One line of the bench.
struct Row {
    name: String,
    nanos: f64,
    allocations: f64,
}

impl Row {
    /// `name  123 ns  4 allocations`, the columns at fixed places.
    fn read(line: &str) -> Option<Self> {
        let line = line.strip_suffix(" allocations")?;
        let (line, allocations) = line.rsplit_once(" ns ")?;
        let (name, nanos) = line.trim_end().rsplit_once(' ')?;
        Some(Self {
            name: name.trim_end().to_owned(),
            nanos: nanos.parse().ok()?,
            allocations: allocations.trim().parse().ok()?,
        })
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = "| layer | ns | allocations |\n| --- | --- | --- |\n".to_owned();
    for Row { name, nanos, allocations } in rows {
        // Writing to memory cannot fail.
        let _ = writeln!(text, "| {name} | {nanos:.0} | {allocations:.0} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_bench_is_a_row() {
        let rows: Vec<Row> = [
            "no layer                              831 ns    7 allocations",
            "redirect::https, passes                -4 ns    0 allocations",
            "test result: ok. 0 passed",
        ]
        .into_iter()
        .filter_map(Row::read)
        .collect();
        assert_eq!(
            table(&rows),
            "| layer | ns | allocations |\n| --- | --- | --- |\n| no layer | 831 | 7 |\n\
             | redirect::https, passes | -4 | 0 |\n"
        );
    }
}
