use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::compare::today;
use super::proxy::{self, Proxy};
use super::site::Site;
use super::strace::named;
use crate::args::Args;
use crate::error::{Doing, Error, Result, read};
use crate::http1::Client;
use crate::process::free_port;
use crate::tools::Debian;
use crate::workspace::Workspace;

/// Counts the user instructions of a request: two runs, one with N requests more, by what they differ.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<()> {
    let record = args.switch("--record");
    let requests = args.number("--requests", 2000)?;
    let only = args.list("--only")?;
    args.finish()?;
    super::needs(&[Debian { program: "valgrind", package: "valgrind" }])?;
    for proxy in named(&only)? {
        if let Some(why) = proxy.build(workspace)? {
            return Err(Error::Missing { what: proxy.name().to_owned(), fix: why });
        }
        let site = Site::start(workspace)?;
        let once = instructions(workspace, &site, proxy, requests)?;
        let twice = instructions(workspace, &site, proxy, requests * 2)?;
        let each = twice.saturating_sub(once) / u64::from(requests);
        println!(
            "{}: {each} instructions a request ({requests} more requests on one connection)",
            proxy.name()
        );
        if record && proxy == Proxy::Parapet {
            let path = workspace.root.join("benches/instructions.tsv");
            let line = format!("{}\t{}\t{each}\n", today(), workspace.commit());
            append(&path, &line)?;
            println!("recorded: {}", line.trim_end());
        }
    }
    Ok(())
}

/// All instructions of the proxy's process, from its start to its end, with so many requests on one connection.
fn instructions(workspace: &Workspace, site: &Site, proxy: Proxy, requests: u32) -> Result<u64> {
    let (plain, tls) = (free_port()?, free_port()?);
    let (program, args) = proxy.command(workspace, site, plain, tls)?;
    let out = site.path().join(format!("callgrind.{requests}"));
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(program).args(args).current_dir(site.path());
    let started = proxy::start(proxy.word(), &mut command, site, plain, tls)?;
    let mut client = Client::connect(plain)?;
    for _ in 0..requests {
        let answer = client.exchange(REQUEST)?;
        if answer.status != 200 {
            return Err(Error::answer("GET /1k", "status 200", answer.head));
        }
    }
    drop(client);
    started.running.stop(Duration::from_secs(60))?;
    let text = read(&out)?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("summary:").or(line.strip_prefix("totals:")));
    let total = total
        .and_then(|total| total.split_whitespace().next())
        .and_then(|total| total.parse().ok());
    total.ok_or_else(|| Error::answer("callgrind", "a summary", text))
}

fn append(path: &Path, line: &str) -> Result<()> {
    let doing = || format!("append to {}", path.display());
    let mut file = OpenOptions::new().create(true).append(true).open(path).doing(doing)?;
    file.write_all(line.as_bytes()).doing(doing)
}

/// The eight fields of benches/clients/wrk.lua.
const REQUEST: &[u8] = b"GET /1k HTTP/1.1\r\n\
    Host: localhost\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Referer: http://localhost/index.html\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Cache-Control: no-cache\r\n\r\n";
