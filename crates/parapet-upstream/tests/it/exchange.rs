//! Drives exchanges one after another over scripted connections, and judges apart from the crate which connection may
//! serve the next one. Shared with the fuzz target `h1_exchange`.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use parapet_core::{Body, BodyError, RequestHead};
use parapet_upstream::{Attempt, Balancer, Error, HttpTransport, Picked, RoundTrip, Target};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::judge::{Judged, judge};
use crate::strict;

/// Property of the fuzz target: however writes, reads, ends and drops come in turn, nothing hangs, a body that ends
/// cleanly is whole, and a connection is kept only after one whole request and one whole answer that allows it.
///
/// Parts of `data` between bytes 0xFE are exchanges: six bytes say how it goes, the others are what the origin sends.
pub(crate) fn exchanges(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let world = Arc::new(Mutex::new(World::default()));
    runtime.block_on(async {
        let transport = HttpTransport::new().dial({
            let world = Arc::clone(&world);
            move |_| std::future::ready(Ok(Conn::open(&world)))
        });
        let target = Arc::new(Target::new("origin.test", transport.clone()).unwrap());
        for script in data.split(|byte| *byte == SEPARATOR).take(8).filter_map(Script::read) {
            script.run(&world, &transport, &target).await;
        }
        drop((target, transport));
        settle().await;
    });
    drop(runtime);
    let open = lock(&world).wires.iter().filter(|wire| !wire.closed).count();
    assert_eq!(open, 0, "a connection outlives its transport");
}

/// Ends an exchange in the input.
pub(crate) const SEPARATOR: u8 = 0xFE;

/// How one exchange goes.
#[derive(Debug)]
struct Script<'a> {
    method: &'static str,
    upgrade: bool,
    upload: Upload,
    /// The origin's bytes arrive in pieces of this size.
    cut: usize,
    /// The connection takes so many bytes at once.
    take: usize,
    /// It takes no more than these bytes of a request.
    stuck: Option<usize>,
    /// How it goes on after the answer.
    end: End,
    /// Something happens to an idle connection before the exchange, and whether its watcher has time to see it.
    news: Option<(End, bool)>,
    /// The request is dropped after so many pieces.
    drop_after: Option<usize>,
    /// The body is dropped after so many frames.
    frames: Option<usize>,
    answer: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Reset,
    Bytes,
}

impl<'a> Script<'a> {
    fn read(part: &'a [u8]) -> Option<Self> {
        let ([kind, upload, cut, take, end, stop], answer) = part.split_first_chunk::<6>()?;
        let (method, upgrade) = match kind % 8 {
            0 | 1 => ("GET", false),
            2 => ("HEAD", false),
            3 | 4 => ("POST", false),
            5 => ("PUT", false),
            6 => ("GET", true),
            _ => ("CONNECT", false),
        };
        let how = [End::Open, End::Closed, End::Reset, End::Bytes];
        let news = how[usize::from(end >> 2) % 4];
        Some(Self {
            method,
            upgrade,
            upload: Upload::read(if matches!(kind % 8, 3..=5) { *upload } else { 0 }),
            cut: usize::from(cut % 64) + 1,
            take: usize::from(take % 64) * 4 + 1,
            stuck: (take >= &128).then_some(usize::from(take % 64)),
            end: how[usize::from(end % 3)],
            news: (news != End::Open).then_some((news, end & 16 > 0)),
            drop_after: (stop % 32 != 31).then_some(usize::from(stop % 32)),
            frames: (stop >> 5 != 7).then_some(usize::from(stop >> 5)),
            answer,
        })
    }

    async fn run(&self, world: &Arc<Mutex<World>>, transport: &HttpTransport, to: &Arc<Target>) {
        if let Some((news, seen)) = self.news {
            lock(world).tell_idle(news);
            if seen {
                settle().await;
                assert_eq!(idle(transport), 0, "an idle connection with news is kept: {self:?}");
            }
        }
        lock(world).begin(self);
        let mut future =
            Box::pin(exchange(self.head(), self.upload.body(), self.frames, to.clone()));
        // At once, before the watcher of idle connections has its turn.
        let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        let task = tokio::spawn(async move {
            match first {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => future.await,
            }
        });
        let mut pieces = 0;
        loop {
            settle().await;
            if task.is_finished() || Some(pieces) == self.drop_after || !lock(world).step() {
                break;
            }
            pieces += 1;
        }
        for _ in 0..1_000 {
            if task.is_finished() || Some(pieces) == self.drop_after {
                break;
            }
            tokio::task::yield_now().await;
        }
        if !task.is_finished() {
            let ended = lock(world).used().is_some_and(|wire| wire.eof || wire.reset);
            assert!(
                !ended || Some(pieces) == self.drop_after,
                "hangs at the end of file: {self:?}"
            );
            task.abort();
        }
        let outcome = match task.await {
            Ok(outcome) => Some(outcome),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => None,
        };
        settle().await;
        self.check(&lock(world), outcome.as_ref(), idle(transport));
        lock(world).finish();
    }

