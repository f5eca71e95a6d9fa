use std::time::Duration;

use parapet_authn::{Algorithm, Introspection, Jwks, Jwt};
use parapet_core::Handler;
use parapet_testkit::{RawOrigin, free_port};

use crate::support::{Signer, ask, bearer, date, wrap};

/// What a server does once it has a request; the text stands for its answer.
#[derive(Clone, Copy)]
enum Then {
    Closes,
    Stalls,
    Floods,
}

async fn server(answer: String, then: Then) -> RawOrigin {
    RawOrigin::start(move |mut conn| {
        let answer = answer.clone();
        async move {
            conn.read_head().await;
            conn.send(&answer).await;
            match then {
                Then::Closes => {}
                Then::Stalls => conn.stall().await,
                Then::Floods => {
                    // As long as it is read, and no longer than the test could bear.
                    for _ in 0..64 {
                        conn.send(format!("10000\r\n{}\r\n", " ".repeat(0x10000))).await;
                    }
                    conn.read_to_end().await;
                }
            }
        }
    })
    .await
}

/// Answers of a server that ask for trouble, each a whole or a part of one, with `content` in the good ones. Whether they
/// are good.
fn answers(content: &str, elsewhere: &str) -> Vec<(&'static str, String, Then, bool)> {
    let length = content.len();
    let redirect = |code: u16| {
        format!("HTTP/1.1 {code} R\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n")
    };
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n";
    vec![
        (
            "good",
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{content}"),
            Then::Closes,
            true,
        ),
        (
            "good, in chunks, behind an early head",
            format!(
                "HTTP/1.1 103 E\r\nlink: </>\r\n\r\n{chunked}\r\n{length:x}\r\n{content}\r\n0\r\n\r\n"
            ),
            Then::Stalls,
            true,
        ),
        ("closes at once", String::new(), Then::Closes, false),
        ("says nothing", String::new(), Then::Stalls, false),
        ("stops in its head", "HTTP/1.1 200 OK\r\nx: ".into(), Then::Stalls, false),
        (
            "stops in its body",
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{content}", length + 1),
            Then::Stalls,
            false,
        ),
        (
            "cut",
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{content}", length + 1),
            Then::Closes,
            false,
        ),
        ("cut in chunks", format!("{chunked}\r\n{length:x}\r\n{content}\r\n"), Then::Closes, false),
        ("no end", format!("{chunked}\r\n"), Then::Floods, false),
        (
            "two lengths",
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ncontent-length: 0\r\n\r\n{content}"
            ),
            Then::Closes,
            false,
        ),
        (
            // RFC 9112 §6.3: the chunks count.
            "length and chunks",
            format!("{chunked}content-length: 1\r\n\r\n{length:x}\r\n{content}\r\n0\r\n\r\n"),
            Then::Closes,
            true,
        ),
        ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n".into(), Then::Closes, false),
        ("301", redirect(301), Then::Closes, false),
        ("302", redirect(302), Then::Closes, false),
        ("307", redirect(307), Then::Closes, false),
        (
            "another protocol",
            "HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n".into(),
            Then::Stalls,
            false,
        ),
        ("204", "HTTP/1.1 204 N\r\n\r\n".into(), Then::Closes, false),
    ]
}

const SHORT: Duration = Duration::from_millis(300);

/// Each answer makes what it should of a request with `token`, without panic, wait or a look elsewhere.
async fn check(content: &str, token: &str, make: impl Fn(String) -> Handler) {
    let elsewhere = server(
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{content}", content.len()),
        Then::Closes,
    );
    let elsewhere = elsewhere.await;
    for (case, answer, then, good) in answers(content, &format!("http://{}/", elsewhere.address()))
    {
        let server = server(answer, then).await;
        let handler = make(format!("http://{}/", server.address()));
        let (status, _, reason) = ask(&handler, bearer(token)).await;
        let expected = if good { (200, "") } else { (503, "unavailable") };
        assert_eq!((status, reason), expected, "{case}");
        assert_eq!(server.connections(), 1, "{case}");
    }
    assert_eq!(elsewhere.connections(), 0);
    let absent = make(format!("http://127.0.0.1:{}/", free_port()));
    assert_eq!(ask(&absent, bearer(token)).await.0, 503);
    // No TLS is spoken there.
    let plain = server(String::new(), Then::Closes).await;
    let broken = make(format!("https://{}/", plain.address()));
    assert_eq!(ask(&broken, bearer(token)).await.0, 503);
}

#[tokio::test]
async fn whatever_a_key_server_sends_the_answer_is_200_or_503() {
    let signer = Signer::new(Algorithm::EdDSA);
    let document = format!(r#"{{"keys":[{{"kid":"k",{}}}]}}"#, signer.jwk());
    let token = signer.token_of(Algorithm::EdDSA, "k", r#"{"sub":"u"}"#);
    check(&document, &token, |url| {
        let keys = Jwks::new(url).timeout(SHORT).build().unwrap();
        wrap(&Jwt::from_key_source(keys, [Algorithm::EdDSA]).now(date).build().unwrap()).0
    })
    .await;
}

#[tokio::test]
async fn whatever_an_introspection_server_sends_the_answer_is_200_or_503() {
    check(r#"{"active":true,"sub":"u"}"#, "opaque", |url| {
        wrap(&Introspection::new(url, "edge", "secret").timeout(SHORT).build().unwrap()).0
    })
    .await;
}
