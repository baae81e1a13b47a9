//! İYS's error table, as data (facts B4; words and statuses from the official OpenAPI 3.2.0).

use serde_json::{Value, json};

use crate::reply::Reply;

/// Code, HTTP status, words.
const TABLE: &[(&str, u16, &str)] = &[
    ("H001", 404, "Hizmet Sağlayıcı bulunamadı."),
    ("H014", 400, "Gönderilen istek JSON formatına uygun olmalıdır."),
    ("H015", 500, "Beklenmedik bir hata oluştu!"),
    ("H083", 429, "Saniyede kabul edilen istek limitine ulaşıldı."),
    ("H084", 429, "Saatte kabul edilen jeton isteği limitine ulaşıldı."),
    ("H085", 400, "İzin ekleme isteği geçerli olmalıdır."),
    ("H086", 429, "Saatte kabul edilen izin durumu sorgulama limitine ulaşıldı."),
    ("H089", 429, "Saatte kabul edilen izin hareketleri sorgulama limitine ulaşıldı."),
    ("H091", 422, "İzin ekleme sayısı en fazla 1000 olmalıdır."),
    ("H092", 400, "Çoklu izin ekleme isteği geçerli olmalıdır."),
    ("H097", 400, "İzin sorgulama isteği geçerli olmalıdır."),
    ("H100", 500, "Sunucuda beklenmedik bir hata oluştu."),
    ("H101", 500, "Sunucuya esas veri kaydedilemedi."),
    ("H102", 500, "Sunucuda beklenmedik bir hata oluştu."),
    ("H103", 500, "Sunucuda arama yapılamadı."),
    ("H105", 500, "Sunucuda beklenmedik bir hata oluştu."),
    ("H106", 500, "Sunucuda beklenmedik bir hata oluştu."),
    ("H107", 500, "Sunucuda beklenmedik bir hata oluştu."),
    ("H110", 422, "Durum (status) bulunamadı."),
    ("H111", 422, "İzin tipi (type) bulunamadı."),
    ("H112", 422, "İzin tarihi (consentDate) bulunamadı."),
    ("H113", 422, "İzin kaynağı (source) bulunamadı."),
    ("H114", 422, "Alıcı (recipient) bulunamadı."),
    ("H115", 422, "Durum (status) için uygun değerler: ONAY, RET"),
    ("H116", 422, "Alıcı tipi (recipientType) için uygun değerler: BIREYSEL, TACIR"),
    ("H117", 422, "İzin tipi (type) için uygun değerler: ARAMA, MESAJ, EPOSTA"),
    ("H118", 422, "kabul edilemedi. İstek gövdesinde bulunabilecek değerler aşılmıştır."),
    ("H119", 422, "İzin kaynağı (source) kabul edilemedi."),
    ("H120", 422, "Alıcı (recipient) kabul edilemedi. Geçerli bir eposta adresi giriniz."),
    ("H121", 422, "Alıcı (recipient) için E164 formatına uygun bir telefon numarası girilmelidir."),
    ("H123", 400, "Sistem meşgul."),
    (
        "H124",
        429,
        "Saniyede kabul edilen istek limitine ulaşıldı. Lütfen daha sonra tekrar deneyiniz.",
    ),
    ("H125", 422, "Alıcı listesi (recipients) en fazla 1000 olmalıdır."),
    (
        "H155",
        422,
        "1 Mayıs 2015 öncesi olan izinler için tarih sadece 2015-05-01 00:00:00 olabilir.",
    ),
    ("H156", 422, "İzinler için 1 Mayıs 2015’den önceki tarihler kabul edilmemektedir."),
    ("H157", 422, "Geçerli bir tarih girilmelidir."),
    ("H162", 422, "Mevcut tarih ve saatten ileri bir tarih ve saat girilmemelidir."),
    ("H164", 422, "Alıcı listesi (recipients) kabul edilemedi. Liste boş olmamalıdır."),
    ("H166", 422, "Alıcı için telefon numaraları 15 karakterden uzun olmamalıdır."),
    ("H168", 422, "Alıcı listesi (recipients) bulunamadı."),
    ("H170", 422, "Alıcı tipi (recipientType) bulunamadı."),
    ("H174", 400, "İzin durumu (status) güncellemesi için farklı bir durum girilmelidir."),
    ("H175", 400, "İlk defa kaydedilen bir iznin durum (status) bilgisi RET olmamalıdır."),
    ("H178", 400, "Sistemdeki iznin tarihinden önceki tarihli izinlerle güncelleme yapılamaz."),
    ("H179", 500, "Sunucuda beklenmedik bir hata oluştu."),
    ("H182", 422, "limit değeri geçerli olmalıdır."),
    ("H192", 503, "Servis geçici olarak kullanılamıyor."),
    ("H193", 422, "Alıcı (recipient) değeri liste içinde tekrarlanamaz."),
    ("H194", 422, "İzin listede daha önce tanımlandı."),
    ("H251", 401, "Kullanıcı kimlik bilgileri geçersiz."),
    ("H351", 401, "Eksik veya geçersiz jeton!"),
    ("H353", 403, "iysCode, brandCode, kullanıcı izinleriyle eşleştirilemiyor"),
    ("H355", 403, "Yetkilendirme dışı erişim isteği."),
    ("H363", 403, "Yetkilendirme dışı erişim isteği."),
    ("H408", 422, "HS_KARAR kaynağından iletilen izinler için durum bilgisi RET olmalıdır."),
    ("H412", 500, "Beklenmedik bir hata oluştu."),
    ("H462", 400, "TACIR izinleri güncellenirken izin tarihi (consentDate) verilmelidir."),
    ("H463", 400, "TACIR izinleri güncellenirken izin kaynağı (source) verilmelidir."),
    ("H464", 422, "İzin tipi (type) ile alıcı (recipient) formatı uyuşmuyor."),
    ("H467", 422, "Üç iş günü öncesinde alınan izinler kaydedilemez."),
    ("H470", 500, "Beklenmedik bir hata oluştu."),
    ("H476", 500, "Beklenmedik bir hata oluştu."),
    ("H478", 422, "Alıcı listesi (recipients) liste olmalıdır."),
    ("H486", 400, "HS_KARAR kaynağı ilk kayıt olamaz."),
    ("H506", 422, "İzin kaynağı (source) bulunamadı."),
    ("H507", 422, "limit alanı için karakter üst sınırı 1000 olmalıdır."),
    ("H520", 403, "Abonelik durumu uygun değil."),
    ("H521", 403, "Abonelik durumu CLOSED iken api kullanılamamaktadır."),
    ("H524", 403, "Abonelik kaydı bulunamadı."),
    (
        "H525",
        422,
        "Kullanılan izin sayısı maksimum sayıya ulaştığı için yeni izin eklenememektedir.",
    ),
    ("H586", 403, "Aboneliğiniz API kullanımını içermemektedir."),
];

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IysError {
    pub(super) code: &'static str,
    location: Option<Value>,
    index: Option<usize>,
    value: Option<Value>,
}

