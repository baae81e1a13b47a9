//! The rows of a grouped statement, column by column: PostgreSQL takes an array for each, SQLite one text of JSON.
//!
//! PostgreSQL unpacks arrays in less than half the time that it takes for `json_to_recordset` (`docs/performance.md`), and nothing is
//! escaped on the way.

use super::statement::Value;
use crate::error::LedgerError;
use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};
use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    None,
    Int(i64),
    Text(String),
}

/// Rows with named columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    rows: usize,
    columns: Vec<(Cow<'static, str>, Vec<Cell>)>,
}

/// Takes rows apart. They have the same fields in the same order: texts, numbers, and either of them or nothing.
///
/// # Errors
/// When a field is of another kind.
pub(crate) fn columns<T: Serialize>(rows: &[T]) -> Result<Arc<Rows>, LedgerError> {
    let mut all = Rows::default();
    for row in rows {
        row.serialize(RowOf { all: &mut all, field: 0, key: None })
            .map_err(|Wrong(why)| LedgerError::Corrupt(format!("rows of a statement: {why}")))?;
        all.rows += 1;
    }
    Ok(Arc::new(all))
}

/// A column of a statement, `name type`.
fn declared(column: &str) -> (&str, bool) {
    let mut words = column.split_whitespace();
    (words.next().unwrap_or_default(), words.next() == Some("bigint"))
}

impl Rows {
    /// An array for each column that a statement names; a column that the rows have not is NULL.
    pub fn arrays(mut self, columns: &str) -> Vec<Value> {
        let array = |column: &str| {
            let (name, is_int) = declared(column);
            let place = self.columns.iter().position(|(column, _)| *column == name);
            let mut cells = place.map_or_else(Vec::new, |at| self.columns.swap_remove(at).1);
            cells.resize(self.rows, Cell::None);
            if is_int {
                let int = |cell| if let Cell::Int(n) = cell { Some(n) } else { None };
                Value::Ints(cells.into_iter().map(int).collect())
            } else {
                let text = |cell| match cell {
                    Cell::Text(text) => Some(text),
                    Cell::Int(n) => Some(n.to_string()),
                    Cell::None => None,
                };
                Value::Texts(cells.into_iter().map(text).collect())
            }
        };
        columns.split(',').map(array).collect()
    }

    /// Whether a text has a NUL in it, which PostgreSQL refuses and SQLite would cut.
    pub fn hold_nul(&self) -> bool {
        let cells = self.columns.iter().flat_map(|(_, cells)| cells);
        cells.into_iter().any(|cell| matches!(cell, Cell::Text(text) if text.contains('\0')))
    }

    /// The same as JSON: a list of objects.
    pub fn json(&self) -> String {
        let object = |at: usize| {
            let fields = self.columns.iter().map(|(name, cells)| {
                let value = match cells.get(at) {
                    Some(Cell::Int(n)) => (*n).into(),
                    Some(Cell::Text(text)) => text.as_str().into(),
                    Some(Cell::None) | None => serde_json::Value::Null,
                };
                (name.clone().into_owned(), value)
            });
            serde_json::Value::Object(fields.collect())
        };
        serde_json::Value::Array((0..self.rows).map(object).collect()).to_string()
    }
}

/// Writes one row.
struct RowOf<'a> {
    all: &'a mut Rows,
    /// Which field comes next.
    field: usize,
    /// Its name, of a row that is a map.
    key: Option<String>,
}

impl RowOf<'_> {
    fn put<T: Serialize + ?Sized>(
        &mut self,
        name: Cow<'static, str>,
        value: &T,
    ) -> Result<(), Wrong> {
        let cell = value.serialize(CellOf)?;
        if self.all.rows == 0 {
            self.all.columns.push((name, vec![cell]));
        } else {
            let column = self.all.columns.get_mut(self.field).filter(|(column, _)| *column == name);
            let (_, cells) =
                column.ok_or_else(|| Wrong(format!("{name} is not in all of them")))?;
            cells.push(cell);
        }
        self.field += 1;
        Ok(())
    }
}

/// Why rows cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(String);

impl ser::Error for Wrong {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl SerializeStruct for RowOf<'_> {
    type Ok = ();
    type Error = Wrong;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Wrong> {
        self.put(Cow::Borrowed(name), value)
    }

    fn end(self) -> Result<(), Wrong> {
        Ok(())
    }
}

impl SerializeMap for RowOf<'_> {
    type Ok = ();
    type Error = Wrong;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Wrong> {
        let Cell::Text(key) = key.serialize(CellOf)? else { return Err(unfit()) };
        self.key = Some(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Wrong> {
        let key = self.key.take().ok_or_else(unfit)?;
        self.put(Cow::Owned(key), value)
    }

    fn end(self) -> Result<(), Wrong> {
        Ok(())
    }
}

fn unfit() -> Wrong {
    Wrong("a field is neither text nor number".to_owned())
}

/// What no row or value is.
macro_rules! refused {
    ($($name:ident($($type:ty),*);)*) => {
        $(fn $name(self, $(_: $type),*) -> Result<Self::Ok, Wrong> { Err(unfit()) })*
    };
}

/// What neither of them is.
macro_rules! not_composed {
    () => {
        fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Wrong> {
            Err(unfit())
        }

        fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Wrong> {
            Err(unfit())
        }

        fn serialize_tuple_struct(
            self,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleStruct, Wrong> {
            Err(unfit())
        }

        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleVariant, Wrong> {
            Err(unfit())
        }

        fn serialize_struct_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeStructVariant, Wrong> {
            Err(unfit())
        }
    };
}

impl<'a> Serializer for RowOf<'a> {
    type Ok = ();
    type Error = Wrong;
    type SerializeSeq = Impossible<(), Wrong>;
    type SerializeTuple = Impossible<(), Wrong>;
    type SerializeTupleStruct = Impossible<(), Wrong>;
    type SerializeTupleVariant = Impossible<(), Wrong>;
    type SerializeMap = RowOf<'a>;
    type SerializeStruct = RowOf<'a>;
    type SerializeStructVariant = Impossible<(), Wrong>;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Wrong> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Wrong> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Wrong> {
        Err(unfit())
    }

    refused! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_f32(f32);
        serialize_f64(f64); serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]); serialize_none();
        serialize_unit(); serialize_unit_struct(&'static str); serialize_unit_variant(&'static str, u32, &'static str);
    }

    not_composed!();
}

