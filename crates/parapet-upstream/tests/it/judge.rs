//! Where an answer ends, and whether the connection may be kept after it (RFC 9112 §6.3, §9.3). Written apart from the
//! crate, so that it can judge it; it believes that what is malformed was refused.

/// One whole answer.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Where it ends.
    pub(crate) end: usize,
    pub(crate) content: Vec<u8>,
    pub(crate) until_close: bool,
    pub(crate) keep: bool,
}

/// The answer at the front of `bytes`, the 1xx before it passed over; `None` while it is not whole.
pub(crate) fn judge(bytes: &[u8], method: &str) -> Option<Judged> {
    let mut at = 0;
    loop {
        let head = at + bytes.get(at..)?.windows(4).position(|w| w == b"\r\n\r\n")?;
        let lines = String::from_utf8_lossy(&bytes[at..head]).to_ascii_lowercase();
        at = head + 4;
        let old = lines.starts_with("http/1.0");
        let status: u16 = lines.get(9..12)?.parse().ok()?;
        if status / 100 == 1 && status != 101 {
            continue;
        }
        let values = |name: &str| -> Vec<String> {
            let fields = lines.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
            let found = fields.filter(|(n, _)| *n == name);
            found.flat_map(|(_, v)| v.split(',')).map(|v| v.trim().to_owned()).collect()
        };
        let options = values("connection");
        let chunked = !values("transfer-encoding").is_empty();
        let length: Option<usize> = values("content-length").first().and_then(|v| v.parse().ok());
        let tunnel = status == 101 || (method == "CONNECT" && status / 100 == 2);
        let asked = !options.iter().any(|o| o == "close")
            && (!old || options.iter().any(|o| o == "keep-alive"));
        let odd = (chunked && length.is_some())
            || (status == 204 && (chunked || length.is_some_and(|length| length > 0)));
        let mut judged = Judged {
            end: at,
            content: Vec::new(),
            until_close: false,
            keep: asked && !odd && !tunnel,
        };
        if tunnel || method == "HEAD" || matches!(status, 204 | 304) {
            return Some(judged);
        }
        if chunked {
            chunks(bytes, &mut judged)?;
        } else if let Some(length) = length {
            judged.end = at.checked_add(length)?;
            judged.content = bytes.get(at..judged.end)?.to_vec();
        } else {
            judged.content = bytes[at..].to_vec();
            judged.end = bytes.len();
            judged.until_close = true;
        }
        return Some(judged);
    }
}

fn chunks(bytes: &[u8], judged: &mut Judged) -> Option<()> {
    loop {
        let line = line(bytes, &mut judged.end)?;
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let size = usize::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        let end = judged.end.checked_add(size)?;
        judged.content.extend_from_slice(bytes.get(judged.end..end)?);
        judged.end = end + 2;
    }
    while !line(bytes, &mut judged.end)?.is_empty() {}
    Some(())
}

fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = bytes.get(*at..)?;
    let length = rest.windows(2).position(|w| w == b"\r\n")?;
    *at += length + 2;
    Some(&rest[..length])
}
