//! Names and values as an operation may use them: checked once, at construction.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue};
use parapet_header::{KEEP_ALIVE, PROXY_CONNECTION};

use crate::{Error, Place};

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Add,
    Set,
    Delete,
    Map,
}

/// Which message an operation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Request,
    Response,
}

/// Fields that frame the message: nothing here touches them.
pub(crate) const FRAMING: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];
/// Fields of one connection: they may only be deleted.
const CONNECTION_FIELDS: [HeaderName; 5] = [KEEP_ALIVE, PROXY_CONNECTION, TE, TRAILER, UPGRADE];

pub(crate) type Pair = (HeaderName, HeaderValue);

/// Reads a name.
pub(crate) fn name<N>(
    name: N,
    kind: Kind,
    message: Message,
    place: Place,
) -> Result<HeaderName, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
{
    let text = shown(name.as_ref());
    let Ok(name) = name.try_into() else { return Err(Error::Name { place, name: text }) };
    let of_connection = kind != Kind::Delete && CONNECTION_FIELDS.contains(&name);
    let of_host =
        message == Message::Request && name == HOST && matches!(kind, Kind::Add | Kind::Delete);
    if FRAMING.contains(&name) || of_connection || of_host {
        return Err(Error::Reserved { place, name: text });
    }
    Ok(name)
}

/// Reads names for an operation.
pub(crate) fn names<N>(
    list: impl IntoIterator<Item = N>,
    message: Message,
    operation: &'static str,
) -> Result<Vec<HeaderName>, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
{
    let read = |(index, item)| name(item, Kind::Delete, message, Place { operation, index });
    list.into_iter().enumerate().map(read).collect()
}

/// Reads pairs for an operation.
pub(crate) fn pairs<N, V>(
    list: impl IntoIterator<Item = (N, V)>,
    kind: Kind,
    message: Message,
    operation: &'static str,
) -> Result<Vec<Pair>, Error>
where
    N: TryInto<HeaderName> + AsRef<[u8]>,
    V: TryInto<HeaderValue> + AsRef<[u8]>,
{
    list.into_iter()
        .enumerate()
        .map(|(index, (field, value))| {
            let place = Place { operation, index };
            // The one word of the connection that a handler may say: the server closes behind the response.
            let closes = message == Message::Response
                && kind == Kind::Set
                && field.as_ref().eq_ignore_ascii_case(b"connection")
                && value.as_ref().eq_ignore_ascii_case(b"close");
            let field_text = shown(field.as_ref());
            let field = if closes { CONNECTION } else { name(field, kind, message, place)? };
            let text = shown(value.as_ref());
            let Ok(value) = value.try_into() else {
                return Err(Error::Value { place, name: field_text, value: text });
            };
            Ok((field, value))
        })
        .collect()
}

/// Bytes of a setting as an error shows them.
pub(crate) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads a prefix of names: two characters at least, of those that names are made of.
pub(crate) fn prefix(text: &str) -> Result<String, Error> {
    let lower = text.to_ascii_lowercase();
    if lower.len() < 2 || HeaderName::try_from(lower.as_str()).is_err() {
        let place = Place { operation: "delete_prefix", index: 0 };
        return Err(Error::Name { place, name: text.into() });
    }
    Ok(lower)
}

/// Whether no operation may touch the field.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    FRAMING.contains(name) || *name == HOST
}
