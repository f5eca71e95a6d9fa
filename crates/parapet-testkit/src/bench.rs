//! Benches that print one line a figure, the median of many rounds, in nanoseconds: what `main` of a bench with `harness =
//! false` calls.
//!
//! ```
//! use parapet_testkit::bench;
//! bench::time("parse", "80", || {
//!     std::hint::black_box(std::hint::black_box("80").parse::<u16>().is_ok());
//! });
//! // Inputs that are used up are made beforehand, outside of the time.
//! bench::time_each("into bytes", "80", || "80".parse::<String>(), String::into_bytes)?;
//! # Ok::<(), std::convert::Infallible>(())
//! ```

use std::hint::black_box;

use tokio::time::Instant;

/// Inputs of a round of [`time_each`]: few enough to stay in the cache, as the one request of a connection does.
const BATCH: u32 = 64;
const BATCHES: u32 = 2_001;
/// Calls of a round of [`time`].
const CALLS: u32 = 100_000;
const ROUNDS: u32 = 21;

/// Prints the time of one call of `f`, for something that can be done again and again.
pub fn time(name: &str, case: &str, mut f: impl FnMut()) {
    (0..CALLS).for_each(|_| f());
    let round = |_| {
        let start = Instant::now();
        (0..CALLS).for_each(|_| f());
        nanos(start, CALLS)
    };
    print(name, case, (0..ROUNDS).map(round).collect());
}

/// Prints the time of one call of `f` on an input of `make`. What `f` returns is dropped outside of the time.
///
/// # Errors
/// What `make` fails with.
pub fn time_each<T, R, E>(
    name: &str,
    case: &str,
    mut make: impl FnMut() -> Result<T, E>,
    mut f: impl FnMut(T) -> R,
) -> Result<(), E> {
    let mut rounds = Vec::new();
    for _ in 0..BATCHES {
        let inputs = (0..BATCH).map(|_| make()).collect::<Result<Vec<_>, _>>()?;
        let mut outputs = Vec::with_capacity(inputs.len());
        let start = Instant::now();
        for input in inputs {
            outputs.push(black_box(f(input)));
        }
        rounds.push(nanos(start, BATCH));
    }
    print(name, case, rounds);
    Ok(())
}

fn nanos(start: Instant, calls: u32) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn print(name: &str, case: &str, mut rounds: Vec<f64>) {
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    println!("{name:26} {case:40} {median:7.1} ns");
}
