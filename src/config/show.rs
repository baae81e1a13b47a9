//! How a value with its origin is printed.

use std::fmt;

use super::reader::Shown;

/// `key = value  # origin`: one line that could stand in the file.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_null() {
            return write!(f, "#{} is not set", self.key);
        }
        // A JSON literal without objects and null is a TOML literal.
        write!(f, "{} = {}  # {}", self.key, self.value, self.origin)
    }
}

impl Shown {
    /// One JSON object: `key`, `value` (null: not set), `origin`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "key": self.key, "value": self.value, "origin": self.origin.to_string() })
    }
}
