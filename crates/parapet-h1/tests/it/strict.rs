//! Reads messages by the letter of RFC 9112, with no leniency and no care for speed. Written apart from the crate,
//! so that it can judge it.

/// A message as the grammar sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Method and target, or the status.
    pub(crate) start: Vec<String>,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    /// The content lasts until the connection closes.
    pub(crate) until_close: bool,
}

impl Message {
    pub(crate) fn values(&self, name: &str) -> Vec<&[u8]> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_slice()).collect()
    }
}

/// Reads one request off the front of `rest`. After CONNECT or an upgrade the rest belongs to the tunnel.
pub(crate) fn request(rest: &mut &[u8]) -> Result<Message, String> {
    let line = text(line(rest)?)?;
    let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else {
        return Err(format!("request line {line:?}"));
    };
    if method.is_empty() || !method.bytes().all(is_tchar) {
        return Err(format!("method {method:?}"));
    }
    if version != "HTTP/1.1" || target.is_empty() || target.bytes().any(|b| b <= b' ' || b == 0x7f)
    {
        return Err(format!("request line {line:?}"));
    }
    match (method, target) {
        ("CONNECT", t) if t.contains(':') && !t.contains('/') => {}
        ("OPTIONS", "*") => {}
        (m, t) if m != "CONNECT" && t.starts_with('/') => {}
        _ => return Err(format!("target {target:?} for {method}")),
    }
    let mut message = Message { start: vec![method.into(), target.into()], ..Message::default() };
    message.fields = fields(rest)?;
    if message.values("host").len() != 1 || message.fields[0].0 != "host" {
        return Err("Host is not the first field, once".into());
    }
    if method == "CONNECT" {
        if framing(&message)? != Framing::None {
            return Err("CONNECT with framing".into());
        }
        return Ok(message);
    }
    match framing(&message)? {
        Framing::None => {}
        Framing::Length(length) => message.content = take(rest, length)?.to_vec(),
        Framing::Chunked => chunks(rest, &mut message)?,
    }
    Ok(message)
}

/// Reads one final response, and the 1xx before it, off the front of `rest`.
pub(crate) fn response(rest: &mut &[u8], method: &str) -> Result<(Vec<Message>, Message), String> {
    let mut interim = Vec::new();
    loop {
        let line = line(rest)?;
        let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', status @ ..] = line else {
            return Err(format!("status line {line:?}"));
        };
        let (status, reason) = status.split_at(3);
        let status = text(status)?;
        let Some((b' ', _)) = reason.split_first() else {
            return Err("no blank after the status".into());
        };
        if !status.bytes().all(|b| b.is_ascii_digit()) || !reason.iter().all(|b| is_field_byte(*b))
        {
            return Err(format!("status line {line:?}"));
        }
        let mut message = Message { start: vec![status.into()], ..Message::default() };
        message.fields = fields(rest)?;
        let framing = framing(&message)?;
        let tunnel = status == "101" || (method == "CONNECT" && status.starts_with('2'));
        let bare = tunnel || status.starts_with('1') || status == "204";
        if bare && framing != Framing::None {
            return Err(format!("framing with {status}"));
        }
        if status.starts_with('1') && !tunnel {
            interim.push(message);
            continue;
        }
        if bare || status == "304" || method == "HEAD" {
            if framing == Framing::Chunked {
                return Err(format!("Transfer-Encoding with {status} to {method}"));
            }
            return Ok((interim, message));
        }
        match framing {
            Framing::None => {
                message.content = rest.to_vec();
                message.until_close = true;
                *rest = &[];
            }
            Framing::Length(length) => message.content = take(rest, length)?.to_vec(),
            Framing::Chunked => chunks(rest, &mut message)?,
        }
        return Ok((interim, message));
    }
}

/// What the framing fields say.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length(usize),
    Chunked,
}

fn framing(message: &Message) -> Result<Framing, String> {
    match (&message.values("content-length")[..], &message.values("transfer-encoding")[..]) {
        ([], []) => Ok(Framing::None),
        ([digits], []) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => Ok(
            Framing::Length(text(digits)?.parse().map_err(|e| format!("length {digits:?}: {e}"))?),
        ),
        ([], [b"chunked"]) => Ok(Framing::Chunked),
        found => Err(format!("framing {found:?}")),
    }
}

fn chunks(rest: &mut &[u8], message: &mut Message) -> Result<(), String> {
    loop {
        let line = text(line(rest)?)?;
        let size =
            usize::from_str_radix(line, 16).map_err(|e| format!("chunk line {line:?}: {e}"))?;
        if line.starts_with('+') {
            return Err("signed chunk size".into());
        }
        if size == 0 {
            message.trailers = fields(rest)?;
            return Ok(());
        }
        message.content.extend_from_slice(take(rest, size)?);
        if take(rest, 2)? != b"\r\n" {
            return Err("chunk without its end".into());
        }
    }
}

fn fields(rest: &mut &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut found = Vec::new();
    loop {
        let line = line(rest)?;
        if line.is_empty() {
            return Ok(found);
        }
        let colon = line.iter().position(|b| *b == b':').ok_or("field line without colon")?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|b| is_tchar(*b)) {
            return Err(format!("field name {name:?}"));
        }
        if !value.iter().all(|b| is_field_byte(*b)) {
            return Err(format!("field value {value:?}"));
        }
        let blank = |b: &u8| *b == b' ' || *b == b'\t';
        let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
        let end = value.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
        found.push((text(name)?.to_ascii_lowercase(), value[start..end].to_vec()));
    }
}

fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let end = rest.windows(2).position(|w| w == b"\r\n").ok_or("no line end")?;
    let line = &rest[..end];
    if line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(format!("control byte in {line:?}"));
    }
    *rest = &rest[end + 2..];
    Ok(line)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let (taken, left) = rest.split_at_checked(length).ok_or("content ends early")?;
    *rest = left;
    Ok(taken)
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|e| e.to_string())
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_field_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff)
}
