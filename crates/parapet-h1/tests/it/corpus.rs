//! Good and bad messages as bytes. A bad one names its kind.

use parapet_h1::DecodeError as E;
use proptest::prelude::*;

/// Requests that are taken, each a complete message.
pub(crate) const REQUESTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a/b?c=d&e HTTP/1.1\r\nhost: example.com:8080\r\nAccept: */*\r\nX-Odd_Name!: \x80\xff\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0000000000000000003\r\nExpect: 100-Continue\r\n\r\nabc",
    b"PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA;x=\"y;z\\\"\"\r\n0123456789\r\n0\r\n\r\n",
    b"PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00f \t;q\r\n0123456789abcde\r\n000\r\nX-T: 1\r\nx-t:2\r\n\r\n",
    b"GET http://example.com/a?b HTTP/1.1\r\nHost: other\r\n\r\n",
    b"GET HTTPS://example.com HTTP/1.1\r\nHost: other\r\n\r\n",
    b"GET http://example.com?q HTTP/1.1\r\nHost: other\r\n\r\n",
    b"OPTIONS http://example.com HTTP/1.1\r\nHost: other\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"M-SEARCH //x HTTP/1.1\r\nHost:a\r\nEmpty:\r\nBlank: \t \r\nTabs:\ta\tb\t\r\nconnection: close\r\n\r\n",
    b"GET /%7e%20%FF?%zz%00 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /{}|^\"? HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// Requests that are refused, each alone in its input.
pub(crate) const BAD_REQUESTS: &[(&[u8], E)] = &[
    // A line end without CR, anywhere.
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", E::BareLf),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", E::BareLf),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", E::BareLf),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", E::BareLf),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nx\r\n0\r\n\r\n", E::BareLf),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n", E::BareLf),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n", E::BareLf),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n", E::BareLf),
    // CR without LF, control bytes in a value.
    (b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", E::ControlByte),
    (b"GET / HTTP/1.1\r\nA: b\r\r\n\r\n", E::ControlByte),
    (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", E::ControlByte),
    (b"GET / HTTP/1.1\r\nA: b\x01c\r\n\r\n", E::ControlByte),
    (b"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", E::ControlByte),
    (b"\rGET / HTTP/1.1\r\n\r\n", E::ControlByte),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\rx", E::ControlByte),
    // Before the request line.
    (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", E::EmptyLine),
    (b"\nGET / HTTP/1.1\r\n\r\n", E::EmptyLine),
    (b"\r\n\nGET / HTTP/1.1\r\n\r\n", E::EmptyLine),
    // The request line.
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", E::RequestLine),
    (b" GET / HTTP/1.1\r\n\r\n", E::RequestLine),
    (b"GET  / HTTP/1.1\r\n\r\n", E::RequestLine),
    (b"GET /  HTTP/1.1\r\n\r\n", E::RequestLine),
    (b"GET\t/ HTTP/1.1\r\n\r\n", E::RequestLine),
    (b"GET /\tHTTP/1.1\r\n\r\n", E::Http09),
    (b"GET / HTTP/1.1 \r\n\r\n", E::RequestLine),
    (b"GET / HTTP/1.1\t\r\n\r\n", E::RequestLine),
    (b"GET /a b HTTP/1.1\r\n\r\n", E::RequestLine),
    (b"GET / http/1.1\r\n\r\n", E::RequestLine),
    (b"GET / HTTP/1.10\r\n\r\n", E::RequestLine),
    (b"GET / HTTP/+1.1\r\n\r\n", E::RequestLine),
    (b"GET / XTTP/1.1\r\n\r\n", E::RequestLine),
    (b"GET / \r\n\r\n", E::RequestLine),
    (b"GET \r\n\r\n", E::RequestLine),
    (b"GET\r\n\r\n", E::RequestLine),
    (b"G@T / HTTP/1.1\r\n\r\n", E::RequestLine),
    (b"G\xc3\x84T / HTTP/1.1\r\n\r\n", E::RequestLine),
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n\r\n", E::MethodTooLong),
    (b"GET / HTTP/1.1\r\r\n\r\n", E::RequestLine),
    // The form of the target.
    (b"GET a HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"GET ?a HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"GET * HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"OPTIONS *a HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"GET ftp://a/ HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"GET http:/a HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"GET http:///a HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"GET http://:80/a HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"GET a:443 HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"CONNECT a HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"CONNECT a: HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"CONNECT :443 HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"CONNECT a:65536 HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"CONNECT u@a:443 HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"CONNECT /a HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"CONNECT http://a:80/ HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"CONNECT * HTTP/1.1\r\n\r\n", E::TargetForm),
    (b"GET /a#b HTTP/1.1\r\n\r\n", E::Fragment),
    (b"GET /a?b#c HTTP/1.1\r\n\r\n", E::Fragment),
    (b"GET http://a/#b HTTP/1.1\r\n\r\n", E::Fragment),
    // Its bytes.
    (b"GET /\x00 HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /\x01 HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /a\tb HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /a\rb HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /\x7f HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /a\\b HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /<a HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /a> HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /a` HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /?\" HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /?< HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /?> HTTP/1.1\r\n\r\n", E::TargetByte),
    (b"GET /% HTTP/1.1\r\n\r\n", E::PercentEncoding),
    (b"GET /%a HTTP/1.1\r\n\r\n", E::PercentEncoding),
    (b"GET /%g0 HTTP/1.1\r\n\r\n", E::PercentEncoding),
    (b"GET /%41%4x HTTP/1.1\r\n\r\n", E::PercentEncoding),
    (b"GET /a%00b HTTP/1.1\r\n\r\n", E::PercentEncoding),
    (b"GET http://a/%%41 HTTP/1.1\r\n\r\n", E::PercentEncoding),
    (b"GET /%4?x HTTP/1.1\r\n\r\n", E::PercentEncoding),
    // The version.
    (b"GET /\r\n", E::Http09),
    (b"GET /index.html\r\n\r\n", E::Http09),
    (b"GET / HTTP/1.2\r\n\r\n", E::Version),
    (b"GET / HTTP/0.9\r\n\r\n", E::Version),
    (b"GET / HTTP/3.0\r\n\r\n", E::Version),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", E::Version),
    // Field lines.
    (b"GET / HTTP/1.1\r\nHost\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\n: a\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\nA B: a\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\nA\"B: a\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\nA(B): a\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\n\xc3\xa4: a\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\nA\rB: a\r\n\r\n", E::FieldLine),
    (b"GET / HTTP/1.1\r\nA: a\r\n b\r\n\r\n", E::Fold),
    (b"GET / HTTP/1.1\r\n A: a\r\n\r\n", E::Fold),
    (b"GET / HTTP/1.1\r\nA: a\r\n\tb\r\n\r\n", E::Fold),
    (b"GET / HTTP/1.1\r\nA: a\r\n \r\n\r\n", E::Fold),
    // Framing.
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: 00000000000000000001\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\na", E::ContentLength),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", E::LengthAndCoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", E::LengthAndCoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", E::TransferEncoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n", E::TransferEncoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", E::TransferEncoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", E::TransferEncoding),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", E::TransferEncoding),
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    // Content with CONNECT, which hyper takes for the tunnel's first bytes or waits for.
    (b"CONNECT a:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", E::TransferEncoding),
    (b"CONNECT a:1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n", E::ContentLength),
    // Chunks.
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5 5\r\nhello\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5_\r\nhello\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\n", E::ChunkSize),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;\x00\r\nhello\r\n", E::ChunkExtension),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\x7f\"\r\nhello\r\n", E::ChunkExtension),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\r\nhello\r\n", E::ChunkExtension),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n", E::ChunkEnd),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\rX", E::ChunkEnd),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n", E::ChunkEnd),
    // Trailers.
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n", E::TrailerField),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", E::TrailerField),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nhost: c\r\n\r\n", E::TrailerField),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA\r\n\r\n", E::FieldLine),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA : b\r\n\r\n", E::FieldLine),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: \x01\r\n\r\n", E::ControlByte),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n b\r\n\r\n", E::Fold),
];

/// Responses that are taken, each a complete answer to a GET, with `reusable`.
pub(crate) const RESPONSES: &[(&[u8], bool)] = &[
    (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", true),
    (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", true),
    (b"HTTP/1.1 200 OK\xe9 \t!\r\nContent-Length: 2\r\n\r\nok", true),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\nok", true),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 00000000000000000002\r\n\r\nok", true),
    (b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\n\r\n5 ;a=\"b\"\r\nhello\r\n000\r\nX-T: 1\r\n\r\n", true),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5   \r\nhello\r\n0\t\r\n\r\n", true),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n2\r\nok\r\n0\r\n\r\n", false),
    (b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", false),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
    (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: max=3, timeout=5\r\nContent-Length: 2\r\n\r\nok", true),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false),
    (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n", true),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: </a>\r\nContent-Length: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true),
    (b"HTTP/1.1 999 \r\nContent-Length: 0\r\nset-cookie: a\r\nSet-Cookie: b\r\n\r\n", true),
];

/// Responses to a GET that last until the connection closes.
pub(crate) const UNTIL_CLOSE: &[&[u8]] =
    &[b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nuntil close", b"HTTP/1.0 200 OK\r\n\r\n"];

/// Responses that are refused.
pub(crate) const BAD_RESPONSES: &[(&[u8], E)] = &[
    (b"\r\nHTTP/1.1 200 OK\r\n\r\n", E::StatusLine),
    (b" HTTP/1.1 200 OK\r\n\r\n", E::StatusLine),
    (b"ICY 200 OK\r\n\r\n", E::StatusLine),
    (b"http/1.1 200 OK\r\n\r\n", E::StatusLine),
    (b"HTTP/2.0 200 OK\r\n\r\n", E::StatusLine),
    (b"HTTP/1.1  200 OK\r\n\r\n", E::StatusLine),
    (b"HTTP/1.1 200\tOK\r\n\r\n", E::StatusLine),
    (b"HTTP/1.1\r\n\r\n", E::StatusLine),
    (b"HTTP/1.1 \r\n\r\n", E::StatusLine),
    (b"HTTP/1.1 20\r\n\r\n", E::StatusLine),
    (b"HTTP/1.1 2000 OK\r\n\r\n", E::StatusLine),
    (b"HTTP/1.1 099 X\r\n\r\n", E::StatusLine),
    (b"HTTP/1.1 +20 X\r\n\r\n", E::StatusLine),
    (b"HTTP/1.x 200 OK\r\n\r\n", E::StatusLine),
    (b"HTTP/1.2 200 OK\r\n\r\n", E::Version),
    (b"HTTP/1.1 200 O\rK\r\n\r\n", E::ControlByte),
    (b"HTTP/1.1 200 O\x00K\r\n\r\n", E::ControlByte),
    (b"HTTP/1.1 200 \x7f\r\n\r\n", E::ControlByte),
    (b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", E::BareLf),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n", E::BareLf),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", E::BareLf),
    (b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", E::ControlByte),
    (b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n", E::ControlByte),
    (b"HTTP/1.1 200 OK\r\nX: \x01\r\n\r\n", E::ControlByte),
    (b"HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", E::FieldLine),
    (b"HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n", E::FieldLine),
    (b"HTTP/1.1 200 OK\r\n: 1\r\n\r\n", E::FieldLine),
    (b"HTTP/1.1 200 OK\r\nX\r\n\r\n", E::FieldLine),
    (b"HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n", E::Fold),
    (b"HTTP/1.1 200 OK\r\n X: 1\r\n\r\n", E::Fold),
    (b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", E::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", E::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok", E::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2,\r\n\r\nok", E::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", E::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n", E::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 000000000000000000002\r\n\r\nok", E::ContentLength),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n\r\n", E::ContentLength),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", E::TransferEncoding),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n", E::TransferEncoding),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", E::TransferEncoding),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", E::UnexpectedUpgrade),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello", E::BareLf),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello", E::ChunkSize),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello", E::ChunkSize),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\n", E::ChunkSize),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nhello", E::BareLf),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;\x00\r\nhello", E::ChunkExtension),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello", E::ChunkSize),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\n", E::ChunkSize),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX", E::ChunkEnd),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", E::EarlyEnd),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n", E::EarlyEnd),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", E::EarlyEnd),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", E::EarlyEnd),
    (b"HTTP/1.1 200 OK\r\nContent-Le", E::EarlyEnd),
    (b"HTTP/1.1 100 Continue\r\n\r\n", E::EarlyEnd),
    (b"", E::EarlyEnd),
];

/// Good requests, several in a row, with a few bytes changed, taken out, doubled or put in.
pub(crate) fn mutated_requests() -> impl Strategy<Value = Vec<u8>> {
    mutated(REQUESTS.iter().map(|input| input.to_vec()).collect())
}

/// Good responses, likewise.
pub(crate) fn mutated_responses() -> impl Strategy<Value = Vec<u8>> {
    let timed = RESPONSES.iter().map(|(input, _)| *input);
    mutated(timed.chain(UNTIL_CLOSE.iter().copied()).map(<[u8]>::to_vec).collect())
}

fn mutated(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::collection::vec(prop::sample::select(corpus), 1..3);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), edit()), 0..4);
    (parts, edits).prop_map(|(parts, edits)| {
        let mut bytes = parts.concat();
        for (index, edit) in edits {
            let at = index.index(bytes.len() + 1);
            match edit {
                Edit::Set(byte) => bytes.get_mut(at).into_iter().for_each(|b| *b = byte),
                Edit::Insert(text) => drop(bytes.splice(at..at, text.iter().copied())),
                Edit::Remove(count) => drop(bytes.drain(at..(at + count).min(bytes.len()))),
                Edit::Double(count) => {
                    let copy = bytes[at..(at + count).min(bytes.len())].to_vec();
                    drop(bytes.splice(at..at, copy));
                }
            }
        }
        bytes
    })
}

#[derive(Clone, Debug)]
enum Edit {
    Set(u8),
    Insert(&'static [u8]),
    Remove(usize),
    Double(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let bytes = prop_oneof![
        prop::sample::select(&b"\r\n \t:;,/\"\\0x5aF+-.%#\x00\x01\x7f\xff"[..]),
        any::<u8>()
    ];
    let texts: &[&[u8]] = &[
        b"\r\n",
        b"\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 ",
        b", 5",
    ];
    prop_oneof![
        3 => bytes.prop_map(Edit::Set),
        2 => prop::sample::select(texts).prop_map(Edit::Insert),
        1 => (1usize..6).prop_map(Edit::Remove),
        1 => (1usize..30).prop_map(Edit::Double),
    ]
}
