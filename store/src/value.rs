//! What goes into and comes out of a statement: the three kinds of value that both engines share.
//! No `Debug`: rows hold staff names and sealed secrets.

use proto::notice::Modality;
use proto::{
    CaseId, Hash32, KeyId, Millis, NodeId, ParticipantId, PublicKey, RecordingId, SessionId,
    SiteId, StaffId, TenantId,
};

use crate::{Result, StoreError};

/// A bound argument or a cell. A missing one keeps its kind: PostgreSQL wants a NULL's type.
#[derive(Clone)]
pub(crate) enum Value {
    /// 64 bits, signed.
    Int(Option<i64>),
    /// UTF-8.
    Text(Option<String>),
    /// Bytes.
    Blob(Option<Vec<u8>>),
}

/// A type that is kept in one column.
pub(crate) trait Column: Sized {
    /// A NULL of its kind.
    const NULL: Value;

    /// As an argument.
    fn write(self) -> Value;

    /// From a cell; `None` where it does not fit.
    fn read(value: Value) -> Option<Self>;
}

/// Binds a list of arguments, in the order of `$1`, `$2`, ….
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        [$($crate::value::Column::write($value)),*]
    };
}
pub(crate) use args;

/// A row's cells, taken from left to right.
pub(crate) struct Row {
    table: &'static str,
    cells: std::vec::IntoIter<Value>,
}

impl Row {
    pub(crate) fn new(table: &'static str, cells: Vec<Value>) -> Self {
        Self {
            table,
            cells: cells.into_iter(),
        }
    }

    /// The next cell.
    pub(crate) fn take<T: Column>(&mut self) -> Result<T> {
        self.cells
            .next()
            .and_then(T::read)
            .ok_or(StoreError::Damaged(self.table))
    }
}

impl Column for i64 {
    const NULL: Value = Value::Int(None);

    fn write(self) -> Value {
        Value::Int(Some(self))
    }

    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Int(int) => int,
            _ => None,
        }
    }
}

impl Column for String {
    const NULL: Value = Value::Text(None);

    fn write(self) -> Value {
        Value::Text(Some(self))
    }

    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => text,
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    const NULL: Value = Value::Blob(None);

    fn write(self) -> Value {
        Value::Blob(Some(self))
    }

    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => bytes,
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    const NULL: Value = T::NULL;

    fn write(self) -> Value {
        self.map_or(T::NULL, T::write)
    }

    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Int(None) | Value::Text(None) | Value::Blob(None) => Some(None),
            some => T::read(some).map(Some),
        }
    }
}

impl Column for Millis {
    const NULL: Value = Value::Int(None);

    fn write(self) -> Value {
        self.0.write()
    }

    fn read(value: Value) -> Option<Self> {
        i64::read(value).map(Self)
    }
}

macro_rules! unsigned {
    ($($int:ty),*) => {$(
        impl Column for $int {
            const NULL: Value = Value::Int(None);

            /// Past the end of `i64` there is nothing that this program counts.
            fn write(self) -> Value {
                i64::try_from(self).unwrap_or(i64::MAX).write()
            }

            fn read(value: Value) -> Option<Self> {
                i64::read(value)?.try_into().ok()
            }
        }
    )*};
}
unsigned!(u8, u32, u64);

macro_rules! id {
    ($($id:ty),*) => {$(
        impl Column for $id {
            const NULL: Value = Value::Text(None);

            fn write(self) -> Value {
                self.to_string().write()
            }

            fn read(value: Value) -> Option<Self> {
                String::read(value)?.parse().ok()
            }
        }
    )*};
}
id!(
    TenantId,
    SiteId,
    SessionId,
    ParticipantId,
    RecordingId,
    StaffId,
    CaseId,
    KeyId,
    NodeId
);

macro_rules! bytes32 {
    ($($bytes:ident),*) => {$(
        impl Column for $bytes {
            const NULL: Value = Value::Blob(None);

            fn write(self) -> Value {
                self.0.to_vec().write()
            }

            fn read(value: Value) -> Option<Self> {
                Vec::read(value)?.try_into().ok().map($bytes)
            }
        }
    )*};
}
bytes32!(Hash32, PublicKey);

/// A set of modalities: one bit each, so that a search can ask for one.
impl Column for Vec<Modality> {
    const NULL: Value = Value::Int(None);

    fn write(self) -> Value {
        self.into_iter()
            .fold(0, |set, modality| set | bit(modality))
            .write()
    }

    fn read(value: Value) -> Option<Self> {
        let set = i64::read(value)?;
        let all = [
            Modality::Chat,
            Modality::Audio,
            Modality::Video,
            Modality::Screen,
        ];
        Some(all.into_iter().filter(|m| set & bit(*m) != 0).collect())
    }
}

/// A modality's bit in a set.
pub(crate) fn bit(modality: Modality) -> i64 {
    match modality {
        Modality::Chat => 1,
        Modality::Audio => 2,
        Modality::Video => 4,
        Modality::Screen => 8,
    }
}

/// Keeps an enum as one word each.
macro_rules! words {
    ($name:ty { $($variant:path => $word:literal),* $(,)? }) => {
        impl $crate::value::Column for $name {
            const NULL: $crate::value::Value = $crate::value::Value::Text(None);

            fn write(self) -> $crate::value::Value {
                let word = match self { $($variant => $word),* };
                word.to_owned().write()
            }

            fn read(value: $crate::value::Value) -> Option<Self> {
                match String::read(value)?.as_str() {
                    $($word => Some($variant),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use words;

/// A value that is kept as JSON text.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: serde::Serialize + serde::de::DeserializeOwned> Column for Json<T> {
    const NULL: Value = Value::Text(None);

    fn write(self) -> Value {
        // Only plain structs and lists of text come here, and those always serialize.
        Value::Text(serde_json::to_string(&self.0).ok())
    }

    fn read(value: Value) -> Option<Self> {
        serde_json::from_str(&String::read(value)?).ok().map(Self)
    }
}
