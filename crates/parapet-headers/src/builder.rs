//! The operations that both layers offer, written once: [`Builder`] holds what they do, [`builder!`] their public form.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use crate::field::{self, Kind, Message, Pair};
use crate::names::Names;
use crate::operation::{Make, MapText, MapValue, Operation};
use crate::{Error, Place};

/// A layer in the making. The first half is what a layer gives, the second what it may do otherwise, the rest is the same
/// for both.
pub(crate) trait Builder: Default {
    /// What values are made of at run time.
    type Head: 'static;
    /// Which message it changes.
    const MESSAGE: Message;

    /// Adds an operation behind those so far.
    fn operation(self, operation: Operation<Self::Head>) -> Self;

    fn set_pairs(self, _place: &'static str, pairs: Vec<Pair>) -> Result<Self, Error> {
        Ok(if pairs.is_empty() { self } else { self.operation(Operation::Set(pairs)) })
    }

    fn set_made(self, name: HeaderName, f: Make<Self::Head>) -> Self {
        self.operation(Operation::SetWith { name, f })
    }

    fn map_text(self, name: HeaderName, f: MapText) -> Self {
        self.operation(Operation::Map { name, f, warned: Arc::default() })
    }

    fn map_bytes(self, name: HeaderName, f: MapValue) -> Self {
        self.operation(Operation::MapValue { name, f })
    }

    fn read_name<N>(kind: Kind, operation: &'static str, name: N) -> Result<HeaderName, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        field::name(name, kind, Self::MESSAGE, Place { operation, index: 0 })
    }

    fn read_pairs<N, V>(
        kind: Kind,
        operation: &'static str,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Vec<Pair>, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        field::pairs(pairs, kind, Self::MESSAGE, operation)
    }

    fn add_as<N, V>(
        self,
        operation: &'static str,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        let pairs = Self::read_pairs(Kind::Add, operation, pairs)?;
        Ok(if pairs.is_empty() { self } else { self.operation(Operation::Add(pairs)) })
    }

