use std::fmt;

/// A response as it stood on the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status of the status line.
    pub status: u16,
    /// Status line and field lines, with the empty line.
    pub head: String,
    /// Content, without chunk framing.
    pub body: Vec<u8>,
    /// Trailer lines, without the empty line.
    pub trailers: String,
}

impl Answer {
    /// Reads a head.
    ///
    /// # Panics
    /// If it is none: the status line must be `HTTP/1.x nnn reason`, each field line `name: value` and end in CRLF.
    pub fn from_head(head: String) -> Self {
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let shape = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split_once(' '));
        let code = shape.and_then(|(_, rest)| rest.get(..3)).and_then(|code| code.parse().ok());
        let Some(status @ 100..) = code else { fail(&format!("a status line: {head:?}")) };
        for line in lines.filter(|line| !line.is_empty()) {
            let name = line.split_once(": ").map(|(name, _)| name);
            let fits = name.is_some_and(|name| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
            assert!(fits && !line.contains(['\r', '\n', '\0']), "a field line: {line:?}");
        }
        Self { status, head, body: Vec::new(), trailers: String::new() }
    }

    /// The first value of field `name`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).first().copied()
    }

    /// All values of field `name`.
    pub fn fields(&self, name: &str) -> Vec<&str> {
        let lines = self.head.split("\r\n").skip(1);
        lines
            .filter_map(|line| {
                let (field, value) = line.split_once(':')?;
                field.eq_ignore_ascii_case(name).then(|| value.trim())
            })
            .collect()
    }

    /// The content as text.
    ///
    /// # Panics
    /// If it is none.
    pub fn text(&self) -> &str {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text,
            Err(_) => fail("content in UTF-8"),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.body.get(..200).unwrap_or(&self.body);
        f.debug_struct("Answer")
            .field("head", &self.head)
            .field("body", &String::from_utf8_lossy(shown))
            .field("length", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Fails the test.
#[expect(clippy::panic, reason = "the one place where this crate fails a test by itself")]
pub(crate) fn fail(wanted: &str) -> ! {
    panic!("expected {wanted}")
}
