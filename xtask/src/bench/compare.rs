use super::load::{Counted, Scenario};
use super::proxy::Proxy;
use super::site::Site;
use super::table::{self, Run, Sample};
use crate::args::Args;
use crate::error::{Error, Result, write};
use crate::process::{Cpu, resident};
use crate::tools::{self, Debian};
use crate::workspace::Workspace;

/// Measures every proxy under every load, round after round, and prints and writes the table.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let quick = args.switch("--quick");
    let only = args.list("--only")?;
    let rounds = args.number("--rounds", if quick { 1 } else { 3 })?;
    let seconds = args.number("--seconds", if quick { 1 } else { 5 })?;
    args.finish()?;
    let (scenarios, mut proxies) = chosen(&only)?;
    super::needs(&[
        Debian { program: "wrk", package: "wrk" },
        Debian { program: "h2load", package: "nghttp2-client" },
        Debian { program: "haproxy", package: "haproxy" },
    ])?;

    let mut absent = Vec::new();
    let mut kept = Vec::new();
    for proxy in proxies {
        match proxy.build(workspace)? {
            None => kept.push(proxy),
            Some(why) => absent.push(format!("{} is left out: {why}", proxy.name())),
        }
    }
    proxies = kept;
    for line in &absent {
        println!("{line}");
    }
    let mut run = Run {
        command: format!("cargo xtask bench --rounds {rounds} --seconds {seconds}"),
        about: about(workspace, &proxies),
        absent,
        failures: Vec::new(),
        samples: Vec::new(),
    };
    measure(workspace, &mut run, &scenarios, &proxies, rounds, seconds)?;
    let text = table::markdown(&run, &scenarios, &proxies);
    println!("\n{text}");
    if quick || !only.is_empty() {
        println!("benches/RESULTS.md is left as it is: not a whole run");
    } else {
        write(&workspace.root.join("benches/RESULTS.md"), &text)?;
        println!("written: benches/RESULTS.md");
    }
    if run.failures.is_empty() { Ok(()) } else { Err(Error::Failed(run.failures.len())) }
}

fn measure(
    workspace: &Workspace,
    run: &mut Run,
    scenarios: &[Scenario],
    proxies: &[Proxy],
    rounds: u32,
    seconds: u32,
) -> Result<()> {
    let site = Site::start(workspace)?;
    let mut order = proxies.to_vec();
    for round in 1..=rounds {
        for scenario in scenarios {
            for proxy in order.iter().copied().filter(|proxy| scenario.fits(*proxy)) {
                match cell(workspace, &site, *scenario, proxy, seconds) {
                    Ok(sample) => {
                        println!(
                            "round {round}/{rounds}  {:<6}  {:<18}  user {:>7.2} µs  system {:>7.2} µs  {:>8.0}/s",
                            scenario.word,
                            proxy.name(),
                            sample.user,
                            sample.system,
                            sample.rate
                        );
                        run.samples.push((scenario.word, proxy, sample));
                    }
                    Err(error) => {
                        println!(
                            "round {round}/{rounds}  {:<6}  {:<18}  FAILED: {error}",
                            scenario.word,
                            proxy.name()
                        );
                        run.failures.push(format!("{}, {}: {error}", scenario.title, proxy.name()));
                    }
                }
            }
            // Nobody is always the first after a change of the load.
            if !order.is_empty() {
                order.rotate_left(1);
            }
        }
    }
    Ok(())
}

/// One proxy under one load: a fresh process, a second to warm up, then the measured seconds.
fn cell(
    workspace: &Workspace,
    site: &Site,
    scenario: Scenario,
    proxy: Proxy,
    seconds: u32,
) -> Result<Sample> {
    let clients = workspace.root.join("benches/clients");
    let started = proxy.start(workspace, site)?;
    let pid = started.running.pid();
    scenario.run(&clients, site, &started, 1)?;
    let before = Cpu::of(pid)?;
    let counted = scenario.run(&clients, site, &started, seconds)?;
    let used = Cpu::of(pid)?.since(before);
    let resident = resident(pid)?;
    // Not all of them end on SIGTERM at once; how they end is not what is measured.
    drop(started);
    if counted.requests < 1.0 {
        return Err(Error::answer(scenario.title, "answers", "none"));
    }
    Ok(sample(used, counted, resident))
}

fn sample(used: Cpu, counted: Counted, resident: u64) -> Sample {
    Sample {
        user: used.user.as_secs_f64() * 1e6 / counted.requests,
        system: used.system.as_secs_f64() * 1e6 / counted.requests,
        rate: counted.requests / counted.seconds,
        p50: counted.p50_micros / 1e3,
        p99: counted.p99_micros / 1e3,
        resident: resident as f64 / (1024.0 * 1024.0),
        failed: counted.failed + counted.refused,
    }
}

/// Which loads and proxies are named; all of a kind if none of it is.
fn chosen(only: &[String]) -> Result<(Vec<Scenario>, Vec<Proxy>)> {
    let is_named = |word: &str| only.iter().any(|name| name == word);
    if let Some(unknown) = only.iter().find(|name| {
        Scenario::ALL.iter().all(|scenario| scenario.word != *name)
            && Proxy::ALL.iter().all(|proxy| proxy.word() != *name)
    }) {
        return Err(Error::Usage(format!(
            "--only: neither a scenario nor a proxy is called {unknown:?}"
        )));
    }
    let mut scenarios: Vec<Scenario> =
        Scenario::ALL.into_iter().filter(|one| is_named(one.word)).collect();
    let mut proxies: Vec<Proxy> =
        Proxy::ALL.into_iter().filter(|one| is_named(one.word())).collect();
    if scenarios.is_empty() {
        scenarios = Scenario::ALL.to_vec();
    }
    if proxies.is_empty() {
        proxies = Proxy::ALL.to_vec();
    }
    Ok((scenarios, proxies))
}

/// When, where and with what was measured.
fn about(workspace: &Workspace, proxies: &[Proxy]) -> Vec<String> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let kernel = tools::version("uname", &["-sr"]);
    let mut versions: Vec<String> = proxies.iter().map(|proxy| proxy.version(workspace)).collect();
    versions.dedup();
    let wrk = tools::version("wrk", &["-v"]);
    vec![
        format!("{}, {cores} cores of {model}, {kernel}", today()),
        versions.join("; "),
        format!(
            "load: {}; {}",
            wrk.split(" [").next().unwrap_or_default(),
            tools::version("h2load", &["--version"])
        ),
    ]
}

/// The date, in UTC.
pub(crate) fn today() -> String {
    tools::version("date", &["-u", "+%Y-%m-%d"])
}
