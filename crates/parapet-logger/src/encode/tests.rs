use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderValue, Method, StatusCode, Version};
use parapet_core::{LogValue, Scheme};
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::address::Mask;
use crate::builtin::{BuiltIn, BuiltIns};
use crate::facts::{Client, Facts, RequestLine};
use crate::fields::Fields;
use crate::query::Query;
use crate::summary::End;
use crate::view::Look;

/// All that a record is made of.
struct Made {
    look: Look,
    facts: Facts,
    fields: Fields,
    end: End,
}

impl Made {
    fn new() -> Self {
        Self {
            look: Look {
                omit_empty: false,
                without: BuiltIns::default(),
                query: Query::default().into(),
                mask: Mask::NONE,
                max_value_bytes: 8192,
            },
            facts: Facts {
                received_at: Instant::now(),
                line: Some(RequestLine {
                    method: Method::GET,
                    version: Version::HTTP_11,
                    scheme: Scheme::Https,
                    target: "/path?x=1".parse().unwrap(),
                }),
                authority: Some("example.com".parse().unwrap()),
                referer: Some(HeaderValue::from_static("https://example.com/from")),
                user_agent: Some(HeaderValue::from_static("tester/1.0")),
                remote: Some([192, 0, 2, 10].into()),
                client: Client::Address([192, 0, 2, 10].into()),
                forwarded_for: None,
                server: None,
            },
            fields: Fields::default(),
            end: End {
                timestamp: UNIX_EPOCH + Duration::from_millis(1_795_516_265_123),
                status: StatusCode::CREATED,
                request_bytes: 0,
                response_bytes: 5,
                duration: 1_234_567,
                duration_header: Some(15_200),
                aborted: "",
                error: None,
                sample_rate: None,
            },
        }
    }

    fn set(&mut self, name: &'static str, value: impl Into<LogValue>) {
        self.fields.set(name.into(), value.into());
    }

    fn line(&self, format: &Format) -> String {
        let mut out = b"before\n".to_vec();
        let view = RecordView {
            look: &self.look,
            facts: &self.facts,
            fields: &self.fields,
            end: &self.end,
        };
        encode(format, &view, &mut out, &mut b"left over".to_vec());
        let line = String::from_utf8(out).unwrap();
        line.strip_prefix("before\n").unwrap().to_owned()
    }

    fn json(&self) -> serde_json::Value {
        let line = self.line(&Format::Json);
        assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
        serde_json::from_str(&line).unwrap()
    }
}

