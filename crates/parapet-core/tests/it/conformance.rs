//! HTTP/2 as RFC 9113 and RFC 7541 have it: what a client may get wrong, and what the server has to do about it.
//!
//! Every case runs against a parapet server with a chain of middlewares and against hyper's server alone, over a pipe
//! on paused time, so that "nothing more comes" is a fact and not a guess. A case says what the RFC asks for; parapet
//! must never be further from it than hyper.

mod flow;
mod frames;
mod hpack;
mod messages;
mod streams;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parapet_core::{
    Body, BodyError, Chain, Cond, ConnMeta, Http2, Request, Response, Server, from_fn, handler_fn,
};
use parapet_testkit::{Frame, FrameClient, RawClient, flag, kind, literals, pseudo, setting};
use tokio::io::DuplexStream;
use tokio::time::timeout;

pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const FLOW_CONTROL_ERROR: u32 = 3;
pub(super) const STREAM_CLOSED: u32 = 5;
pub(super) const FRAME_SIZE_ERROR: u32 = 6;
pub(super) const REFUSED_STREAM: u32 = 7;
pub(super) const COMPRESSION_ERROR: u32 = 9;

/// Streams and stream window of both servers.
const STREAMS: u32 = 4;
pub(super) const WINDOW: u32 = 65_535;
/// Body of `/big`.
pub(super) const BIG: usize = 100_000;

/// What the RFC asks of the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// GOAWAY with one of these codes, and the end of the connection.
    Connection(&'static [u32]),
    /// RST_STREAM with one of these codes, or a 4xx where the request is malformed (RFC 9113 §8.1.1); the connection
    /// lives. A server may treat it as an error of the connection with the same code (§5.4.2).
    Stream(&'static [u32]),
    /// A whole response with this status; the connection lives.
    Answer(u16),
    /// No frame that complains; the connection lives.
    Ignored,
    /// As `Stream`, or ignored: what RFC 7540 forbade and RFC 9113 does not speak of any more.
    StreamOrIgnored(&'static [u32]),
    /// So many bytes of DATA and no more, as the windows allow.
    Data(usize),
}

/// How near to the RFC an outcome is. Ordered: the last is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    /// What was asked for did not happen.
    Missed,
    /// The connection ended, but with another code or none: safe, yet the client cannot know why.
    Unspecific,
    Exact,
}

/// One case: what is sent behind the preface and the first SETTINGS of both sides.
pub(super) struct Case {
    /// Section, and what is wrong.
    name: &'static str,
    /// The client's settings.
    settings: &'static [(u16, u32)],
    /// `false`: the bytes are all that is ever sent, preface included.
    greeted: bool,
    /// Sent one after the other; the server comes to rest in between.
    sent: Vec<Vec<u8>>,
    expect: Expect,
    /// Why neither server does it. Such a case must fail, so that the note goes when the reason does.
    unmet: Option<&'static str>,
}

pub(super) fn case(name: &'static str, sent: impl Into<Vec<u8>>, expect: Expect) -> Case {
    Case { name, settings: &[], greeted: true, sent: vec![sent.into()], expect, unmet: None }
}

impl Case {
    pub(super) fn settings(self, settings: &'static [(u16, u32)]) -> Self {
        Self { settings, ..self }
    }

    pub(super) fn ungreeted(self) -> Self {
        Self { greeted: false, ..self }
    }

    pub(super) fn unmet(self, why: &'static str) -> Self {
        Self { unmet: Some(why), ..self }
    }

    pub(super) fn then(mut self, sent: impl Into<Vec<u8>>) -> Self {
        self.sent.push(sent.into());
        self
    }
}

/// A frame's bytes.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::encode(kind, flags, stream, payload.as_ref())
}

/// HEADERS that open `stream` with a whole GET.
pub(super) fn get(stream: u32, path: &str) -> Vec<u8> {
    let flags = flag::END_HEADERS | flag::END_STREAM;
    frame(kind::HEADERS, flags, stream, literals(pseudo("GET", path)))
}

/// HEADERS that open `stream` with the head of a POST.
pub(super) fn post(stream: u32, path: &str) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS, stream, literals(pseudo("POST", path)))
}

/// What became of a case.
#[derive(Debug)]
struct Outcome {
    frames: Vec<Frame>,
    closed: bool,
    /// Whether a ping and a request on a fresh stream were answered.
    lives: bool,
}