    fn head(&self) -> RequestHead {
        let target = if self.method == "CONNECT" { "a.test:443" } else { "/" };
        let mut request =
            Request::builder().method(self.method).uri(target).header("host", "a.test");
        if self.upgrade {
            request = request.header("upgrade", "x").header("connection", "upgrade");
        }
        request.body(()).unwrap().into_parts().0
    }

    /// What may be true after an exchange.
    fn check(&self, world: &World, outcome: Option<&Outcome>, idle: usize) {
        let open: Vec<_> = world.wires.iter().enumerate().filter(|(_, w)| !w.closed).collect();
        assert_eq!(open.len(), idle, "what is open is idle: {self:?}");
        let used = world.used();
        let judged = used.and_then(|wire| judge(&wire.handed, self.method));
        if let (Some(outcome), Some(wire)) = (outcome, used)
            && outcome.clean
            && outcome.status != 101
            && !(self.method == "CONNECT" && outcome.status / 100 == 2)
        {
            let Some(Judged { content, until_close, .. }) = &judged else {
                panic!("a clean end of {:?}: {self:?}", wire.handed.escape_ascii().to_string())
            };
            assert_eq!(&outcome.content, content, "{self:?}");
            assert!(!until_close || (wire.eof && !wire.reset), "the end was not seen: {self:?}");
        }
        let Some((index, kept)) = open.first() else { return };
        let Some(wire) = used else {
            assert!(kept.handed.is_empty(), "bytes came while it was idle: {self:?}");
            return;
        };
        assert_eq!(Some(*index), world.used, "another connection was kept: {self:?}");
        assert!(wire.arrived.is_empty() && !wire.eof && !wire.reset, "news unread: {self:?}");
        let mut rest = &wire.written[..];
        let sent = strict::request(&mut rest);
        assert!(sent.is_ok() && rest.is_empty(), "kept after {sent:?} and {rest:?}: {self:?}");
        let judged = judged.unwrap_or_else(|| panic!("kept amid an answer: {self:?}"));
        assert!(judged.keep && !judged.until_close, "kept against the answer: {self:?}");
        assert_eq!(judged.end, wire.handed.len(), "kept with bytes left over: {self:?}");
    }
}

/// What the client got.
#[derive(Debug)]
struct Outcome {
    status: u16,
    content: Vec<u8>,
    /// The body ended, and without an error.
    clean: bool,
}

async fn exchange(
    head: RequestHead,
    body: Body,
    frames: Option<usize>,
    target: Arc<Target>,
) -> Outcome {
    let at = Attempt::new();
    let mut outcome = Outcome { status: 0, content: Vec::new(), clean: false };
    let Ok(response) = One(target).round_trip(&head, body, &at).await else { return outcome };
    outcome.status = response.status().as_u16();
    if outcome.status == 101 || (head.method == "CONNECT" && response.status().is_success()) {
        return outcome; // a tunnel, which is closed here
    }
    let mut body = response.into_body();
    for taken in 0.. {
        if Some(taken) == frames {
            return outcome;
        }
        match body.frame().await {
            Some(Ok(frame)) => outcome.content.extend(frame.into_data().unwrap_or_default()),
            Some(Err(_)) => return outcome,
            None => break,
        }
    }
    outcome.clean = true;
    outcome
}

struct One(Arc<Target>);

impl Balancer for One {
    fn pick(&self, _: &RequestHead, _: &Attempt) -> Result<Picked, Error> {
        Ok(Picked::new(Arc::clone(&self.0)))
    }
}

fn idle(transport: &HttpTransport) -> usize {
    transport.stats().iter().map(|stats| stats.idle).sum()
}

/// Gives all other tasks several turns.
async fn settle() {
    for _ in 0..6 {
        tokio::task::yield_now().await;
    }
}

/// The content of a request.
#[derive(Clone, Debug)]
struct Upload {
    frames: u8,
    size: usize,
    sized: bool,
    /// How it goes on after the frames.
    end: u8,
    /// The next poll is not ready.
    pause: bool,
}

impl Upload {
    fn read(byte: u8) -> Self {
        let frames = byte % 8;
        let size = if byte & 8 > 0 { 300 } else { 5 };
        Self { frames, size, sized: byte & 16 > 0, end: byte >> 6, pause: byte & 32 > 0 }
    }

