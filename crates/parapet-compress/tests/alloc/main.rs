//! What a response through a layer allocates, and what an encoder holds, in a binary of its own: the counter sees all
//! threads.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use futures_util::FutureExt as _;
    use parapet_compress::{self as compress, BrOptions, Compress, Encoding};
    use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
    use stats_alloc::Region;

    use crate::ALLOCATOR;

    /// The tests of this binary, one at a time.
    fn alone() -> MutexGuard<'static, ()> {
        static ONE: Mutex<()> = Mutex::new(());
        ONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the test harness may allocate meanwhile for a test that has just ended; any encoder holds four times as much.
    const NOISE: usize = 64 * 1024;

    /// Answers after one boxed future.
    struct Origin(&'static str);

    impl Serve for Origin {
        fn serve(&self, _: Request) -> ResponseFuture {
            let mut response = Response::new(Body::from("<p>".repeat(1_000)));
            response.headers_mut().reserve(8);
            let value = http::HeaderValue::from_static(self.0);
            response.headers_mut().insert("content-type", value);
            ResponseFuture::new(async { response })
        }
    }

    /// Allocations of one answer; the fewest of many runs.
    fn cost(layer: &impl Middleware, content_type: &'static str, accept: &'static str) -> usize {
        let handler = layer.wrap(Handler::new(Origin(content_type)));
        let run = |_| {
            let mut request = Request::new(Body::empty());
            let value = http::HeaderValue::from_static(accept);
            request.headers_mut().insert("accept-encoding", value);
            let region = Region::new(ALLOCATOR);
            let response = handler.serve(request).now_or_never();
            let change = region.change();
            drop(response.unwrap());
            change.allocations + change.reallocations
        };
        (0..200).map(run).min().unwrap()
    }

    #[test]
    fn what_passes_costs_one_box_or_nothing() {
        let _alone = alone();
        let base = cost(&None::<Handler>, "text/html", "gzip");
        for (layer, content_type, accept, boxes) in [
            (compress::gzip(), "text/html", "", 1), // `Vary` is to be added
            (compress::gzip(), "image/png", "gzip", 1),
            (compress::negotiated(Encoding::all()), "image/png", "gzip, br, zstd", 1),
            (compress::gzip().vary(false), "text/html", "", 0),
            (compress::gzip().types(""), "text/html", "gzip", 0),
            // The future and the body around the body: the encoder comes with the first byte.
            (compress::gzip(), "text/html", "gzip", 2),
            (compress::negotiated(Encoding::all()), "text/html", "zstd", 2),
        ] {
            let cost = cost(&layer, content_type, accept) - base;
            assert_eq!(cost, boxes, "{layer:?} {content_type} {accept:?}");
        }
    }

    /// MiB that a response of `layer` holds at most, fed with noise and with text for as long as `mib`.
    fn held(layer: &Compress, mib: usize) -> f64 {
        let layer = layer.clone().types("*");
        let handler = layer.wrap(parapet_core::handler_fn(move |_| async move {
            let mut state = 1_u64;
            let mut frames = 0;
            let frames = std::iter::from_fn(move || {
                frames += 1;
                let frame = (0..16 * 1024).map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let byte = state.to_le_bytes()[6];
                    if frames % 2 == 0 { byte } else { b'a' + byte % 16 }
                });
                let frame = frame.collect::<Vec<_>>();
                (frames <= mib * 64).then_some(Ok::<_, parapet_core::BodyError>(frame))
            });
            Response::new(Body::from_stream(futures_util::stream::iter(frames)))
        }));
        let request = http::Request::get("/").header("accept-encoding", "*");
        let request = request.body(Body::empty()).unwrap();
        let region = Region::new(ALLOCATOR);
        let mut body = handler.serve(request).now_or_never().unwrap().into_body();
        let live = || {
            let change = region.change();
            let freed = change.bytes_deallocated;
            change.bytes_allocated.saturating_sub(freed)
        };
        let mut most = 0;
        loop {
            match body.frame().now_or_never() {
                Some(Some(frame)) => drop(frame.unwrap()),
                Some(None) => break,
                None => {}
            }
            most = most.max(live());
        }
        // At its end the body holds next to nothing, though it is not dropped yet.
        assert!(live() < NOISE, "{} bytes are left", live());
        f64::from(u32::try_from(most).unwrap()) / f64::from(1 << 20)
    }

    #[test]
    fn an_encoder_holds_what_is_documented_however_long_the_body() {
        let _alone = alone();
        let br = |lgwin| compress::br_with_options(BrOptions { quality: 4, lgwin }).unwrap();
        for (name, layer, mib, most) in [
            ("gzip", compress::gzip(), [1, 3], 0.4),
            ("gzip 9", compress::gzip_with_level(9).unwrap(), [1, 3], 0.4),
            ("deflate", compress::deflate(), [1, 3], 0.4),
            ("br, 256 KiB window", br(18), [1, 3], 2.2),
            ("br", br(22), [8, 9], 13.0),
        ] {
            let [short, long] = mib.map(|mib| held(&layer, mib));
            assert!(short <= most && short > most / 2.0, "{name}: {short} MiB");
            assert!(long <= short * 1.1, "{name}: {long} MiB of {mib:?}, {short} MiB before");
        }
    }

    #[test]
    fn a_body_that_is_dropped_half_way_frees_its_encoder() {
        let _alone = alone();
        for layer in [compress::gzip(), compress::deflate(), compress::br()] {
            let region = Region::new(ALLOCATOR);
            let (sender, body) = Body::channel(1);
            let body = Mutex::new(Some(body));
            let handler = layer.clone().types("*").wrap(parapet_core::handler_fn(move |_| {
                let body = body.lock().unwrap().take().unwrap();
                async { Response::new(body) }
            }));
            let request = http::Request::get("/").header("accept-encoding", "*");
            let request = request.body(Body::empty()).unwrap();
            let mut body = handler.serve(request).now_or_never().unwrap().into_body();
            sender.data("hello").now_or_never().unwrap().unwrap();
            body.frame().now_or_never().unwrap().unwrap().unwrap();
            let change = region.change();
            assert!(change.bytes_allocated - change.bytes_deallocated > 100_000, "{layer:?}");
            drop(body);
            let change = region.change();
            let left = change.bytes_allocated - change.bytes_deallocated;
            assert!(left < NOISE, "{layer:?}: {left} bytes"); // layer, handler, sender
        }
    }
}
