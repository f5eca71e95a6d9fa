//! The table of a run: medians with their spread, and what parapet's cost is of each peer's.

use std::fmt::Write as _;

use super::load::Scenario;
use super::proxy::Proxy;

/// One cell of one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// µs of CPU per request.
    pub(crate) user: f64,
    pub(crate) system: f64,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// MiB.
    pub(crate) resident: f64,
    pub(crate) failed: f64,
}

/// All that a run has found.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) command: String,
    pub(crate) about: Vec<String>,
    pub(crate) absent: Vec<String>,
    pub(crate) failures: Vec<String>,
    pub(crate) samples: Vec<(&'static str, Proxy, Sample)>,
}

impl Run {
    fn of(&self, scenario: &str, proxy: Proxy, figure: impl Fn(&Sample) -> f64) -> Option<Spread> {
        let cells = self.samples.iter().filter(|(word, who, _)| *word == scenario && *who == proxy);
        Spread::of(cells.map(|(_, _, sample)| figure(sample)).collect())
    }
}

/// The median with the least and the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    least: f64,
    pub(crate) median: f64,
    most: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(*values.get(middle - 1)?, upper)
        } else {
            upper
        };
        Some(Self { least: *values.first()?, median, most: *values.last()? })
    }

    pub(crate) fn shown(self) -> String {
        let places = match self.median {
            median if median >= 1000.0 => 0,
            median if median >= 100.0 => 1,
            _ => 2,
        };
        let Self { least, median, most } = self;
        if least.to_bits() == most.to_bits() {
            return format!("{median:.places$}"); // one round, or figures that never move
        }
        format!("{median:.places$} ({least:.places$}–{most:.places$})")
    }
}

/// The whole run as a page.
pub(crate) fn markdown(run: &Run, scenarios: &[Scenario], proxies: &[Proxy]) -> String {
    let mut page = String::from("# Parapet beside other proxies\n\n");
    // Writing into a String cannot fail.
    let _ = writeln!(
        page,
        "`{}`: medians of the rounds (least–most). One worker each, logs off, the same",
        run.command
    );
    let _ = writeln!(
        page,
        "forwarded fields; the proxy on one core, load and origin (nginx) on the other.\n"
    );
    for line in run.about.iter().chain(&run.absent) {
        let _ = writeln!(page, "- {line}");
    }
    let _ = writeln!(
        page,
        "\nCPU is that of the proxy's process per request. The two ratios are parapet's median over"
    );
    let _ =
        writeln!(page, "that row's: below 1, parapet costs less. **Bold** is where it costs more.");
    for scenario in scenarios {
        let _ = writeln!(page, "\n## {}\n", scenario.title);
        let _ = writeln!(page, "{HEADER}\n|{}", " --- |".repeat(HEADER.matches('|').count() - 1));
        for proxy in proxies {
            page.push_str(&row(run, *scenario, *proxy));
        }
    }
    if !run.failures.is_empty() {
        let _ = writeln!(page, "\n## Failed cells\n");
        for failure in &run.failures {
            let _ = writeln!(page, "- {failure}");
        }
    }
    page
}

const HEADER: &str = "| proxy | user µs | system µs | ratio user | ratio user + system | requests/s | p50 ms | p99 ms \
                      | resident MiB | failed |";

fn row(run: &Run, scenario: Scenario, proxy: Proxy) -> String {
    if !scenario.fits(proxy) {
        return format!("| {} | does not apply{}\n", proxy.name(), " |".repeat(9));
    }
    let of = |figure: fn(&Sample) -> f64| run.of(scenario.word, proxy, figure);
    let shown =
        |figure: fn(&Sample) -> f64| of(figure).map_or_else(|| "–".to_owned(), Spread::shown);
    let ratio = |figure: fn(&Sample) -> f64| {
        let ours = run.of(scenario.word, Proxy::Parapet, figure);
        match (ours, of(figure)) {
            (Some(ours), Some(theirs)) if theirs.median > 0.0 && proxy != Proxy::Parapet => {
                let ratio = ours.median / theirs.median;
                if ratio > 1.0 { format!("**{ratio:.2}**") } else { format!("{ratio:.2}") }
            }
            _ => "–".to_owned(),
        }
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.0} |\n",
        proxy.name(),
        shown(|sample| sample.user),
        shown(|sample| sample.system),
        ratio(|sample| sample.user),
        ratio(|sample| sample.user + sample.system),
        shown(|sample| sample.rate),
        shown(|sample| sample.p50),
        shown(|sample| sample.p99),
        shown(|sample| sample.resident),
        of(|sample| sample.failed).map_or(0.0, |failed| failed.most),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(user: f64) -> Sample {
        Sample { user, system: 1.0, rate: 1.0, p50: 1.0, p99: 1.0, resident: 1.0, failed: 0.0 }
    }

    #[test]
    fn the_median_stands_between_the_least_and_the_most() {
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(
            Spread::of(vec![3.0, 1.0, 2.0]),
            Some(Spread { least: 1.0, median: 2.0, most: 3.0 })
        );
        assert_eq!(Spread::of(vec![4.0, 1.0]), Some(Spread { least: 1.0, median: 2.5, most: 4.0 }));
    }

    #[test]
    fn a_row_that_parapet_loses_is_shown_in_bold() {
        let ours = [sample(3.0), sample(2.5), sample(3.5)].map(|one| ("1k", Proxy::Parapet, one));
        let samples = [&ours[..], &[("1k", Proxy::Nginx, sample(2.0))]].concat();
        let run =
            Run { command: "x".into(), about: vec![], absent: vec![], failures: vec![], samples };
        let page = markdown(&run, &Scenario::ALL[..1], &[Proxy::Parapet, Proxy::Nginx]);
        assert!(page.contains("| nginx | 2.00 | 1.00 | **1.50** | **1.33** |"), "{page}");
        assert!(page.contains("| parapet | 3.00 (2.50–3.50) | 1.00 | – | – |"), "{page}");
    }
}