impl IysError {
    pub(super) const fn new(code: &'static str) -> Self {
        Self { code, location: None, index: None, value: None }
    }

    /// About a field, and its value where it had one.
    pub(super) fn at(code: &'static str, field: &str, value: Option<&Value>) -> Self {
        Self { code, location: Some(json!([field])), index: None, value: value.cloned() }
    }

    /// About an element of a list field.
    pub(super) fn element(code: &'static str, field: &str, index: usize, value: &Value) -> Self {
        Self {
            code,
            location: Some(json!([field, index])),
            index: None,
            value: Some(value.clone()),
        }
    }

    /// About an item of a list that is the body.
    pub(super) fn index(mut self, index: usize) -> Self {
        self.index = Some(index);
        self
    }

    /// Code and words.
    pub(super) fn short_json(&self) -> Value {
        json!({ "code": self.code, "message": look_up(self.code).1 })
    }

    fn to_json(&self) -> Value {
        let mut error = self.short_json();
        if let Some(location) = &self.location {
            error["location"] = location.clone();
        }
        if let Some(index) = self.index {
            error["index"] = json!(index);
        }
        if let Some(value) = &self.value {
            error["value"] = value.clone();
        }
        error
    }
}

fn look_up(code: &str) -> (u16, &'static str) {
    TABLE
        .iter()
        .find(|(known, ..)| *known == code)
        .map_or((400, "Hatalı istek."), |(_, status, words)| (*status, *words))
}

/// `{"errors":[…]}` with the status of the first.
pub(super) fn refuse(errors: &[IysError]) -> Reply {
    let code = errors.first().map_or("H470", |error| error.code);
    let list: Vec<Value> = errors.iter().map(IysError::to_json).collect();
    Reply::json(look_up(code).0, code, &json!({ "errors": list }))
}

/// The answer that a fault of kind `code` gives: an H code, or an OAuth error word.
pub(crate) fn refuse_by_fault(code: &str) -> Reply {
    if code.starts_with('H') {
        let (status, words) = look_up(code);
        let body = json!({ "errors": [{ "code": code, "message": words }] });
        return Reply::json(status, code.to_owned(), &body);
    }
    let body = json!({ "error": code, "error_description": "Simülatör hatası." });
    Reply::json(400, code.to_owned(), &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_no_code_twice() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn classes_of_the_fact_sheet_keep_their_status() {
        for code in [
            "H015", "H100", "H101", "H102", "H103", "H105", "H106", "H107", "H179", "H412", "H470",
            "H476",
        ] {
            assert_eq!(look_up(code).0, 500, "{code}");
        }
        for code in ["H083", "H084", "H086", "H089", "H124"] {
            assert_eq!(look_up(code).0, 429, "{code}");
        }
        assert_eq!((look_up("H192").0, look_up("H123").0, look_up("H174").0), (503, 400, 400));
    }
}