    fn set_as<N, V>(
        self,
        operation: &'static str,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
        V: TryInto<HeaderValue> + AsRef<[u8]>,
    {
        let pairs = Self::read_pairs(Kind::Set, operation, pairs)?;
        self.set_pairs(operation, pairs)
    }

    fn delete_as<N>(
        self,
        operation: &'static str,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        let names = field::names(names, Self::MESSAGE, operation)?;
        Ok(if names.is_empty() {
            self
        } else {
            self.operation(Operation::Delete(Names::new(names)))
        })
    }

    fn map_as<N>(self, operation: &'static str, name: N, f: MapText) -> Result<Self, Error>
    where
        N: TryInto<HeaderName> + AsRef<[u8]>,
    {
        Ok(self.map_text(Self::read_name(Kind::Map, operation, name)?, f))
    }
}

/// Public functions and methods of a layer that is a [`Builder`]: its type, what values are made of, the names of the four
/// functions that start one, and what is to be said of setting a field.
macro_rules! builder {
    (
        $layer:ident, $head:ty, $made_of:literal,
        $add:ident, $set:ident, $delete:ident, $map:ident,
        $set_notes:literal, $set_with_notes:literal
    ) => {
        /// Appends each value as a line of its own.
        ///
        /// # Errors
        /// [`Error`]: a pair is no field, or a reserved one.
        pub fn $add<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<$layer, Error>
        where
            N: TryInto<HeaderName> + AsRef<[u8]>,
            V: TryInto<HeaderValue> + AsRef<[u8]>,
        {
            $layer::default().add_as(stringify!($add), pairs)
        }

        /// Replaces all lines of each name by one.
        #[doc = $set_notes]
        ///
        /// # Errors
        /// [`Error`]: a pair is no field, or a reserved one.
        pub fn $set<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<$layer, Error>
        where
            N: TryInto<HeaderName> + AsRef<[u8]>,
            V: TryInto<HeaderValue> + AsRef<[u8]>,
        {
            $layer::default().set_as(stringify!($set), pairs)
        }

        /// Removes all lines of each name.
        ///
        /// # Errors
        /// [`Error`]: a name is none, or a reserved one.
        pub fn $delete<N>(names: impl IntoIterator<Item = N>) -> Result<$layer, Error>
        where
            N: TryInto<HeaderName> + AsRef<[u8]>,
        {
            $layer::default().delete_as(stringify!($delete), names)
        }

        /// Rewrites each line of `name`. An empty result removes the line, as does one that is no field value.
        ///
        /// # Errors
        /// [`Error`]: `name` is none, or a reserved one.
        pub fn $map<N>(
            name: N,
            f: impl Fn(&str) -> String + Send + Sync + 'static,
        ) -> Result<$layer, Error>
        where
            N: TryInto<HeaderName> + AsRef<[u8]>,
        {
            $layer::default().map_as(stringify!($map), name, Arc::new(f))
        }

        impl $layer {
            #[doc = concat!("As [`", stringify!($add), "`], behind the operations so far.")]
            ///
            /// # Errors
            /// As there.
            #[expect(
                clippy::should_implement_trait,
                reason = "the operation's name everywhere; `+` would say nothing"
            )]
            pub fn add<N, V>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
                V: TryInto<HeaderValue> + AsRef<[u8]>,
            {
                self.add_as("add", pairs)
            }

            #[doc = concat!("As [`", stringify!($set), "`], behind the operations so far.")]
            ///
            /// # Errors
            /// As there.
            pub fn set<N, V>(self, pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
                V: TryInto<HeaderValue> + AsRef<[u8]>,
            {
                self.set_as("set", pairs)
            }

            #[doc = concat!("As [`", stringify!($delete), "`], behind the operations so far.")]
            ///
            /// # Errors
            /// As there.
            pub fn delete<N>(self, names: impl IntoIterator<Item = N>) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
            {
                self.delete_as("delete", names)
            }

            #[doc = concat!("As [`", stringify!($map), "`], behind the operations so far.")]
            ///
            /// # Errors
            /// As there.
            pub fn map<N>(
                self,
                name: N,
                f: impl Fn(&str) -> String + Send + Sync + 'static,
            ) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
            {
                self.map_as("map", name, Arc::new(f))
            }

            /// Removes every field whose name begins with `prefix` (two characters at least), reserved ones excepted.
            ///
            /// # Errors
            /// [`Error::Name`].
            pub fn delete_prefix(self, prefix: &str) -> Result<Self, Error> {
                Ok(self.operation(Operation::DeletePrefix(field::prefix(prefix)?)))
            }

            /// Sets each field that has no line yet.
            ///
            /// # Errors
            /// [`Error`]: a pair is no field, or a reserved one.
            pub fn set_if_absent<N, V>(
                self,
                pairs: impl IntoIterator<Item = (N, V)>,
            ) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
                V: TryInto<HeaderValue> + AsRef<[u8]>,
            {
                let pairs = Self::read_pairs(Kind::Add, "set_if_absent", pairs)?;
                Ok(self.operation(Operation::SetIfAbsent(pairs)))
            }

            /// Appends each value that no line of its field equals.
            ///
            /// # Errors
            /// [`Error`]: a pair is no field, or a reserved one.
            pub fn append_if_absent<N, V>(
                self,
                pairs: impl IntoIterator<Item = (N, V)>,
            ) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
                V: TryInto<HeaderValue> + AsRef<[u8]>,
            {
                let pairs = Self::read_pairs(Kind::Add, "append_if_absent", pairs)?;
                Ok(self.operation(Operation::AppendIfAbsent(pairs)))
            }

            #[doc = concat!("Sets `name` to what `f` makes of ", $made_of, "; `None` does nothing.")]
            #[doc = $set_with_notes]
            ///
            /// # Errors
            /// [`Error`]: `name` is none, or a reserved one.
            pub fn set_with<N>(
                self,
                name: N,
                f: impl Fn(&$head) -> Option<HeaderValue> + Send + Sync + 'static,
            ) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
            {
                Ok(self.set_made(Self::read_name(Kind::Set, "set_with", name)?, Arc::new(f)))
            }

            #[doc = concat!("Appends what `f` makes of ", $made_of, " to `name`; `None` does nothing.")]
            ///
            /// # Errors
            /// [`Error`]: `name` is none, or a reserved one.
            pub fn add_with<N>(
                self,
                name: N,
                f: impl Fn(&$head) -> Option<HeaderValue> + Send + Sync + 'static,
            ) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
            {
                let name = Self::read_name(Kind::Add, "add_with", name)?;
                Ok(self.operation(Operation::AddWith { name, f: Arc::new(f) }))
            }

            /// Rewrites each line of `name` as bytes; `None` removes it.
            ///
            /// # Errors
            /// [`Error`]: `name` is none, or a reserved one.
            pub fn map_value<N>(
                self,
                name: N,
                f: impl Fn(&HeaderValue) -> Option<HeaderValue> + Send + Sync + 'static,
            ) -> Result<Self, Error>
            where
                N: TryInto<HeaderName> + AsRef<[u8]>,
            {
                Ok(self.map_bytes(Self::read_name(Kind::Map, "map_value", name)?, Arc::new(f)))
            }
        }
    };
}

pub(crate) use builder;
