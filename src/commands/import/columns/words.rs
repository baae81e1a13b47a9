//! The words of headers, Turkish and English, folded.

use std::collections::BTreeSet;

use crate::cli::import::Field;

/// What a header may mean; of two columns the lower rank is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) field: Field,
    pub(super) rank: u8,
}

/// The rank of a name that needs no surname beside it.
pub(super) const WHOLE_NAME: u8 = 0;

/// A header has this meaning if each of its words is one of these, at least one is of `one_of`, and, where there are any, one of
/// `and_of`. Words that a rule does not know mean something else: *doğum tarihi*, *kayıt tarihi*, *ev telefonu*, *hasta no*.
struct Rule {
    field: Field,
    rank: u8,
    one_of: &'static [&'static str],
    and_of: &'static [&'static str],
    beside: &'static [&'static str],
}

const VISIT: &[&str] = &[
    "randevu",
    "randevunun",
    "appointment",
    "booking",
    "rezervasyon",
    "visit",
    "muayene",
    "seans",
    "session",
    "baslangic",
    "baslama",
    "start",
    "starts",
    "at",
    "ve",
    "and",
    "planlanan",
];
const PERSON: &[&str] = &[
    "hasta",
    "hastanin",
    "patient",
    "danisan",
    "danisanin",
    "musteri",
    "musterinin",
    "client",
    "customer",
    "s",
];
const GIVEN: &[&str] =
    &["ad", "adi", "isim", "ismi", "name", "names", "first", "given", "ve", "and"];
const FAMILY: &[&str] = &["soyad", "soyadi", "soyisim", "soyismi", "surname", "last", "family"];
const WHOLE: &[&str] = &[
    "adsoyad",
    "adisoyadi",
    "adsoyadi",
    "isimsoyisim",
    "fullname",
    "full",
    "hastaadi",
    "hastaadisoyadi",
    "hastaadsoyad",
    "patientname",
];
const MOBILE: &[&str] = &[
    "gsm",
    "cep",
    "mobil",
    "mobile",
    "cell",
    "cellphone",
    "whatsapp",
    "ceptel",
    "ceptelefonu",
    "ceptelefon",
    "cepno",
    "gsmno",
];
const PHONE: &[&str] =
    &["telefon", "telefonu", "tel", "phone", "telno", "telefonno", "phonenumber"];
const DATE: &[&str] = &["tarih", "tarihi", "date", "gun", "gunu", "day", "randevutarihi"];
const TIME: &[&str] = &["saat", "saati", "time", "hour", "araligi", "randevusaati"];
const WHEN: &[&str] = &["zaman", "zamani", "datetime", "tarihsaat"];
const BEGIN: &[&str] = &["baslangic", "baslama", "start", "starts", "begin", "begins"];
const END: &[&str] = &["bitis", "bitisi", "end", "ends", "sonu"];
const WITH: &[&str] = &[
    "doktor",
    "doktoru",
    "hekim",
    "hekimi",
    "dr",
    "doctor",
    "physician",
    "practitioner",
    "dentist",
    "dishekimi",
    "uzman",
    "uzmani",
    "terapist",
    "terapisti",
    "diyetisyen",
    "fizyoterapist",
    "with",
    "therapist",
];
const APPOINTMENT: &[&str] = &["randevu", "appointment", "booking", "rezervasyon", "reservation"];
const KEY: &[&str] =
    &["no", "nosu", "id", "numara", "numarasi", "kod", "kodu", "code", "number", "key"];
const STATUS: &[&str] = &["durum", "durumu", "status", "state"];
const NONE: &[&str] = &[];

const fn rule(
    field: Field,
    rank: u8,
    one_of: &'static [&'static str],
    and_of: &'static [&'static str],
    beside: &'static [&'static str],
) -> Rule {
    Rule { field, rank, one_of, and_of, beside }
}

