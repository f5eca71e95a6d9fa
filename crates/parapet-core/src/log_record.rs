use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

/// A value of an access-log field.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum LogValue {
    /// Text.
    Text(Cow<'static, str>),
    /// Text that others hold too.
    Shared(Arc<str>),
    /// A field value; one that is marked sensitive is never printed.
    Header(HeaderValue),
    /// A whole number.
    Int(i64),
    /// A whole number that is never negative.
    Uint(u64),
    /// A number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
}

macro_rules! from {
    ($($from:ty => $variant:ident as $to:ty),+ $(,)?) => {$(
        impl From<$from> for LogValue {
            fn from(value: $from) -> Self {
                Self::$variant(<$to>::from(value))
            }
        }
    )+};
}

from! {
    &'static str => Text as Cow<'static, str>,
    String => Text as Cow<'static, str>,
    Cow<'static, str> => Text as Cow<'static, str>,
    Arc<str> => Shared as Arc<str>,
    HeaderValue => Header as HeaderValue,
    i8 => Int as i64, i16 => Int as i64, i32 => Int as i64, i64 => Int as i64,
    u8 => Uint as u64, u16 => Uint as u64, u32 => Uint as u64, u64 => Uint as u64,
    f64 => Float as f64,
    bool => Bool as bool,
}

impl From<usize> for LogValue {
    fn from(value: usize) -> Self {
        Self::Uint(value as u64)
    }
}

impl<T: Into<Self>> From<Option<T>> for LogValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Storage of one access-log record. Implemented by the logger; core has none.
pub trait LogFields: Any + Send + Sync {
    /// Sets a field, or replaces its value.
    fn set(&self, name: Cow<'static, str>, value: LogValue);
    /// The value of a field.
    fn get(&self, name: &str) -> Option<LogValue>;
    /// This request is not to be logged.
    fn disable(&self);
}

/// Handle to the access-log record of one request; present only below a mounted logger.
#[derive(Clone)]
pub struct LogRecord(Arc<dyn LogFields>);

impl LogRecord {
    /// Makes a handle to `fields`.
    pub fn new(fields: Arc<dyn LogFields>) -> Self {
        Self(fields)
    }

    /// The storage, if it is a `T`: a logger below another one finds the record that they share.
    pub fn downcast<T: LogFields>(&self) -> Option<Arc<T>> {
        let fields: Arc<dyn Any + Send + Sync> = Arc::<dyn LogFields>::clone(&self.0);
        fields.downcast().ok()
    }

    /// Sets a field, or replaces its value. Does nothing after the record was written.
    pub fn set(&self, name: impl Into<Cow<'static, str>>, value: impl Into<LogValue>) {
        self.0.set(name.into(), value.into());
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<LogValue> {
        self.0.get(name)
    }

    /// This request is not to be logged.
    pub fn disable(&self) {
        self.0.disable();
    }
}

impl fmt::Debug for LogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogRecord")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl LogFields for Nothing {
        fn set(&self, _: Cow<'static, str>, _: LogValue) {}
        fn get(&self, _: &str) -> Option<LogValue> {
            None
        }
        fn disable(&self) {}
    }

    struct Other;

    impl LogFields for Other {
        fn set(&self, _: Cow<'static, str>, _: LogValue) {}
        fn get(&self, _: &str) -> Option<LogValue> {
            None
        }
        fn disable(&self) {}
    }

    #[test]
    fn the_storage_is_found_again_by_its_type() {
        let fields = Arc::new(Nothing);
        let record = LogRecord::new(Arc::clone(&fields) as Arc<dyn LogFields>);
        assert!(record.downcast::<Nothing>().is_some_and(|found| Arc::ptr_eq(&found, &fields)));
        assert!(record.downcast::<Other>().is_none());
    }
}
