//! Figures of decisions: `cargo bench -p parapet-ratelimit --features redis`. Prints nanoseconds, best round and median;
//! then memory under a spray of ten million keys; then what two processes admit together over one redis-server.

#[cfg(feature = "redis")]
mod fleet;

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use parapet_ratelimit::{
    Concurrent, Decision, FixedWindow, Gcra, Key, SlidingWindow, Strategy, Verdict,
};
use tokio::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "redis")]
    if fleet::is_member() {
        return fleet::member();
    }
    let second = Duration::from_secs(1);
    report(
        "reading the clock alone, twice",
        &repeated(|| {
            black_box((Instant::now(), Instant::now()));
        }),
    );
    let fixed = || FixedWindow::per_hour(u32::MAX);
    report("one thread, 100,000 live keys, fixed window", &each(&fixed()));
    report(
        "one thread, 100,000 live keys, sliding window",
        &each(&SlidingWindow::per_hour(u32::MAX)),
    );
    report("one thread, 100,000 live keys, gcra", &each(&Gcra::new(1, second, u32::MAX)?));
    report("one thread, 100,000 live keys, take and put", &each(&TakeAndPut(Concurrent::new(9))));
    report("two threads, one key, fixed window", &shared(&Arc::new(fixed()), 2, true)?);
    let eight = shared(&Arc::new(fixed()), 8, false)?;
    report("eight threads, keys of their own, fixed window", &eight);
    print(&format!("  = {:.1} million decisions a second", 8e3 / median(&eight)));
    spray()?;
    #[cfg(feature = "redis")]
    fleet::run()?;
    Ok(())
}

/// Gives back what it takes, so that it never fills.
struct TakeAndPut(Concurrent);

impl Strategy for TakeAndPut {
    fn take(&self, key: &Key, cost: u32) -> Decision {
        let decision = self.0.take(key, cost);
        self.0.put(key, cost);
        decision
    }

    fn after(&self, _key: &Key, _cost: u32) -> Duration {
        Duration::ZERO
    }
}

const KEYS: u32 = 100_000;
const ROUND: u32 = 100_000;

fn address(number: u32) -> Key {
    Key::from(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

/// Nanoseconds of a decision over keys in an order that no cache guesses, in rounds.
fn each(strategy: &impl Strategy) -> Vec<f64> {
    for number in 0..KEYS {
        black_box(strategy.take(&address(number), 1));
    }
    let mut at = 1_u32;
    repeated(|| {
        at = at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        black_box(strategy.take(black_box(&address(at % KEYS)), 1));
    })
}

fn repeated(mut f: impl FnMut()) -> Vec<f64> {
    let rounds = (0..101).map(|_| {
        let start = Instant::now();
        (0..ROUND).for_each(|_| f());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUND)
    });
    sorted(rounds.collect())
}

/// Nanoseconds of a decision on each of several threads that run at once, in rounds.
fn shared(
    strategy: &Arc<FixedWindow>,
    threads: u32,
    one_key: bool,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let begin = Arc::new(Barrier::new(threads as usize));
    let running: Vec<_> = (0..threads)
        .map(|number| {
            let (strategy, begin) = (Arc::clone(strategy), Arc::clone(&begin));
            thread::spawn(move || {
                let base = if one_key { 0 } else { number << 20 };
                let keys: Vec<_> =
                    (0..if one_key { 1 } else { 1_000 }).map(|key| address(base + key)).collect();
                let mut keys = keys.iter().cycle();
                begin.wait();
                repeated(|| {
                    if let Some(key) = keys.next() {
                        black_box(strategy.take(black_box(key), 1));
                    }
                })
            })
        })
        .collect();
    let mut times = Vec::new();
    for thread in running {
        times.extend(thread.join().map_err(|_| "a thread panicked")?);
    }
    Ok(sorted(times))
}

/// Ten million addresses, each once, while one client is honest and busy and one is limited.
fn spray() -> Result<(), Box<dyn Error>> {
    let window = FixedWindow::new(1_000_000, Duration::from_secs(300 * 86_400))?;
    let busy = Key::from("busy");
    let before = resident()?;
    let start = Instant::now();
    let mut asked = 0;
    for number in 0..10_000_000_u32 {
        if number % 1_000 == 0 {
            asked += 1;
            window.take(&busy, 1);
        }
        if !matches!(window.take(&address(number), 1), Decision::Ready(Verdict::Allowed)) {
            return Err("a new client was limited".into());
        }
    }
    let took = start.elapsed().as_secs_f64() * 1e9 / 1e7;
    let counted = window.quota(&busy).map_or(0, |quota| quota.limit - quota.remaining);
    let grown = (resident()?.saturating_sub(before)) / (1 << 20);
    print(&format!(
        "10,000,000 keys, each once, bound 500,000: {took:.1} ns each, {grown} MiB more"
    ));
    print(&format!("  the busiest honest key asked {asked} times, counted {counted}"));
    print(&format!("  {:?}", window.stats()));
    Ok(())
}

fn resident() -> Result<u64, Box<dyn Error>> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(pages * 4_096)
}

fn sorted(mut rounds: Vec<f64>) -> Vec<f64> {
    rounds.sort_by(f64::total_cmp);
    rounds
}

fn median(rounds: &[f64]) -> f64 {
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

fn report(name: &str, rounds: &[f64]) {
    let best = rounds.first().copied().unwrap_or_default();
    print(&format!("{name:48} best {best:7.1} ns  median {:7.1} ns", median(rounds)));
}

#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
pub(crate) fn print(line: &str) {
    println!("{line}");
}