#[test]
fn the_whole_line_reads_as_it_always_did() {
    let mut made = Made::new();
    insta::assert_snapshot!(made.line(&Format::Json), @r#"{"timestamp":"2026-11-24T10:31:05.123Z","host":"example.com","requestMethod":"GET","requestUrl":"https://example.com/path?x=1","protocol":"HTTP/1.1","requestBodySize":0,"referer":"https://example.com/from","userAgent":"tester/1.0","remoteIp":"192.0.2.10","realIp":"192.0.2.10","forwardedFor":"","status":201,"responseBodySize":5,"duration":1234567,"durationHuman":"1.234567ms","durationHeader":15200,"durationHeaderHuman":"15.2µs","aborted":"","error":""}"#);
    insta::assert_snapshot!(made.line(&Format::Logfmt), @r#"timestamp=2026-11-24T10:31:05.123Z host=example.com requestMethod=GET requestUrl="https://example.com/path?x=1" protocol=HTTP/1.1 requestBodySize=0 referer=https://example.com/from userAgent=tester/1.0 remoteIp=192.0.2.10 realIp=192.0.2.10 forwardedFor="" status=201 responseBodySize=5 duration=1234567 durationHuman=1.234567ms durationHeader=15200 durationHeaderHuman=15.2µs aborted="" error="""#);
    insta::assert_snapshot!(made.line(&Format::Combined), @r#"192.0.2.10 - - [24/Nov/2026:10:31:05 +0000] "GET /path?x=1 HTTP/1.1" 201 5 "https://example.com/from" "tester/1.0""#);
    made.look.omit_empty = true;
    made.end.aborted = "upstream";
    made.end.error = Some(("upstream", "connect_refused"));
    made.set("cached", false);
    made.set("nothing", LogValue::Null);
    made.set("zero", 0);
    made.set("half", 0.5);
    made.set("text", "a b");
    made.end.sample_rate = Some(0.1);
    insta::assert_snapshot!(made.line(&Format::Json), @r#"{"timestamp":"2026-11-24T10:31:05.123Z","host":"example.com","requestMethod":"GET","requestUrl":"https://example.com/path?x=1","protocol":"HTTP/1.1","referer":"https://example.com/from","userAgent":"tester/1.0","remoteIp":"192.0.2.10","realIp":"192.0.2.10","status":201,"responseBodySize":5,"duration":1234567,"durationHuman":"1.234567ms","durationHeader":15200,"durationHeaderHuman":"15.2µs","aborted":"upstream","error":"upstream/connect_refused","cached":false,"half":0.5,"text":"a b","sampleRate":0.1}"#);
}

#[test]
fn a_url_is_that_of_the_target_uri() {
    for (method, authority, target, url) in [
        (Method::GET, Some("example.com:8443"), "/a", "https://example.com:8443/a"),
        (Method::GET, None, "/a", "https:///a"),
        (Method::CONNECT, Some("db.internal:5432"), "/", "db.internal:5432"),
        (Method::OPTIONS, Some("example.com"), "*", "*"),
    ] {
        let mut made = Made::new();
        let line = made.facts.line.as_mut().unwrap();
        line.method = method;
        line.target = target.parse().unwrap();
        made.facts.authority = authority.map(|authority| authority.parse().unwrap());
        assert_eq!(made.json()["requestUrl"], url);
        assert_eq!(made.json()["host"], authority.unwrap_or(""));
    }
}

#[test]
fn what_was_no_request_is_empty() {
    let mut made = Made::new();
    made.facts.line = None;
    made.facts.authority = None;
    let record = made.json();
    for name in ["host", "requestMethod", "requestUrl", "protocol"] {
        assert_eq!(record[name], "", "{name}");
    }
    assert!(made.line(&Format::Combined).contains(r#"] "- - -" 201"#));
}

#[test]
fn durations_of_a_head_that_never_came_are_left_out() {
    let mut made = Made::new();
    made.end.duration_header = None;
    let record = made.json();
    assert!(record.get("durationHeader").is_none() && record.get("durationHeaderHuman").is_none());
}

#[test]
fn a_set_field_overrides_a_built_in_one_in_its_place() {
    let mut made = Made::new();
    made.set("requestBodySize", 77);
    made.set("host", "other");
    made.set("realIp", LogValue::Null);
    let record = made.json();
    assert_eq!(record["requestBodySize"], 77);
    assert_eq!(record["host"], "other");
    assert!(record["realIp"].is_null());
    let line = made.line(&Format::Json);
    assert_eq!(line.matches("\"host\"").count(), 1);
    assert!(line.contains(r#"123Z","host":"other","requestMethod""#), "{line}");
}

#[test]
fn what_overrides_is_redacted_and_masked_too() {
    let mut made = Made::new();
    made.look.mask = Mask::new(24, 48).unwrap();
    made.set("requestUrl", "https://u:p@h/?token=s3cr3t");
    made.set("referer", "https://u:p@h/?token=s3cr3t");
    made.set("realIp", "198.51.100.7");
    let record = made.json();
    for name in ["requestUrl", "referer"] {
        assert_eq!(record[name], "https://h/?token=REDACTED");
    }
    assert_eq!(record["realIp"], "198.51.100.0");
    assert_eq!(record["remoteIp"], "192.0.2.0");
}

#[test]
fn addresses_are_masked_in_every_field() {
    let mut made = Made::new();
    made.look.mask = Mask::new(24, 48).unwrap();
    made.facts.client = Client::Address("2001:db8:1:2::3".parse().unwrap());
    made.facts.forwarded_for = Some(HeaderValue::from_static("203.0.113.9, 2001:db8::1"));
    let record = made.json();
    assert_eq!(record["realIp"], "2001:db8:1::");
    assert_eq!(record["forwardedFor"], "203.0.113.0, 2001:db8::");
    made.facts.client = Client::Claimed(HeaderValue::from_static("203.0.113.9"));
    assert_eq!(made.json()["realIp"], "203.0.113.0");
}

#[test]
fn sensitive_values_are_never_printed() {
    let mut made = Made::new();
    let mut secret = HeaderValue::from_static("s3cr3t");
    secret.set_sensitive(true);
    made.facts.user_agent = Some(secret.clone());
    made.facts.forwarded_for = Some(secret.clone());
    made.set("x", secret);
    for format in [Format::Json, Format::Logfmt, Format::Combined] {
        let line = made.line(&format);
        assert!(!line.contains("s3cr3t") && line.contains("REDACTED"), "{line}");
    }
}

#[test]
fn numbers_that_json_lacks_are_null() {
    let mut made = Made::new();
    for (name, value) in [("a", f64::NAN), ("b", f64::INFINITY), ("c", f64::NEG_INFINITY)] {
        made.set(name, value);
    }
    made.set("d", 1e300);
    made.set("e", -0.25);
    made.set("f", i64::MIN);
    made.set("g", u64::MAX);
    let record = made.json();
    assert!(record["a"].is_null() && record["b"].is_null() && record["c"].is_null());
    assert_eq!(record["d"], 1e300);
    assert_eq!(record["e"], -0.25);
    assert_eq!(record["f"], i64::MIN);
    assert_eq!(record["g"], u64::MAX);
    made.look.omit_empty = true;
    assert!(made.json().get("a").is_none());
}

#[test]
fn unwanted_fields_are_left_out() {
    let mut made = Made::new();
    for field in BuiltIn::ALL {
        made.look.without.insert(field);
    }
    assert_eq!(made.line(&Format::Json), "{}\n");
    assert_eq!(made.line(&Format::Logfmt), "\n");
}

#[test]
fn logfmt_quotes_what_needs_it() {
    let mut made = Made::new();
    for field in BuiltIn::ALL {
        made.look.without.insert(field);
    }
    for (name, value) in [
        ("a", "plain"),
        ("b", "two words"),
        ("c", "x=y"),
        ("d", "\"q\""),
        ("e", ""),
        ("f", "a\nb"),
        ("g", "grüße"),
        ("h", "a\u{2028}b"),
        ("i", r"back\slash"),
        ("j k=\"", "odd name"),
    ] {
        made.set(name, value);
    }
    made.set("l", LogValue::Header(HeaderValue::from_bytes(b"\xff").unwrap()));
    insta::assert_snapshot!(made.line(&Format::Logfmt), @r#"a=plain b="two words" c="x=y" d="\"q\"" e="" f="a\nb" g=grüße h="a\u2028b" i=back\slash j_k__="odd name" l="�""#);
}

#[test]
fn combined_is_one_line_of_the_known_form() {
    let mut made = Made::new();
    made.facts.user_agent = Some(HeaderValue::from_bytes(b"a\"b\\c\xff").unwrap());
    made.facts.referer = None;
    made.facts.client = Client::Claimed(HeaderValue::from_static("not an address"));
    made.facts.line.as_mut().unwrap().target = "/x?token=s3cr3t".parse().unwrap();
    made.set("userId", "ann [x] \"y\"");
    insta::assert_snapshot!(made.line(&Format::Combined), @r#"not\x20an\x20address - ann\x20[x]\x20\x22y\x22 [24/Nov/2026:10:31:05 +0000] "GET /x?token=REDACTED HTTP/1.1" 201 5 "-" "a\x22b\x5Cc\xFF""#);
}

#[test]
fn a_record_beyond_64_kib_has_its_texts_cut() {
    let mut made = Made::new();
    made.look.max_value_bytes = 1 << 20;
    made.facts.user_agent = Some(HeaderValue::from_str(&"a".repeat(70_000)).unwrap());
    made.set("short", "kept");
    let record = made.json();
    assert_eq!(record["userAgent"].as_str().unwrap().len(), 512);
    assert_eq!(record["short"], "kept");
    assert_eq!(record["logTruncated"], true);
}

#[test]
fn a_custom_form_gets_its_newline_and_sees_the_fields() {
    let mut made = Made::new();
    made.set("custom", "value");
    for newline in ["", "\n"] {
        let format = Format::custom(move |record: &RecordView<'_>, out: &mut Vec<u8>| {
            let custom = record.get("custom");
            let summary = record.summary();
            let text = format!("{} {} {:?}{newline}", summary.path(), summary.status(), custom);
            out.extend_from_slice(text.as_bytes());
        });
        assert_eq!(made.line(&format), "/path 201 Created Some(Text(\"value\"))\n");
    }
}

proptest! {
    #[test]
    fn a_record_is_one_line_of_strict_json(
        agent in proptest::collection::vec((0x20_u8..=0xff).prop_filter("DEL", |byte| *byte != 0x7f), 0..60),
        name in "\\PC{1,20}",
        value in any::<String>(),
    ) {
        let mut made = Made::new();
        made.facts.user_agent = Some(HeaderValue::from_bytes(&agent).unwrap());
        made.fields.set(format!("x{name}").into(), value.clone().into());
        let record = made.json();
        prop_assert_eq!(record["userAgent"].as_str().unwrap(), String::from_utf8_lossy(&agent));
        prop_assert_eq!(record[format!("x{name}")].as_str().unwrap(), &value);
        for format in [Format::Logfmt, Format::Combined] {
            let line = made.line(&format);
            prop_assert_eq!(line.chars().filter(|char| char.is_control()).count(), 1, "{:?}", line);
        }
    }
}
