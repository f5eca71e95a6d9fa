-- For wrk: a request with eight header fields, and one line of figures at the end.
-- Arguments: `close` closes after each answer, `upload=BYTES` posts a body of that size.

function init(args)
  -- wrk adds Host itself: with it these are eight.
  wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
  wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
  wrk.headers["Accept-Language"] = "en-US,en;q=0.5"
  wrk.headers["Accept-Encoding"] = "gzip, deflate, br"
  wrk.headers["Referer"] = "http://localhost/index.html"
  wrk.headers["Cookie"] = "session=0123456789abcdef0123456789abcdef; theme=dark"
  wrk.headers["Cache-Control"] = "no-cache"
  for _, arg in ipairs(args) do
    if arg == "close" then
      wrk.headers["Connection"] = "close"
    end
    local size = string.match(arg, "^upload=(%d+)$")
    if size then
      wrk.method = "POST"
      wrk.body = string.rep("x", tonumber(size))
      wrk.headers["Content-Type"] = "application/octet-stream"
    end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "FIGURES requests=%d micros=%d connect=%d read=%d write=%d timeout=%d status=%d p50=%d p99=%d\n",
    summary.requests, summary.duration,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(99)))
end