impl Outcome {
    fn grade(&self, expect: Expect) -> Grade {
        let alive = |good: bool| if good && self.lives { Grade::Exact } else { Grade::Missed };
        match expect {
            Expect::Connection(codes) => self.connection_error(codes),
            Expect::Stream(codes) => self.stream_error(codes),
            Expect::Answer(status) => alive(self.status() == Some(status)),
            Expect::Ignored => alive(!self.complains()),
            Expect::StreamOrIgnored(codes) => {
                alive(!self.complains()).max(self.stream_error(codes))
            }
            Expect::Data(bytes) => {
                let data = self.frames.iter().filter(|frame| frame.kind == kind::DATA);
                let sent: usize = data.map(|frame| frame.payload.len()).sum();
                alive(sent == bytes)
            }
        }
    }

    fn connection_error(&self, codes: &[u32]) -> Grade {
        match self.code(kind::GOAWAY) {
            Some(code) if codes.contains(&code) && self.closed => Grade::Exact,
            _ if self.closed => Grade::Unspecific,
            _ => Grade::Missed,
        }
    }

    fn stream_error(&self, codes: &[u32]) -> Grade {
        let reset = self.code(kind::RST_STREAM).is_some_and(|code| codes.contains(&code));
        let refused = self.status().is_some_and(|status| (400..500).contains(&status));
        if (reset || refused) && self.lives {
            return Grade::Exact;
        }
        if self.code(kind::RST_STREAM).is_some() {
            return Grade::Unspecific;
        }
        self.connection_error(codes)
    }

    fn code(&self, of: u8) -> Option<u32> {
        self.frames.iter().filter(|frame| frame.kind == of).find_map(Frame::code)
    }

    fn status(&self) -> Option<u16> {
        self.frames.iter().find_map(Frame::status)
    }

    fn complains(&self) -> bool {
        self.frames.iter().any(|frame| matches!(frame.kind, kind::RST_STREAM | kind::GOAWAY))
    }
}