/// Writes one value.
struct CellOf;

impl CellOf {
    fn int(n: impl TryInto<i64>) -> Result<Cell, Wrong> {
        n.try_into().map(Cell::Int).map_err(|_| Wrong("a number is too large".to_owned()))
    }
}

impl Serializer for CellOf {
    type Ok = Cell;
    type Error = Wrong;
    type SerializeSeq = Impossible<Cell, Wrong>;
    type SerializeTuple = Impossible<Cell, Wrong>;
    type SerializeTupleStruct = Impossible<Cell, Wrong>;
    type SerializeTupleVariant = Impossible<Cell, Wrong>;
    type SerializeMap = Impossible<Cell, Wrong>;
    type SerializeStruct = Impossible<Cell, Wrong>;
    type SerializeStructVariant = Impossible<Cell, Wrong>;

    fn serialize_i8(self, n: i8) -> Result<Cell, Wrong> {
        Self::int(n)
    }

    fn serialize_i16(self, n: i16) -> Result<Cell, Wrong> {
        Self::int(n)
    }

    fn serialize_i32(self, n: i32) -> Result<Cell, Wrong> {
        Self::int(n)
    }

    fn serialize_i64(self, n: i64) -> Result<Cell, Wrong> {
        Self::int(n)
    }

    fn serialize_u8(self, n: u8) -> Result<Cell, Wrong> {
        Self::int(n)
    }

    fn serialize_u16(self, n: u16) -> Result<Cell, Wrong> {
        Self::int(n)
    }

    fn serialize_u32(self, n: u32) -> Result<Cell, Wrong> {
        Self::int(n)
    }

    fn serialize_u64(self, n: u64) -> Result<Cell, Wrong> {
        Self::int(n)
    }

    fn serialize_str(self, text: &str) -> Result<Cell, Wrong> {
        Ok(Cell::Text(text.to_owned()))
    }

    fn serialize_none(self) -> Result<Cell, Wrong> {
        Ok(Cell::None)
    }

    fn serialize_unit(self) -> Result<Cell, Wrong> {
        Ok(Cell::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Cell, Wrong> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<Cell, Wrong> {
        Ok(Cell::Text(name.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Cell, Wrong> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Cell, Wrong> {
        Err(unfit())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Wrong> {
        Err(unfit())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Wrong> {
        Err(unfit())
    }

    refused! {
        serialize_bool(bool); serialize_f32(f32); serialize_f64(f64); serialize_char(char); serialize_bytes(&[u8]);
        serialize_unit_struct(&'static str);
    }

    not_composed!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde_json::json;

    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Gap,
    }

    #[derive(Serialize)]
    struct Full<'a> {
        key: &'a str,
        kind: Kind,
        n: u32,
        until: Option<i64>,
        #[serde(rename = "type")]
        why: Option<&'a str>,
    }

    fn full(key: &str, until: Option<i64>) -> Full<'_> {
        Full { key, kind: Kind::Gap, n: 7, until, why: until.map(|_| "\u{131}\"\\") }
    }

    #[test]
    fn columns_are_told_apart_by_name_and_type_in_the_order_of_the_statement() {
        let rows = columns(&[full("a", None), full("b", Some(-2))]).unwrap();
        let arrays = Rows::clone(&rows)
            .arrays("until bigint, key text, type text, kind text, absent bigint");
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            arrays,
            [
                Value::Ints(vec![None, Some(-2)]),
                Value::Texts(vec![text("a"), text("b")]),
                Value::Texts(vec![None, text("\u{131}\"\\")]),
                Value::Texts(vec![text("gap"), text("gap")]),
                Value::Ints(vec![None, None]),
            ]
        );
        let same: serde_json::Value = serde_json::from_str(&rows.json()).unwrap();
        assert_eq!(same, json!([full("a", None), full("b", Some(-2))]));
    }

    #[test]
    fn no_rows_are_empty_columns() {
        let rows = columns::<Full<'_>>(&[]).unwrap();
        assert_eq!(rows.json(), "[]");
        let arrays = Arc::unwrap_or_clone(rows).arrays("key text, n bigint");
        assert_eq!(arrays, [Value::Texts(vec![]), Value::Ints(vec![])]);
    }

    #[test]
    fn what_has_no_columns_is_refused() {
        assert!(columns(&["a"]).is_err());
        assert!(columns(&[json!({"a": [1]})]).is_err());
        assert!(columns(&[json!({"a": true})]).is_err());
        assert!(columns(&[json!({"a": 1}), json!({"b": 1})]).is_err(), "other names");
        assert!(columns(&[json!({"a": "x", "b": null})]).is_ok());
    }
}