const RULES: &[Rule] = &[
    rule(Field::Id, 0, APPOINTMENT, KEY, NONE),
    rule(
        Field::Id,
        0,
        &["randevuno", "randevuid", "appointmentid", "bookingid", "randevukodu"],
        NONE,
        NONE,
    ),
    rule(Field::Id, 1, &["id", "uid", "guid"], NONE, NONE),
    rule(
        Field::Name,
        WHOLE_NAME,
        WHOLE,
        NONE,
        &["hasta", "hastanin", "patient", "danisan", "musteri", "client", "name"],
    ),
    rule(Field::Name, WHOLE_NAME, GIVEN, FAMILY_WITH_GIVEN, PERSON),
    rule(Field::Name, 1, &["ad", "adi", "isim", "ismi", "name", "names"], NONE, PERSON_FIRST),
    rule(Field::Name, 2, PERSON, NONE, NONE),
    rule(Field::Surname, 0, FAMILY, NONE, PERSON_LAST),
    rule(Field::Phone, 0, MOBILE, NONE, PHONE_BESIDE),
    rule(Field::Phone, 1, PHONE, NONE, PHONE_BESIDE),
    rule(Field::Phone, 3, PHONE, &["2"], PHONE_BESIDE),
    rule(Field::Date, 0, DATE, TIME, VISIT),
    rule(Field::Date, 0, DATE, APPOINTMENT, VISIT),
    rule(Field::Date, 1, DATE, NONE, VISIT),
    rule(Field::Date, 1, WHEN, NONE, VISIT),
    rule(Field::Date, 2, BEGIN, NONE, VISIT),
    rule(Field::Time, 0, TIME, APPOINTMENT, VISIT),
    rule(Field::Time, 1, TIME, NONE, VISIT),
    rule(Field::Time, 2, BEGIN, NONE, VISIT),
    rule(
        Field::End,
        0,
        END,
        NONE,
        &[
            "at",
            "saat",
            "saati",
            "time",
            "tarih",
            "tarihi",
            "date",
            "zamani",
            "randevu",
            "appointment",
        ],
    ),
    rule(
        Field::With,
        0,
        WITH,
        NONE,
        &[
            "ad", "adi", "isim", "ismi", "soyad", "soyadi", "name", "full", "sorumlu", "randevu",
            "unvani", "unvan", "ve", "veya",
        ],
    ),
    rule(
        Field::With,
        1,
        &["personel", "provider", "staff", "calisan"],
        NONE,
        &["ad", "adi", "name", "soyadi"],
    ),
    rule(Field::Status, 0, STATUS, APPOINTMENT, NONE),
    rule(Field::Status, 1, STATUS, NONE, NONE),
];

/// `last name` and `family name` are no whole names, `first and last name` is.
const FAMILY_WITH_GIVEN: &[&str] = &["soyad", "soyadi", "soyisim", "soyismi", "surname"];
const PERSON_FIRST: &[&str] = &[
    "hasta",
    "hastanin",
    "patient",
    "danisan",
    "danisanin",
    "musteri",
    "musterinin",
    "client",
    "customer",
    "s",
    "first",
    "given",
];
const PERSON_LAST: &[&str] = &[
    "hasta",
    "hastanin",
    "patient",
    "danisan",
    "danisanin",
    "musteri",
    "musterinin",
    "client",
    "customer",
    "s",
    "name",
];
const PHONE_BESIDE: &[&str] = &[
    "no", "nosu", "numara", "numarasi", "number", "num", "1", "iletisim", "contact", "hasta",
    "hastanin", "patient", "danisan", "musteri", "client", "telefon", "telefonu", "tel", "phone",
    "gsm", "cep", "mobil", "mobile",
];

impl Rule {
    fn fits(&self, words: &[&str]) -> bool {
        let known = |word: &&str| {
            [self.one_of, self.and_of, self.beside].iter().any(|list| list.contains(word))
        };
        words.iter().all(known)
            && words.iter().any(|word| self.one_of.contains(word))
            && (self.and_of.is_empty() || words.iter().any(|word| self.and_of.contains(word)))
    }
}

/// What a folded header may mean; each field once, with its best rank.
pub(super) fn meanings(folded: &str) -> Vec<Meaning> {
    let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    let mut found: Vec<Meaning> = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.fits(&words)) {
        if found.iter().all(|meaning| meaning.field != rule.field) {
            found.push(Meaning { field: rule.field, rank: rule.rank });
        }
    }
    found
}

/// How many fields a row of folded headers names.
pub(in super::super) fn recognised<'a>(folded: impl Iterator<Item = &'a str>) -> usize {
    let fields: BTreeSet<Field> = folded.flat_map(meanings).map(|meaning| meaning.field).collect();
    fields.len()
}
