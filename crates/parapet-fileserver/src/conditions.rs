//! Preconditions and ranges: what a client's fields make of a file (RFC 9110 §13, §14).

use std::time::{Duration, SystemTime};

use http::header::{
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_header::{
    EntityTag, EntityTags, Ranges, byte_ranges, entity_tags, has_value, one_line,
};

/// More ranges than this cost more than the whole file.
const MAX_RANGES: usize = 16;

/// What the current content is recognised by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validators<'a> {
    pub(crate) etag: Option<&'a HeaderValue>,
    pub(crate) modified: Option<SystemTime>,
}

/// What the preconditions of a GET or HEAD lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Send,
    NotModified,
    Failed,
}

/// How tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy)]
enum Compare {
    Strong,
    Weak,
}

impl Validators<'_> {
    /// Evaluates the preconditions in the order of RFC 9110 §13.2.2.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Verdict {
        if has_value(headers, &IF_MATCH) {
            if !self.tag_is_listed(headers, &IF_MATCH, Compare::Strong) {
                return Verdict::Failed;
            }
        } else if self.is_newer_than(headers, &IF_UNMODIFIED_SINCE) == Some(true) {
            return Verdict::Failed;
        }
        let is_known = if has_value(headers, &IF_NONE_MATCH) {
            self.tag_is_listed(headers, &IF_NONE_MATCH, Compare::Weak)
        } else {
            self.is_newer_than(headers, &IF_MODIFIED_SINCE) == Some(false)
        };
        if is_known { Verdict::NotModified } else { Verdict::Send }
    }

    /// What `Range` asks of content of `size` bytes, if `If-Range` lets it.
    pub(crate) fn ranges<'h>(&self, headers: &'h HeaderMap, size: u64) -> Ranges<'h> {
        match one_line(headers, &RANGE) {
            Ok(Some(range)) if self.may_be_partial(headers) => byte_ranges(range, size, MAX_RANGES),
            _ => Ranges::Ignore,
        }
    }

    /// Whether `If-Range` is absent, or names this very content (RFC 9110 §13.1.5).
    fn may_be_partial(&self, headers: &HeaderMap) -> bool {
        let value = match one_line(headers, &IF_RANGE) {
            Ok(None) => return true,
            Ok(Some(value)) => value,
            Err(_) => return false,
        };
        match (EntityTag::parse(value.as_bytes()), self.own_tag()) {
            (Some(asked), Some(own)) => asked.strong_eq(&own),
            (Some(_), None) => false,
            (None, _) => {
                let date = value.to_str().ok().and_then(parse);
                date.is_some() && date == self.modified.map(whole_seconds)
            }
        }
    }

    fn own_tag(&self) -> Option<EntityTag<'_>> {
        EntityTag::parse(self.etag?.as_bytes())
    }

    /// `*` names whatever is there. A field that is no list of tags names nothing.
    fn tag_is_listed(&self, headers: &HeaderMap, name: &HeaderName, compare: Compare) -> bool {
        let equal = |asked: EntityTag<'_>, own: &EntityTag<'_>| match compare {
            Compare::Strong => asked.strong_eq(own),
            Compare::Weak => asked.weak_eq(own),
        };
        match (entity_tags(headers, name), self.own_tag()) {
            (Some(EntityTags::Any), _) => true,
            (Some(EntityTags::List(mut tags)), Some(own)) => tags.any(|tag| equal(tag, &own)),
            _ => false,
        }
    }

    /// Compares by whole seconds; `None` without two dates to compare.
    fn is_newer_than(&self, headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
        let date = parse(one_line(headers, name).ok()??.to_str().ok()?)?;
        Some(whole_seconds(self.modified?) > date)
    }
}

fn parse(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// Fields tell no fraction of a second.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "Wed, 01 Jan 2025 00:00:00 GMT";
    const SAME: &str = "Wed, 01 Jan 2025 00:00:01 GMT";
    const AFTER: &str = "Wed, 01 Jan 2025 00:00:02 GMT";

    fn fields(rows: &[(HeaderName, &'static str)]) -> HeaderMap {
        rows.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn with_validators<T>(etag: &'static str, f: impl Fn(Validators<'_>) -> T) -> T {
        let etag = HeaderValue::from_static(etag);
        let modified = parse(SAME).unwrap() + Duration::from_millis(700);
        f(Validators { etag: Some(&etag), modified: Some(modified) })
    }

    #[test]
    fn preconditions_are_judged_in_the_order_of_rfc_9110() {
        use Verdict::{Failed, NotModified, Send};
        for (rows, expected) in [
            (&[][..], Send),
            (&[(IF_MATCH, "\"a\"")], Failed),
            (&[(IF_MATCH, "W/\"a\"")], Failed),
            (&[(IF_MATCH, "*")], Send),
            (&[(IF_MATCH, "garbage")], Failed),
            (&[(IF_MATCH, "")], Send),
            (&[(IF_MATCH, "*"), (IF_UNMODIFIED_SINCE, BEFORE)], Send),
            (&[(IF_UNMODIFIED_SINCE, BEFORE)], Failed),
            (&[(IF_UNMODIFIED_SINCE, SAME)], Send),
            (&[(IF_UNMODIFIED_SINCE, "soon")], Send),
            (&[(IF_NONE_MATCH, "\"b\", \"a\"")], NotModified),
            (&[(IF_NONE_MATCH, "W/\"a\"")], NotModified),
            (&[(IF_NONE_MATCH, "*")], NotModified),
            (&[(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, AFTER)], Send),
            (&[(IF_NONE_MATCH, "a"), (IF_MODIFIED_SINCE, AFTER)], Send),
            (&[(IF_MODIFIED_SINCE, BEFORE)], Send),
            (&[(IF_MODIFIED_SINCE, SAME)], NotModified),
            (&[(IF_MODIFIED_SINCE, AFTER)], NotModified),
            (&[(IF_MATCH, "\"x\""), (IF_NONE_MATCH, "W/\"a\"")], Failed),
        ] {
            let headers = fields(rows);
            let verdict = with_validators("W/\"a\"", |validators| validators.judge(&headers));
            assert_eq!(verdict, expected, "{rows:?}");
        }
        let headers = fields(&[(IF_MATCH, "\"a\"")]);
        assert_eq!(with_validators("\"a\"", |validators| validators.judge(&headers)), Send);
        let nothing = Validators { etag: None, modified: None };
        let headers = fields(&[(IF_UNMODIFIED_SINCE, BEFORE), (IF_MODIFIED_SINCE, AFTER)]);
        assert_eq!(nothing.judge(&headers), Send);
    }

    #[test]
    fn a_range_is_for_the_content_that_if_range_names() {
        for (etag, if_range, partial) in [
            ("W/\"a\"", "W/\"a\"", false),
            ("W/\"a\"", "\"a\"", false),
            ("\"a\"", "\"a\"", true),
            ("\"a\"", "\"b\"", false),
            ("\"a\"", SAME, true),
            ("\"a\"", BEFORE, false),
            ("\"a\"", AFTER, false),
            ("\"a\"", "garbage", false),
        ] {
            let headers = fields(&[(RANGE, "bytes=0-1"), (IF_RANGE, if_range)]);
            let ranges = with_validators(etag, |validators| {
                matches!(validators.ranges(&headers, 10), Ranges::Some(_))
            });
            assert_eq!(ranges, partial, "{etag} {if_range}");
        }
    }
}
