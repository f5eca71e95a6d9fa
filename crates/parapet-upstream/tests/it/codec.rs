use parapet_upstream::{Error, HttpTransport};
use tokio::io::AsyncWriteExt;

use crate::backend::{Backend, ok, text};

const H: &str = "HTTP/1.1 200 OK\r\n";

/// Sends `answer` cut at `cut` and gives what the client made of it.
async fn receive(transport: HttpTransport, answer: &[u8], cut: usize) -> Result<String, String> {
    let backend = Backend::start().await;
    let client = backend.client(transport);
    let (first, second) = answer.split_at(cut);
    let origin = async {
        let mut conn = backend.accept().await;
        conn.head().await;
        // A refusal may close the connection before the second half.
        let _ = conn.stream.write_all(first).await;
        tokio::task::yield_now().await;
        let _ = conn.stream.write_all(second).await;
        let _ = conn.stream.shutdown().await;
        conn.closed().await;
    };
    let request = async {
        match client.get().await {
            Ok(response) => {
                let trailers = response.headers().len();
                text(response).await.map_err(|error| format!("body: {error}; {trailers}"))
            }
            Err(Error::Protocol(text)) => Err(format!("head: {text}")),
            Err(error) => Err(format!("head: {error:?}")),
        }
    };
    tokio::join!(origin, request).1
}

#[tokio::test]
async fn what_is_no_response_is_refused_however_it_is_cut() {
    let head = |rest: &str| format!("{H}{rest}\r\n\r\n");
    let rows: Vec<String> = vec![
        format!("\r\n{H}\r\n"),
        "HTTP/1.2 200 OK\r\n\r\n".into(),
        "HTTP/1.1  200 OK\r\n\r\n".into(),
        "HTTP/1.1 099 X\r\n\r\n".into(),
        "ICY 200 OK\r\n\r\n".into(),
        "HTTP/1.1 200 OK\nx: 1\n\n".into(),
        head("X: a\rb"),
        head("X : 1"),
        head("X Y: 1"),
        head(": 1"),
        head("X: 1\r\n 2"),
        head("X: \0"),
        head("X: \x01"),
        head("Content-Length:"),
        head("Content-Length: +2"),
        head("Content-Length: 2, 3"),
        head("Content-Length: 2\r\nContent-Length: 3"),
        head("Content-Length: 9223372036854775808"),
        head("Transfer-Encoding: gzip, chunked"),
        head("Transfer-Encoding: identity"),
        head("Transfer-Encoding: chunked, chunked"),
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n".into(),
    ];
    for answer in rows {
        for cut in 0..=answer.len() {
            let result = receive(HttpTransport::new(), answer.as_bytes(), cut).await;
            let refused = result.as_ref().is_err_and(|error| error.starts_with("head: "));
            assert!(refused && !format!("{result:?}").contains("Closed"), "{answer:?}: {result:?}");
        }
    }
}

#[tokio::test]
async fn what_is_a_response_is_taken_however_it_is_cut() {
    let rows: &[(&str, &str)] = &[
        ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\nok", "ok"),
        (
            "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n5 ;a=\"b\"\r\nhello\r\n000\r\nX-T: 1\r\n\r\n",
            "hello",
        ),
        ("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\n\r\nuntil close", "until close"),
        (
            "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "ok",
        ),
    ];
    for (answer, content) in rows {
        for cut in 0..=answer.len() {
            let result = receive(HttpTransport::new(), answer.as_bytes(), cut).await;
            assert_eq!(result.as_deref(), Ok(*content), "{answer:?} cut at {cut}");
        }
    }
    let bare = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
    let lenient = HttpTransport::new().allow_bare_lf(true);
    assert_eq!(receive(lenient, bare.as_bytes(), 3).await.as_deref(), Ok("ok"));
}

#[tokio::test]
async fn broken_chunks_abort_the_message() {
    let long = "0".repeat(17);
    let rows = [
        "5\nhello",
        "0x5\r\nhello",
        "-5\r\nhello",
        ";a\r\nhello",
        "5;a\nhello",
        "5;\0\r\nhello",
        &long,
        "8000000000000000\r\n",
        "5\r\nhelloX",
        "5\r\nhello\r\n",
        "0\r\nx: 1\r\n",
    ];
    for chunks in rows {
        let answer = format!("{H}transfer-encoding: chunked\r\n\r\n{chunks}");
        for cut in 0..=answer.len() {
            let result = receive(HttpTransport::new(), answer.as_bytes(), cut).await;
            assert!(result.is_err_and(|error| error.starts_with("body: ")), "{chunks:?}");
        }
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    let head = |bytes: usize| {
        let start = format!("{H}content-length: 0\r\nx: ");
        let filler = "a".repeat(bytes - start.len() - 4);
        format!("{start}{filler}\r\n\r\n")
    };
    let fields = |count: usize| {
        let fields: Vec<_> = (1..count).map(|at| format!("x-{at}: 1\r\n")).collect();
        let fields = fields.concat();
        format!("{H}content-length: 0\r\n{fields}\r\n")
    };
    let interim = |count: usize| "HTTP/1.1 103 Early\r\n\r\n".repeat(count) + &ok("");
    let rows = [
        (head(64 << 10), true),
        (head((64 << 10) + 1), false),
        (fields(100), true),
        (fields(101), false),
        (interim(8), true),
        (interim(9), false),
    ];
    for (answer, taken) in rows {
        let result = receive(HttpTransport::new(), answer.as_bytes(), answer.len()).await;
        assert_eq!(result.is_ok(), taken, "{} bytes: {result:?}", answer.len());
    }
}

/// Bytes of the trailer section, of the line of a chunk, and number of chunks of one byte with 4 KiB beside it.
#[tokio::test]
async fn what_surrounds_the_chunks_is_bounded() {
    let chunked = |rest: &str| format!("{H}transfer-encoding: chunked\r\n\r\n{rest}");
    let trailers = |bytes: usize| {
        let filler = "a".repeat(bytes - "x: \r\n\r\n".len());
        chunked(&format!("0\r\nx: {filler}\r\n\r\n"))
    };
    let extension = |bytes: usize| format!(";{}", "a".repeat(bytes - 1));
    let line = |bytes: usize| chunked(&format!("2{}\r\nok\r\n0\r\n\r\n", extension(bytes)));
    let tiny = |count: usize| {
        let chunk = format!("1{}\r\nx\r\n", extension(4000));
        chunked(&(chunk.repeat(count) + "0\r\n\r\n"))
    };
    let rows = [
        (trailers(16 << 10), true),
        (trailers((16 << 10) + 1), false),
        (line(4000), true),
        (line((4 << 10) + 1), false),
        (tiny(3), true),
        (tiny(6), false),
    ];
    for (answer, taken) in rows {
        let result = receive(HttpTransport::new(), answer.as_bytes(), answer.len()).await;
        assert_eq!(result.is_ok(), taken, "{} bytes: {result:?}", answer.len());
    }
}
