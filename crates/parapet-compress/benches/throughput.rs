//! Throughput of the layer against the bare codecs, and the time it takes from what passes:
//! `cargo bench -p parapet-compress`. Medians of many rounds, the two sides of a row in turn.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderValue;
use parapet_compress::{self as compress, Compress, Encoding};
use parapet_core::{
    Body, BodyError, Handler, Middleware, Request, Response, ResponseFuture, Serve,
};
use tokio::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let content = json(4 << 20);
    let slices: Vec<_> =
        (0..content.len() / SLICE).map(|at| content.slice(at * SLICE..(at + 1) * SLICE)).collect();
    throughput("gzip", &compress::gzip(), &slices, |output| {
        Ok(Box::new(flate2::write::GzEncoder::new(output, flate2::Compression::new(6))))
    })?;
    throughput("deflate", &compress::deflate(), &slices, |output| {
        Ok(Box::new(flate2::write::ZlibEncoder::new(output, flate2::Compression::new(6))))
    })?;
    throughput("br", &compress::br(), &slices, |output| {
        Ok(Box::new(brotli::CompressorWriter::new(output, 16 * 1024, 4, 22)))
    })?;
    throughput("zstd", &compress::zstd(), &slices, |output| {
        Ok(Box::new(zstd::stream::write::Encoder::new(output, 3)?.auto_finish()))
    })?;

    let all = || compress::negotiated(Encoding::all());
    through("gzip, no Accept-Encoding", &compress::gzip(), "text/html", None);
    through("gzip without vary, the same", &compress::gzip().vary(false), "text/html", None);
    through("gzip, image", &compress::gzip(), "image/png", Some("gzip, deflate, br, zstd"));
    through("negotiated, image", &all(), "image/png", Some("gzip, deflate, br, zstd"));
    through("gzip, refused", &compress::gzip(), "text/html", Some("gzip;q=0, br"));
    Ok(())
}

/// Input of one step on both sides.
const SLICE: usize = 16 * 1024;
const ROUNDS: usize = 15;

/// As an API answers: keys that repeat, values that do not.
fn json(length: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut number = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 40
    };
    let mut text = String::new();
    while text.len() < length {
        let (id, price, stock) = (number(), number() % 10_000, number() % 100);
        let name = ["lamp", "table", "chair", "shelf"].get(usize::try_from(id % 4).unwrap_or(0));
        let line = format!(
            "{{\"id\":\"{id:06x}\",\"name\":\"{} {}\",\"price\":{price},\"stock\":{stock},\"tags\":[\"home\",\"sale\"]}},\n",
            name.unwrap_or(&"desk"),
            number() % 500,
        );
        text += &line;
    }
    text.truncate(length);
    text.into()
}

type Bare = fn(Counted) -> io::Result<Box<dyn Write>>;

/// Counts its bytes and copies them once, as whoever sends them has to hold them.
struct Counted(Vec<u8>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.clear();
        self.0.extend_from_slice(bytes);
        Ok(black_box(&self.0).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn throughput(
    name: &str,
    layer: &Compress,
    slices: &[Bytes],
    bare: Bare,
) -> Result<(), Box<dyn Error>> {
    let frames = slices.to_vec();
    let handler = layer.clone().types("*").wrap(parapet_core::handler_fn(move |_| {
        let frames = frames.clone().into_iter().map(Ok::<_, BodyError>);
        async { Response::new(Body::from_stream(futures_util::stream::iter(frames))) }
    }));
    let (mut with_layer, mut with_codec) = (Vec::new(), Vec::new());
    let (mut input, mut output) = (0, 0);
    for _ in 0..ROUNDS {
        let request = http::Request::get("/").header("accept-encoding", name).body(Body::empty())?;
        let start = Instant::now();
        let response = handler.serve(request).now_or_never().ok_or("no answer")?;
        let mut body = response.into_body();
        output = 0;
        loop {
            match body.frame().now_or_never() {
                None => {} // gave the worker back
                Some(None) => break,
                Some(Some(frame)) => output += frame?.data_ref().map_or(0, Bytes::len),
            }
        }
        with_layer.push(start.elapsed().as_secs_f64());

        let start = Instant::now();
        let mut encoder = bare(Counted(Vec::new()))?;
        for slice in slices {
            encoder.write_all(slice)?;
        }
        drop(encoder);
        with_codec.push(start.elapsed().as_secs_f64());
        input = slices.iter().map(Bytes::len).sum::<usize>();
    }
    let rate = |times| f64::from(u32::try_from(input).unwrap_or(u32::MAX)) / 1e6 / median(times);
    let (layer, codec) = (rate(with_layer), rate(with_codec));
    println!(
        "{name:28} {layer:7.1} MB/s, bare codec {codec:7.1} MB/s, {:5.1} %; {input} bytes to {output}",
        layer / codec * 100.0
    );
    Ok(())
}

/// Long enough to be compressed, and nothing to free.
const PAGE: &str = match std::str::from_utf8(&[b'a'; 1_500]) {
    Ok(page) => page,
    Err(_) => "",
};

struct Ready(HeaderValue);

impl Serve for Ready {
    fn serve(&self, request: Request) -> ResponseFuture {
        drop(request);
        let mut response = Response::new(Body::from(PAGE));
        response.headers_mut().reserve(8);
        response.headers_mut().insert("content-type", self.0.clone());
        ResponseFuture::ready(response)
    }
}

/// As [`Ready`], after one boxed future.
struct Waited(HeaderValue);

impl Serve for Waited {
    fn serve(&self, request: Request) -> ResponseFuture {
        let response = Ready(self.0.clone()).serve(request);
        ResponseFuture::new(response)
    }
}

#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn through(name: &str, layer: &Compress, content_type: &'static str, accept: Option<&'static str>) {
    let value = HeaderValue::from_static(content_type);
    for (kind, next) in
        [("ready", Handler::new(Ready(value.clone()))), ("waited for", Handler::new(Waited(value)))]
    {
        let wrapped = layer.wrap(next.clone());
        let (mut with_layer, mut without) = (Vec::new(), Vec::new());
        for _ in 0..2_001 {
            with_layer.push(batch(&wrapped, accept));
            without.push(batch(&next, accept));
        }
        let own = median(with_layer) - median(without);
        println!("{name:28} {kind:10} {own:7.1} ns of its own");
    }
}

/// Few enough to stay in the cache.
const BATCH: u32 = 64;

/// Nanoseconds of one answer.
fn batch(handler: &Handler, accept: Option<&'static str>) -> f64 {
    let requests: Vec<_> = (0..BATCH)
        .map(|_| {
            let mut request = Request::new(Body::empty());
            let headers = request.headers_mut();
            headers.insert("user-agent", HeaderValue::from_static("bench"));
            if let Some(accept) = accept {
                headers.insert("accept-encoding", HeaderValue::from_static(accept));
            }
            request
        })
        .collect();
    let mut responses = Vec::with_capacity(requests.len());
    let start = Instant::now();
    for request in requests {
        responses.push(handler.serve(request).now_or_never());
    }
    let taken = start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH);
    drop(black_box(responses));
    taken
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
