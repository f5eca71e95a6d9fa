//! The decisions that Redis makes. Each touches one key, so that a cluster can run them.

/// A script and the name that Redis knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "runners read both fields, and there is no third")]
pub struct Script {
    /// Lua, for `EVAL`.
    pub source: &'static str,
    /// SHA-1 of `source` in lower-case hexadecimal, for `EVALSHA`.
    pub sha1: &'static str,
}

/// Arguments: cost, max, time to live in ms. Answers what remains, or −1. A denial writes nothing, so that one large
/// request does not starve the small ones.
pub(crate) const FIXED_WINDOW: Script = Script {
    source: "\
local cost, left = tonumber(ARGV[1]), tonumber(ARGV[2]) - tonumber(redis.call('GET', KEYS[1]) or 0)
if left < cost then return -1 end
redis.call('INCRBY', KEYS[1], cost)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return left - cost
",
    sha1: "340fbcce44dab99f0012c95d243f9c7e7ccffa94",
};

/// Arguments: cost, max, size in ms. Answers what remains, or minus the wait in ms. The time is Redis's own; the
/// arithmetic is that of the window in memory, exact below 2^53. A window that has not begun yet is of a clock that was set
/// back: its counts become those of the current one, else the key would be denied until the clock is there again.
pub(crate) const SLIDING_WINDOW: Script = Script {
    source: "\
local cost, max, size = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local window, elapsed = math.floor(now / size), now % size
local state = redis.call('HMGET', KEYS[1], 'w', 'c', 'p')
local seen, curr, prev = tonumber(state[1] or window), tonumber(state[2] or 0), tonumber(state[3] or 0)
if seen > window then
  seen = window
  redis.call('HSET', KEYS[1], 'w', string.format('%.0f', window))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', 2 * size + 1000))
elseif window - seen == 1 then
  prev, curr = curr, 0
elseif window - seen > 1 then
  prev, curr = 0, 0
end
local left = max * size - prev * (size - elapsed) - (curr + cost) * size
if left >= 0 then
  redis.call('HSET', KEYS[1], 'w', string.format('%.0f', window), 'c', curr + cost, 'p', prev)
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', 2 * size + 1000))
  return math.floor(left / size)
end
if max < cost then return -(size - elapsed) end
if curr + cost <= max then
  local relief = size - math.floor((max - curr - cost) * size / prev)
  return -math.max(math.min(relief, size) - elapsed, 1)
end
return -((size - elapsed) + (size - math.floor((max - cost) * size / curr)))
",
    sha1: "586469daf281d9e79b999a8b6512257b2309185e",
};

/// Arguments: cost, time a unit and tolerance in µs. Answers what remains, or minus the wait in µs. The time is Redis's
/// own. An arrival later than the tolerance is of a clock that was set back, and becomes that of an empty bucket.
pub(crate) const GCRA: Script = Script {
    source: "\
local cost, interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local arrival = tonumber(redis.call('GET', KEYS[1]) or 0)
if arrival > now + tolerance then
  arrival = now + tolerance
  redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', string.format('%.0f', math.ceil(tolerance / 1000) + 1000))
end
arrival = math.max(arrival, now) + cost * interval
if arrival - now > tolerance then return -(arrival - now - tolerance) end
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', string.format('%.0f', math.ceil((arrival - now) / 1000) + 1000))
return math.floor((tolerance - (arrival - now)) / interval)
",
    sha1: "a4a1eeaad13af08a40601f74b7307fe5b6406e18",
};
