//! Two processes, one redis-server, 10,000 requests in one window.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fred::clients::Pool;
use fred::interfaces::ClientLike;
use fred::types::config::{Config, ServerConfig};
use parapet_ratelimit::{
    Decision, FredRunner, Key, OnFailure, RedisFixedWindow, Strategy, Verdict,
};
use tokio::time::Instant;

const PORT: &str = "PARAPET_BENCH_REDIS_PORT";
const LIMIT: u32 = 4_321;
const EACH: u32 = 5_000;
const TASKS: u32 = 50;
/// An outlier must not look like one too many.
const LONG: Duration = Duration::from_secs(10);

/// Whether this process is one of the two.
pub(crate) fn is_member() -> bool {
    std::env::var_os(PORT).is_some()
}

/// Asks [`EACH`] times and prints how many were admitted, and the mean time of a decision by Redis.
pub(crate) fn member() -> Result<(), Box<dyn Error>> {
    let port = std::env::var(PORT)?.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = ServerConfig::new_centralized("127.0.0.1", port);
        let pool = Pool::new(Config { server, ..Config::default() }, None, None, None, 4)?;
        pool.init().await?;
        let limit = RedisFixedWindow::builder(FredRunner::new(pool).timeout(LONG))
            .max(LIMIT)
            .size(Duration::from_secs(300 * 86_400))
            .memo(false) // each request asks Redis
            .timeout(LONG)
            .on_failure(OnFailure::Open) // an error would show as one too many
            .build()?;
        let limit = Arc::new(limit);
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let limit = Arc::clone(&limit);
                tokio::spawn(async move {
                    let mut admitted = 0_u32;
                    for _ in 0..EACH / TASKS {
                        let verdict = match limit.take(&Key::from("alice"), 1) {
                            Decision::Ready(verdict) => verdict,
                            Decision::Wait(verdict) => verdict.await,
                        };
                        admitted += u32::from(verdict == Verdict::Allowed);
                    }
                    admitted
                })
            })
            .collect();
        let mut admitted = 0;
        for task in tasks {
            admitted += task.await?;
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(EACH);
        crate::print(&format!("{admitted} {each:.1}"));
        Ok(())
    })
}

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let mut redis = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("redis-server (Debian: apt-get install redis-server): {error}"))?;
    let result = ready(&mut redis).and_then(|()| members(&port));
    redis.kill()?;
    redis.wait()?;
    result
}

fn ready(redis: &mut Child) -> Result<(), Box<dyn Error>> {
    let log = redis.stdout.take().ok_or("no output of redis-server")?;
    let mut lines = BufReader::new(log).lines();
    let ready =
        |line: &Result<String, _>| line.as_ref().is_ok_and(|line| line.contains("Ready to accept"));
    let found = lines.any(|line| ready(&line));
    if found { Ok(()) } else { Err("redis-server did not start".into()) }
}

fn members(port: &str) -> Result<(), Box<dyn Error>> {
    let start = || {
        let program = std::env::current_exe()?;
        Command::new(program).env(PORT, port).stdout(Stdio::piped()).spawn()
    };
    let mut total = 0;
    for child in [start()?, start()?] {
        let output = child.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let (admitted, each) = text.trim().split_once(' ').ok_or("a member without an answer")?;
        crate::print(&format!("  a process admitted {admitted}, {each} µs a request"));
        total += admitted.parse::<u32>()?;
    }
    crate::print(&format!(
        "two processes, one redis-server, {} requests, limit {LIMIT}: {total} admitted",
        2 * EACH
    ));
    if total == LIMIT { Ok(()) } else { Err("not exactly the limit".into()) }
}
