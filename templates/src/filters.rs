//! What texts may say to a value beyond what the engine has: Turkish suffixes, ordinals, casing.
//!
//! An error here never carries the value: it may be a person's name.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the engine hands the words of a call over by value"
)]

use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use crate::turkish::{
    Case, Kind, ordinal, takes_suffix, tr_lower, tr_title, tr_upper, with_suffix,
};

/// An engine without texts that knows our filters and tests.
pub(crate) fn engine() -> Tera {
    let mut tera = Tera::new();
    tera.register_filter("ek", ek);
    tera.register_filter("sira", sira);
    tera.register_filter("tr_upper", |text: &str, _: Kwargs, _: &State<'_>| tr_upper(text));
    tera.register_filter("tr_lower", |text: &str, _: Kwargs, _: &State<'_>| tr_lower(text));
    tera.register_filter("tr_title", |text: &str, _: Kwargs, _: &State<'_>| tr_title(text));
    tera.register_test("ek_alir", ek_alir);
    tera
}

/// `{{ appointment_starts_at_time | ek(hal="de") }}` → `14:30'da`.
fn ek(value: &str, words: Kwargs, _: &State<'_>) -> TeraResult<String> {
    let case: &str = words.must_get("hal")?;
    let case = Case::parse(case)
        .ok_or_else(|| Error::message("ek: hal is one of in, e, i, de, den, deki, le, li, lik"))?;
    let kind = kind(&words)?;
    with_suffix(value, case, kind).map_err(|reason| {
        Error::message(format!(
            "ek: the value takes no suffix ({reason}): offer a wording without one, \
             {{% if name_takes_suffix %}} or {{% if name is ek_alir %}}"
        ))
    })
}

/// `{{ visit_number | sira }}` → `3'üncü`.
fn sira(value: &str, _: Kwargs, _: &State<'_>) -> TeraResult<String> {
    ordinal(value).map_err(|reason| Error::message(format!("sira: {reason}")))
}

/// `{% if appointment_with is ek_alir %}`: false too for what is absent.
fn ek_alir(value: &Value, words: Kwargs, _: &State<'_>) -> TeraResult<bool> {
    let kind = kind(&words)?;
    Ok(value.as_str().is_some_and(|value| takes_suffix(value, kind)))
}

fn kind(words: &Kwargs) -> TeraResult<Option<Kind>> {
    let Some(text) = words.get::<&str>("tur")? else { return Ok(None) };
    Kind::parse(text).map(Some).ok_or_else(|| {
        Error::message(
            "ek: tur is one of ad, söz, kurum, saat, sayı, yıl, tarih, sıra, tutar, kısaltma",
        )
    })
}