/// Runs every case against both servers.
pub(super) async fn check(cases: impl IntoIterator<Item = Case>) {
    let mut wrong = Vec::new();
    for case in cases {
        let ours = run(&case, parapet()).await;
        let theirs = run(&case, hyper()).await;
        let (grade, bar) = (ours.grade(case.expect), theirs.grade(case.expect));
        // Never worse than hyper, and never silent where the RFC wants an error.
        let missed = grade == Grade::Missed;
        if grade < bar || missed != case.unmet.is_some() {
            let Case { name, expect, .. } = case;
            wrong.push(format!(
                "{name}: {expect:?}\n  parapet {grade:?}: {ours:?}\n  hyper {bar:?}: {theirs:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn run(case: &Case, io: DuplexStream) -> Outcome {
    let raw = RawClient::over(io);
    let mut client = if case.greeted {
        FrameClient::handshake(raw, case.settings).await.0
    } else {
        FrameClient::over(raw)
    };
    let mut outcome = Outcome { frames: Vec::new(), closed: false, lives: false };
    rest(&mut client, &mut Vec::new()).await;
    for bytes in &case.sent {
        client.send_bytes(bytes).await;
        outcome.closed = rest(&mut client, &mut outcome.frames).await;
    }
    if !outcome.closed {
        outcome.lives = lives(&mut client).await;
    }
    outcome
}

/// Reads until nothing more comes; whether the server closed. Paused time jumps as soon as no task can run.
async fn rest(client: &mut FrameClient<DuplexStream>, frames: &mut Vec<Frame>) -> bool {
    loop {
        match timeout(Duration::from_secs(1), client.frame()).await {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

async fn lives(client: &mut FrameClient<DuplexStream>) -> bool {
    const FRESH: u32 = 1001;
    const OPAQUE: &[u8] = b"probably";
    client.send(kind::PING, 0, 0, OPAQUE).await;
    // For cases that shut the windows.
    client.send(kind::WINDOW_UPDATE, 0, 0, &1000u32.to_be_bytes()).await;
    client.send_bytes(get(FRESH, "/empty")).await;
    let mut frames = Vec::new();
    rest(client, &mut frames).await;
    let pong = |frame: &Frame| {
        frame.kind == kind::PING && frame.flags == flag::ACK && frame.payload == OPAQUE
    };
    let answered = |frame: &Frame| frame.stream == FRESH && frame.kind == kind::HEADERS;
    frames.iter().any(pong) && frames.iter().any(answered)
}

/// What both servers run.
async fn answer(request: Request) -> Response {
    match request.uri().path() {
        "/empty" => Response::new(Body::empty()),
        "/big" => Response::new(Bytes::from(vec![b'x'; BIG]).into()),
        // Neither reads nor answers.
        "/wait" => pending().await,
        _ => {
            let body = request.into_body().collect(1 << 20).await;
            let (status, text) = match body {
                Ok(body) => (StatusCode::OK, body.data().len().to_string()),
                Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
            };
            let mut response = Response::new(text.into());
            *response.status_mut() = status;
            response
        }
    }
}

fn limits() -> Http2 {
    Http2::new().max_concurrent_streams(STREAMS).stream_window(WINDOW).connection_window(WINDOW)
}

/// A server with layers that touch requests and responses, and a connection to it.
fn parapet() -> DuplexStream {
    let stamp = from_fn(|mut request: Request, next| async move {
        request.headers_mut().insert("x-seen", HeaderValue::from_static("1"));
        let mut response = next.run(request).await;
        response.headers_mut().insert("x-served-by", HeaderValue::from_static("edge"));
        response
    });
    let frames = from_fn(|request: Request, next| async move {
        request_frames(next.run(request.map(|body| body.map_data(|data| data).keep_length())).await)
    });
    let only_posts = Cond::new(|request: &Request| request.method() == http::Method::POST, frames);
    let server = Server::new()
        .h2c(true)
        .http2(limits())
        .with(Chain::new().with(stamp).with(only_posts))
        .handler(handler_fn(answer));
    let (client, io) = tokio::io::duplex(1 << 16);
    tokio::spawn(server.into_connections().unwrap().serve(io, ConnMeta::new(None)));
    client
}

fn request_frames(response: Response) -> Response {
    response.map(|body| body.map_data(|data| data).keep_length())
}

/// hyper's server alone, and a connection to it.
fn hyper() -> DuplexStream {
    let (client, io) = tokio::io::duplex(1 << 16);
    let service = service_fn(|request: http::Request<Incoming>| async {
        Ok::<_, Infallible>(answer(request.map(|body| Body::new(Inbound(body)))).await)
    });
    let mut builder = hyper::server::conn::http2::Builder::new(Spawn);
    builder
        .timer(hyper_util::rt::TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .enable_connect_protocol();
    tokio::spawn(builder.serve_connection(TokioIo::new(io), service));
    client
}

/// hyper's request body as one of ours.
struct Inbound(Incoming);

impl http_body::Body for Inbound {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BodyError>>> {
        let failed = |error| BodyError::Io(io::Error::other(error));
        Pin::new(&mut self.0).poll_frame(cx).map_err(failed)
    }
}

#[derive(Clone)]
struct Spawn;

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

/// The preface and an empty SETTINGS.
pub(super) fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(kind::SETTINGS, 0, 0, [])[..]].concat()
}

/// SETTINGS with one entry.
pub(super) fn settings(name: u16, value: u32) -> Vec<u8> {
    let entry = [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(kind::SETTINGS, 0, 0, entry)
}

/// A case that cannot pass shows that the table can fail.
#[tokio::test(start_paused = true)]
async fn a_grade_tells_silence_from_an_error() {
    let ping = case("6.7 a PING", frame(kind::PING, 0, 0, b"12345678"), Expect::Ignored);
    let outcome = run(&ping, parapet()).await;
    assert_eq!(outcome.grade(Expect::Ignored), Grade::Exact, "{outcome:?}");
    assert_eq!(outcome.grade(Expect::Connection(&[PROTOCOL_ERROR])), Grade::Missed);
    assert_eq!(outcome.grade(Expect::Stream(&[PROTOCOL_ERROR])), Grade::Missed);
    assert_eq!(outcome.grade(Expect::Answer(200)), Grade::Missed);
    let silent = settings(setting::ENABLE_PUSH, 2);
    let outcome = run(&case("6.5.2 a push of 2", silent, Expect::Ignored), parapet()).await;
    assert_eq!(outcome.grade(Expect::Ignored), Grade::Missed, "{outcome:?}");
    assert_eq!(outcome.grade(Expect::Connection(&[COMPRESSION_ERROR])), Grade::Unspecific);
}
