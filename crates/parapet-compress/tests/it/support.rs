use std::io::{self, Read};
use std::sync::Mutex;

use http::header::ACCEPT_ENCODING;
use parapet_compress::{self as compress, Compress};
use parapet_core::{Body, Middleware, Request, Response, handler_fn};

/// One layer of each encoding, with its name.
pub(crate) fn layers() -> [(&'static str, Compress); 4] {
    [
        ("gzip", compress::gzip()),
        ("deflate", compress::deflate()),
        ("br", compress::br()),
        ("zstd", compress::zstd()),
    ]
}

/// Decodes a whole stream; an error if it is cut.
pub(crate) fn decode(encoding: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    decoder(encoding, bytes).read_to_end(&mut decoded)?;
    Ok(decoded)
}

/// What the bytes so far tell, whether or not the stream is at its end.
pub(crate) fn decode_part(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let (mut decoder, mut decoded) = (decoder(encoding, bytes), Vec::new());
    let mut byte = [0];
    while matches!(decoder.read(&mut byte), Ok(1)) {
        decoded.extend(byte);
    }
    decoded
}

fn decoder<'a>(encoding: &str, bytes: &'a [u8]) -> Box<dyn Read + 'a> {
    match encoding {
        "gzip" => Box::new(flate2::read::GzDecoder::new(bytes)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(bytes)),
        "br" => Box::new(brotli::Decompressor::new(bytes, 4096)),
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::new(bytes).unwrap();
            decoder.window_log_max(23).unwrap(); // all that RFC 9659 lets a client have
            Box::new(decoder)
        }
        other => panic!("no decoder of {other}"),
    }
}

pub(crate) fn text(length: usize) -> String {
    let words = ["the ", "quick ", "brown ", "fox ", "jumps ", "over ", "42 ", "lazy ", "dogs\n"];
    let mut number = 7_usize;
    let mut text = String::new();
    while text.len() < length {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
        text.push_str(words[(number >> 33) % words.len()]);
    }
    text.truncate(length);
    text
}

/// Bytes that no encoder makes less of.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

pub(crate) fn plain(body: impl Into<Body>) -> Response {
    http::Response::builder().header("content-type", "text/plain").body(body.into()).unwrap()
}

pub(crate) fn get(accept: &str) -> Request {
    http::Request::get("/").header(ACCEPT_ENCODING, accept).body(Body::empty()).unwrap()
}

/// The answer of `layer` around `response` to `request`.
pub(crate) async fn through(
    layer: &impl Middleware,
    request: Request,
    response: Response,
) -> Response {
    let response = Mutex::new(Some(response));
    let take = move |_| {
        let response = response.lock().unwrap().take().unwrap();
        async { response }
    };
    layer.wrap(handler_fn(take)).serve(request).await
}
