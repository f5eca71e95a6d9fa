use std::sync::Mutex;

use super::*;

/// Writes down what it heard.
#[derive(Default)]
struct Heard(Mutex<Vec<(Side, u64, String)>>);

impl BodyObserver for Heard {
    fn ended(&self, side: Side, end: BodyEnd<'_>) {
        let outcome = format!("{:?}", end.outcome);
        self.0.lock().expect("no panic").push((side, end.data_bytes, outcome));
    }
}

fn tunnel(body: Body) -> Body {
    body.into_tunnel(Box::new(|_io| Box::pin(async {})))
}

#[tokio::test]
async fn riders_of_a_response_live_until_its_tunnel_ended() {
    let heard = Arc::new(Heard::default());
    let guard = Arc::new(());
    let body = Body::full("never sent")
        .with_guard(Arc::clone(&guard))
        .observe(heard.clone(), Side::Response)
        .observe(heard.clone(), Side::Request);
    let mut body = tunnel(body);
    assert!(!body.is_end_stream());
    assert!(futures_util::poll!(Box::pin(body.frame())).is_pending(), "a tunnel has no frames");
    let taken = body.take_tunnel().expect("a tunnel");
    assert!(body.take_tunnel().is_none());
    assert!(heard.0.lock().expect("no panic").is_empty());
    assert_eq!(Arc::strong_count(&guard), 2);
    body.tunnel_ended(30, 4, &Outcome::Complete);
    let expected = [(Side::Request, 4, "Complete".into()), (Side::Response, 30, "Complete".into())];
    assert_eq!(*heard.0.lock().expect("no panic"), expected);
    assert_eq!(Arc::strong_count(&guard), 1);
    drop(taken);
}

#[test]
fn a_tunnel_that_is_dropped_closes_what_it_carries() {
    let heard = Arc::new(Heard::default());
    drop(tunnel(Body::empty().map_frames(|frame| frame)).observe(heard.clone(), Side::Response));
    assert_eq!(*heard.0.lock().expect("no panic"), [(Side::Response, 0, "Dropped".into())]);
}

#[test]
fn a_body_that_must_not_be_sent_is_complete_for_its_observers() {
    let heard = Arc::new(Heard::default());
    let mut body = Body::full("of a HEAD answer").observe(heard.clone(), Side::Response);
    body.complete_unread();
    assert!(body.is_end_stream());
    drop(body);
    assert_eq!(*heard.0.lock().expect("no panic"), [(Side::Response, 0, "Complete".into())]);
}