    fn body(&self) -> Body {
        if self.frames == 0 && self.end < 2 { Body::empty() } else { Body::new(self.clone()) }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.pause = !self.pause;
        if !self.pause {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match (self.frames, self.end) {
            (0, 2) => Poll::Pending, // the client has fallen silent
            (0, 3) => Poll::Ready(Some(Err(BodyError::Disconnected))),
            (0, _) => Poll::Ready(None),
            _ => {
                self.frames -= 1;
                Poll::Ready(Some(Ok(Frame::data(vec![b'u'; self.size].into()))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        // One that falls silent or fails owes a byte more.
        let owed = u64::from(self.end >= 2);
        if self.sized {
            SizeHint::with_exact(u64::from(self.frames) * self.size as u64 + owed)
        } else {
            SizeHint::default()
        }
    }
}

/// All connections, and what still has to arrive.
#[derive(Default)]
struct World {
    wires: Vec<Wire>,
    /// The one that the present request was written to last.
    used: Option<usize>,
    pieces: VecDeque<Vec<u8>>,
    end: Option<End>,
    take: usize,
    stuck: Option<usize>,
}

/// One connection as the origin sees it.
#[derive(Default)]
struct Wire {
    arrived: VecDeque<Vec<u8>>,
    eof: bool,
    reset: bool,
    closed: bool,
    /// Something happened while it was idle: it must not get another request.
    tainted: bool,
    /// Every other write is not ready.
    pause: bool,
    reader: Option<Waker>,
    /// What the reader got and the writer gave in this exchange.
    handed: Vec<u8>,
    written: Vec<u8>,
}

impl Wire {
    fn happens(&mut self, end: End) {
        match end {
            End::Open => {}
            End::Closed => self.eof = true,
            End::Reset => self.reset = true,
            End::Bytes => self.arrived.push_back(b"H".to_vec()),
        }
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl World {
    fn begin(&mut self, script: &Script<'_>) {
        self.used = None;
        self.pieces = script.answer.chunks(script.cut).map(<[u8]>::to_vec).collect();
        self.end = Some(script.end);
        self.take = script.take;
        self.stuck = script.stuck;
        for wire in &mut self.wires {
            wire.handed.clear();
            wire.written.clear();
        }
    }

    fn used(&self) -> Option<&Wire> {
        self.used.map(|index| &self.wires[index])
    }

    /// One more thing arrives; `false`: that was all, or nobody has asked.
    fn step(&mut self) -> bool {
        let Some(wire) = self.used.map(|index| &mut self.wires[index]) else { return false };
        if let Some(piece) = self.pieces.pop_front() {
            wire.arrived.push_back(piece);
            wire.wake();
            return true;
        }
        let end = self.end.take();
        wire.happens(end.unwrap_or(End::Open));
        end.is_some()
    }

    /// What is left of the answer comes when the exchange is over.
    fn finish(&mut self) {
        let Some(wire) = self.used.map(|index| &mut self.wires[index]) else { return };
        let end = self.end.take().unwrap_or(End::Open);
        wire.tainted |= !self.pieces.is_empty() || end != End::Open;
        wire.arrived.append(&mut self.pieces);
        wire.happens(end);
    }

    fn tell_idle(&mut self, news: End) {
        for wire in self.wires.iter_mut().filter(|wire| !wire.closed) {
            wire.tainted = true;
            wire.happens(news);
        }
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The client's end of a connection.
struct Conn(Arc<Mutex<World>>, usize);

impl Conn {
    fn open(world: &Arc<Mutex<World>>) -> Self {
        let mut state = lock(world);
        state.wires.push(Wire::default());
        Self(Arc::clone(world), state.wires.len() - 1)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        lock(&self.0).wires[self.1].closed = true;
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut world = lock(&self.0);
        let wire = &mut world.wires[self.1];
        if let Some(mut piece) = wire.arrived.pop_front() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            wire.handed.extend(piece);
            if !rest.is_empty() {
                wire.arrived.push_front(rest);
            }
            return Poll::Ready(Ok(()));
        }
        if wire.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if wire.eof {
            return Poll::Ready(Ok(()));
        }
        wire.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut world = lock(&self.0);
        let (take, stuck) = (world.take, world.stuck);
        let wire = &mut world.wires[self.1];
        assert!(!wire.tainted, "a request on a connection to which something had happened");
        if wire.reset {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if stuck.is_some_and(|limit| wire.written.len() >= limit) {
            return Poll::Pending;
        }
        wire.pause = !wire.pause;
        if wire.pause {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let taken = &data[..data.len().min(take)];
        wire.written.extend_from_slice(taken);
        world.used = Some(self.1);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
