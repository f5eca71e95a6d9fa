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
/// arithmetic is that of the window in memory, exact below 2^53.
pub(crate) const SLIDING_WINDOW: Script = Script {
    source: "\
local cost, max, size = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local window, elapsed = math.floor(now / size), now % size
local state = redis.call('HMGET', KEYS[1], 'w', 'c', 'p')
local seen, curr, prev = tonumber(state[1] or window), tonumber(state[2] or 0), tonumber(state[3] or 0)
if window - seen == 1 then
  prev, curr = curr, 0
elseif window - seen > 1 then
  prev, curr = 0, 0
end
local left = max * size - prev * (size - elapsed) - (curr + cost) * size
if left >= 0 then
  redis.call('HSET', KEYS[1], 'w', string.format('%.0f', math.max(window, seen)), 'c', curr + cost, 'p', prev)
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
    sha1: "283d09f84bd72914b1bb882701554ce4fcda0926",
};

/// Arguments: cost, time a unit and tolerance in µs. Answers what remains, or minus the wait in µs. The time is Redis's
/// own.
pub(crate) const GCRA: Script = Script {
    source: "\
local cost, interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + cost * interval
if arrival - now > tolerance then return -(arrival - now - tolerance) end
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', string.format('%.0f', math.ceil((arrival - now) / 1000) + 1000))
return math.floor((tolerance - (arrival - now)) / interval)
",
    sha1: "6389289c8b09ce2f5406b72fe54892163b345449",
};
