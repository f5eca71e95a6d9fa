use std::time::Duration;

use parapet_ratelimit::{
    ConcurrentQueue, Error, FixedWindow, Gcra, LeakyBucket, OnFailure, RedisFixedWindow, RedisGcra,
    RedisSlidingWindow, SlidingWindow, concurrent, concurrent_queue, fixed_window, gcra,
    leaky_bucket, redis_fixed_window, redis_gcra, redis_sliding_window, runner_fn, sliding_window,
    token_bucket,
};

const LONG: Duration = Duration::from_secs(366 * 86_400 + 1);
const SECOND: Duration = Duration::from_secs(1);

fn runner() -> impl parapet_ratelimit::RedisRunner {
    runner_fn(|_, _, _| Box::pin(async { Ok(0) }))
}

#[test]
fn zero_and_endless_durations_are_refused() {
    for (value, of) in [(Duration::ZERO, 0), (LONG, 1)] {
        let expected = |setting| match of {
            0 => Error::ZeroDuration { setting },
            _ => Error::DurationTooLong { setting, value: LONG },
        };
        assert_eq!(fixed_window(1, value).err(), Some(expected("size")));
        assert_eq!(sliding_window(1, value).err(), Some(expected("size")));
        assert_eq!(leaky_bucket(value, 1).err(), Some(expected("per_request")));
        assert_eq!(gcra(1, value, 1).err(), Some(expected("period")));
        assert_eq!(redis_fixed_window(runner(), 1, value).err(), Some(expected("size")));
        assert_eq!(redis_sliding_window(runner(), 1, value).err(), Some(expected("size")));
        assert_eq!(redis_gcra(runner(), 1, value, 1).err(), Some(expected("period")));
    }
}

#[test]
fn what_would_admit_nobody_for_ever_is_refused() {
    assert_eq!(gcra(0, SECOND, 1).err(), Some(Error::ZeroRate { setting: "rate" }));
    assert_eq!(token_bucket(1, SECOND, 0).err(), Some(Error::ZeroRate { setting: "burst" }));
    assert_eq!(redis_gcra(runner(), 0, SECOND, 1).err(), Some(Error::ZeroRate { setting: "rate" }));
    let year = Duration::from_secs(366 * 86_400);
    let endless =
        Some(Error::RefillTooLong { burst: 201, refill: Duration::from_secs(201 * 366 * 86_400) });
    assert_eq!(gcra(1, year, 201).err(), endless);
    assert_eq!(redis_gcra(runner(), 1, year, 201).err(), endless);
    assert!(gcra(1, year, 200).is_ok() && redis_gcra(runner(), 1, year, 200).is_ok());
    assert!(gcra(1, year, u32::MAX).is_err() && gcra(u32::MAX, year, u32::MAX).is_ok());
    assert_eq!(concurrent_queue(0, 5).err(), Some(Error::ZeroCapacity));
    assert!(fixed_window(0, SECOND).is_ok() && sliding_window(0, SECOND).is_ok());
    let _admits_nothing = concurrent(0);
}

#[test]
fn settings_of_redis_are_checked() {
    let short = Duration::from_micros(999);
    let too_short = |setting| Some(Error::DurationTooShort { setting, value: short });
    assert_eq!(redis_fixed_window(runner(), 1, short).err(), too_short("size"));
    assert_eq!(redis_sliding_window(runner(), 1, short).err(), too_short("size"));
    assert_eq!(redis_gcra(runner(), 1, short, 1).err(), too_short("period"));
    let prefix = "p".repeat(129);
    let bad = RedisFixedWindow::builder(runner()).max(1).prefix(&prefix).build();
    assert_eq!(bad.err(), Some(Error::BadPrefix(129)));
    assert!(RedisFixedWindow::builder(runner()).max(1).prefix("p".repeat(128)).build().is_ok());
    let day = Duration::from_secs(86_400);
    let large = RedisSlidingWindow::builder(runner()).max(u32::MAX).size(day).build();
    assert_eq!(large.err(), Some(Error::TooLargeForRedis { max: u32::MAX, size: day }));
    let slots = OnFailure::local(ConcurrentQueue::new(1, 1).unwrap());
    let local = RedisGcra::builder(runner()).rate(1).on_failure(slots).build();
    assert_eq!(local.err(), Some(Error::LocalHoldsSlots));
}

fn endless_burst() -> Result<Gcra, Error> {
    Gcra::new(1, Duration::from_secs(86_400), 80_000)
}

#[test]
fn errors_tell_the_setting_the_value_and_the_bound() {
    let errors = [
        FixedWindow::new(1, Duration::ZERO).err(),
        SlidingWindow::new(1, LONG).err(),
        LeakyBucket::new(Duration::ZERO, 1).err(),
        Gcra::new(0, SECOND, 1).err(),
        ConcurrentQueue::new(0, 1).err(),
        Some(Error::BadPrefixLength(0)),
        Some(Error::BadPrefix(129)),
        Some(Error::DurationTooShort { setting: "size", value: Duration::from_micros(1) }),
        Some(Error::TooLargeForRedis { max: 7, size: SECOND }),
        Some(Error::LocalHoldsSlots),
        endless_burst().err(),
    ];
    let lines: Vec<_> = errors.into_iter().map(|error| error.unwrap().to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    size must be longer than zero
    size of 31622401s is too long: at most 366 days
    per_request must be longer than zero
    rate must be at least 1
    capacity of a concurrent queue must be at least 1
    prefix length 0 is outside 1 to 128
    a Redis prefix of 129 bytes is too long: at most 128
    size of 1µs is too short: at least 1 ms in Redis
    max 7 times a size of 1s is too large for Redis: below 2^53 request-milliseconds
    a concurrency strategy cannot stand in for Redis: use one that counts requests
    a burst of 80000 needs 6912000000s to come back: at most 200 years
    ");
}
