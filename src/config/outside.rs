//! Every parser of one value of the configuration, for the fuzz targets (`fuzz/README.md`). Nothing of the product calls this.

use std::time::Duration;

use figment::value::Value;

use super::values;

/// What the parsers say is allowed, where they refuse a text.
pub fn refused(text: &str) -> Vec<String> {
    let value = Value::from(text);
    let said = [
        values::text(60)(&value).err(),
        values::words(8, 200)(&value).err(),
        values::secret(&value).err(),
        values::path_token(&value).err(),
        values::whole(1..=100_000)(&value).err(),
        values::limit(1_000)(&value).err(),
        values::flag(&value).err(),
        values::word(&[("json", 1), ("text", 2)])(&value).err(),
        values::reminders(&value).err(),
        values::list_of(5, values::duration("1s", "7d"))(&value).err(),
        values::list_of(5, values::text(20))(&value).err(),
        values::duration("0s", "60d")(&value).err(),
        values::quiet_hours(&value).err(),
        values::zone(&value).err(),
        values::listen(&value).err(),
        values::base_url(&value).err(),
        values::sender(&value).err(),
        values::code(&value).err(),
    ];
    said.into_iter().flatten().collect()
}

/// A duration, read.
pub fn duration(text: &str) -> Option<Duration> {
    values::parse_duration(text)
}
