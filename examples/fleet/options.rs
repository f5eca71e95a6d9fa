//! The flags of the fleet.

use parapet::prelude::*;

pub(crate) const USAGE: &str = "\
usage: fleet [flags]

  --listen ADDR    the first edge (default 127.0.0.1:8080)
  --second ADDR    the second edge (default 127.0.0.1:8081)
  --limit N        requests a client and minute, over both edges (default 10)
  --redis URL      a Redis that runs already, redis://HOST:PORT; without it one is started on a free port of loopback";

#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Run(Options),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: [String; 2],
    pub(crate) limit: u32,
    pub(crate) redis: Option<String>,
}

/// Reads the flags. What is wrong is told with the flag's name.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command> {
    let mut args = args;
    let [mut first, mut second] = ["127.0.0.1:8080".to_owned(), "127.0.0.1:8081".to_owned()];
    let (mut limit, mut redis) = (10, None);
    while let Some(flag) = args.next() {
        let mut value =
            || args.next().ok_or_else(|| Failure::new(format!("{flag} wants a value: see --help")));
        match flag.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--listen" => first = value()?,
            "--second" => second = value()?,
            "--redis" => redis = Some(value()?),
            "--limit" => {
                let text = value()?;
                limit = text
                    .parse()
                    .map_err(|_| Failure::new(format!("--limit {text:?}: write a whole number")))?;
            }
            _ => return Err(Failure::new(format!("{flag:?} is no flag: see --help"))),
        }
    }
    Ok(Command::Run(Options { listen: [first, second], limit, redis }))
}
