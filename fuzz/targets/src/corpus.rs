//! What inputs are made from: the examples of the schemas, answers as the fact sheets have them, files as clinics have them.

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder and its folders with such an ending, in the order of their names.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    collect(&root().join(folder), ending, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no *{ending} in {folder}");
    paths.iter().map(|path| std::fs::read(path).expect("a file that can be read")).collect()
}

fn collect(folder: &Path, ending: &str, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, ending, paths);
        } else if name.ends_with(ending) && !name.ends_with(".expect.json") {
            paths.push(path);
        }
    }
}

/// Puts a head of zeros before each.
pub(crate) fn headed(head: usize, bodies: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    bodies.into_iter().map(|body| [vec![0; head], body].concat()).collect()
}

/// Texts as inputs.
pub(crate) fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// The schemas' examples, good and bad, of types that begin so; each a second time with the planted name and number.
pub(crate) fn events(prefix: &str) -> Vec<Vec<u8>> {
    let wanted = format!("\"{prefix}");
    let all = files("schemas/examples", ".json");
    let all = all.into_iter().filter(|body| String::from_utf8_lossy(body).contains(&wanted));
    all.flat_map(|body| {
        let planted = String::from_utf8(body.clone()).ok().map(|text| {
            let text = text.replace("Ayşe Yılmaz", "Gizlikişi Gizlisoyad");
            text.replace("+905321234567", "+905398887766").into_bytes()
        });
        std::iter::once(body).chain(planted)
    })
    .collect()
}

/// Those that are taken as events.
pub(crate) fn taken(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let registry = crate::targets::registry();
    let is_taken = |body: &&Vec<u8>| {
        registry.read(body, None, &|_| true).is_ok()
            || registry.read_fact(body, None, &|_| true).is_ok()
    };
    events.iter().filter(is_taken).cloned().collect()
}

/// As many good examples as bad ones: most of a schema's examples show what it refuses.
fn evened(all: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let good = taken(&all);
    let missing = all.len().saturating_sub(2 * good.len());
    let more: Vec<Vec<u8>> = good.iter().cycle().take(missing).cloned().collect();
    [all, more].concat()
}

/// Examples of notifications.
pub(crate) fn notifications() -> Vec<Vec<u8>> {
    let mut all = evened(events("ulak."));
    all.push(br#"{"specversion":"1.0","id":"1","source":"/clinics/atasehir","type":"ulak.payment-receipt.v1","dataref":"ulak:ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa","ulakrelease":3}"#.to_vec());
    all
}

/// Examples of facts.
pub(crate) fn facts() -> Vec<Vec<u8>> {
    evened(events("clinic."))
}

/// Answers of Netgsm (`facts/netgsm_iys.md` A1–A7).
pub(crate) fn netgsm() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"code":"00","jobid":"17377215342605050417149344","description":"queued"}"#,
        r#"{"code":"30","jobid":null,"description":"Geçersiz kullanıcı adı, şifre veya kullanıcınızın API erişim izninin olmadığını gösterir."}"#,
        r#"{"code":"70","description":"hata: +905398887766 Gizlikişi Gizlisoyad randevunuz"}"#,
        r#"{"code":"40"}"#,
        r#"{"code":"50"}"#,
        r#"{"code":"80"}"#,
        r#"{"code":"85"}"#,
        r#"{"code":"20"}"#,
        r#"{"code":"100"}"#,
        "00 17377215342605050417149344",
        "00",
        "30",
        "\"30\"",
        "100",
        "<html>502</html>",
        "",
        r#"{"jobs":[{"jobid":"17377215342605050417149344","number":"5398887766","status":1,"operator":10,"msglen":1,"deliveredDate":"17.11.2026 14:07:05","errorCode":0,"referansID":"ntf_abc-1"},{"jobid":"5","telno":"905321234567","status":"3","msglen":"2","deliveredDate":"2026-11-17 14:07:05"}],"code":"00"}"#,
        r#"{"code":"00","jobs":{"jobid":"1","number":"05321234567","status":0}}"#,
        r#"{"code":"60"}"#,
        r#"{"balance":"12,5"}"#,
        r#"{"code":"00","balance":"1250.75"}"#,
        r#"{"balance":[{"amount":1000,"balance_name":"Adet SMS"},{"amount":"3","balance_name":"OTP"}]}"#,
        r#"{"code":"00","msgheaders":["KLINIK","DENTIST 1"]}"#,
        r#"{"code":"00","error":"false","query":{"consentDate":"2026-01-02 10:11:12","source":"HS_WEB","recipient":"+905398887766","recipientType":"BIREYSEL","type":"MESAJ","status":"ONAY","transactionId":"4aab10e72a4f4c7f8b6d"}}"#,
        r#"{"code":"00","query":[{"recipient":"+905398887766","type":"MESAJ","status":"RET"}]}"#,
        r#"{"code":"50","erroritem":[{"recipient":"+905398887766"}]}"#,
    ])
}

/// Answers of İYS (`facts/netgsm_iys.md` B1–B3).
pub(crate) fn iys() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"access_token":"eyJhbGciOiJIUzI1NiJ9.e30.abc","refresh_token":"eyJhbGciOiJIUzI1NiJ9.e31.def","token_type":"bearer","expires_in":7200,"refresh_expires_in":14400}"#,
        r#"{"error":"invalid_grant","error_description":"Invalid user credentials"}"#,
        r#"{"requestId":"b1946ac92492d2347c6235b4d2611184","list":["+905398887766","05321234567",5321234568]}"#,
        r#"{"requestId":"x","list":[]}"#,
        r#"{"consentDate":"2026-01-02 10:11:12","source":"HS_WEB","recipient":"+905398887766","recipientType":"BIREYSEL","type":"MESAJ","status":"ONAY","transactionId":"4aab10e72a4f4c7f8b6d"}"#,
        r#"{"status":"RET","source":"HS_MESAJ"}"#,
        r#"{"list":[{"brandCode":600000,"name":"Klinik A","master":true},{"brandCode":"600001","brandName":"B"}]}"#,
        r#"[{"brandCode":600000}]"#,
        r#"{"errors":[{"index":0,"location":["body",0],"value":"x","code":"H103","message":"recipient +905398887766 geçersiz Gizlikişi"},{"index":"2","code":"H084","message":"Çok fazla istek"}]}"#,
        r#"{"errors":[{"code":"H087"}]}"#,
        r#"{"errors":[{"code":"H999","message":"m"}]}"#,
        r#"{"errors":{"code":"H175"}}"#,
    ])
}

/// Answers of Twilio (`facts/twilio_turkeysms_smsala.md` A1, A2).
pub(crate) fn twilio() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"account_sid":"ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","api_version":"2010-04-01","body":"Sayin Gizlisoyad, randevunuz","date_created":"Tue, 17 Nov 2026 10:00:00 +0000","date_sent":null,"direction":"outbound-api","error_code":null,"error_message":null,"from":"KLINIK","num_segments":"1","price":null,"sid":"SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","status":"queued","to":"+905398887766","uri":"/2010-04-01/Accounts/AC/Messages/SM.json"}"#,
        r#"{"sid":"SMbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","status":"failed","error_code":30003,"error_message":"to +905398887766 unreachable Gizlisoyad","body":"x","to":"+905398887766","date_created":"Tue, 17 Nov 2026 10:00:00 +0000","date_sent":"Tue, 17 Nov 2026 10:00:02 +0000","num_segments":2}"#,
        r#"{"code":21211,"message":"The 'To' number +905398887766 is not a valid phone number.","more_info":"https://www.twilio.com/docs/errors/21211","status":400}"#,
        r#"{"code":20003,"message":"Authenticate","status":401}"#,
        r#"{"code":20429,"message":"Too Many Requests","status":429}"#,
        r#"{"code":20404,"message":"not found","status":404}"#,
        r#"{"code":21610,"message":"unsubscribed"}"#,
        r#"{"code":99999,"message":"539 888 77 66"}"#,
        r#"{"messages":[{"sid":"SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","status":"delivered","body":"b","to":"+905398887766","from":"KLINIK","date_created":"Tue, 17 Nov 2026 10:00:00 +0000","num_segments":"1"}],"next_page_uri":"/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Messages.json?To=%2B905398887766&PageSize=50&Page=1&PageToken=PASM1","page":0,"page_size":50}"#,
        r#"{"messages":[],"next_page_uri":null}"#,
        r#"{"balance":"12.50","currency":"USD","account_sid":"AC"}"#,
        r#"{"status":"active","type":"Trial"}"#,
        r#"{"status":"suspended"}"#,
    ])
}

/// Configuration files: the manual, the one of a first start, the demo's, and one with planted secrets.
pub(crate) fn configurations() -> Vec<Vec<u8>> {
    let mut all = files("src/config", ".toml");
    all.extend(files("src/first_start", ".toml"));
    all.extend(files("demo", ".toml"));
    all.extend(texts(&["[database]\nurl = \"postgres://ulak:hunter2-Gizli@127.0.0.1/ulak\"\nmaster_key = \"hunter2-Gizli\"\n\n[broker]\nurl = \"amqp://u:hunter2-Gizli@127.0.0.1/%2f\"\n\n[providers.netgsm]\nusername = \"8501234567\"\npassword = \"hunter2-Gizli\"\niys_brand_code = \"600000\"\n\n[providers.iys]\nusername = \"a\"\npassword = \"hunter2-Gizli\"\niys_code = 1\nbrand_code = 2\n\n[clinics.atasehir]\nname = \"Ataşehir\"\nzone = \"Europe/Istanbul\"\nquiet_hours = \"20:00-09:00\"\nreminders = [\"24h\", \"2h\"]\nsender = \"KLINIK\"\nphone = \"0216 000 00 00\"\n"]));
    all
}

/// A list of appointments as text, in the encodings that Turkish Excel writes.
pub(crate) fn csv() -> Vec<Vec<u8>> {
    const LIST: &str = "Ad Soyad;Telefon;Tarih;Saat;Doktor;Durum;Randevu No\r\nGizlikişi Gizlisoyad;0539 888 77 66;22.11.2026;14:30;Dr. Çağrı Şahin;;A-1\r\n\"Yılmaz, Ayşe\";5321234567;23/11/2026;9.00;Uzm. Dt. Öz;iptal;A-2\r\nAli;112;yarın;25:00;;;\r\n";
    let utf16 = |le: bool| -> Vec<u8> {
        let mark = [0xfeff_u16];
        let units = mark.into_iter().chain(LIST.encode_utf16());
        units.flat_map(|unit| if le { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let windows: Vec<u8> = LIST
        .chars()
        .map(|letter| match letter {
            'ş' => 0xfe,
            'Ş' => 0xde,
            'ı' => 0xfd,
            'İ' => 0xdd,
            'ğ' => 0xf0,
            other => u8::try_from(u32::from(other)).unwrap_or(b'?'),
        })
        .collect();
    let commas = LIST.replace(';', ",");
    let tabs = format!("sep=\t\n{}", LIST.replace(';', "\t"));
    let marked = format!("\u{feff}{LIST}");
    let english =
        "Name,Phone,Date,Time\nAyşe Yılmaz,+905321234567,2026-11-22,14:30\n\"open,0532\nx,y\n";
    let mut all = texts(&[LIST, &commas, &tabs, &marked, english, "a;b\n1;2\n", ""]);
    all.extend([utf16(true), utf16(false), windows]);
    all
}

/// Workbooks as Excel writes them.
pub(crate) fn workbooks() -> Vec<Vec<u8>> {
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
    let mut all = Vec::new();
    for shared in [false, true] {
        let mut book = Workbook::new();
        // the same bytes each time: the moment it was made is in it
        let made = ExcelDateTime::from_ymd(2026, 11, 22).expect("a date");
        book.set_properties(&rust_xlsxwriter::DocProperties::new().set_creation_datetime(&made));
        let sheet = book.add_worksheet();
        let day = Format::new().set_num_format("dd.mm.yyyy hh:mm");
        for (column, title) in ["Ad Soyad", "Telefon", "Tarih", "Doktor"].into_iter().enumerate() {
            sheet.write(0, column as u16, title).expect("a cell");
        }
        for row in 1..4 {
            sheet.write(row, 0, "Gizlikişi Gizlisoyad").expect("a cell");
            if shared {
                sheet.write(row, 1, 5_398_887_766.0).expect("a cell");
                let at = ExcelDateTime::from_ymd(2026, 11, 22).expect("a date");
                sheet.write_with_format(row, 2, &at, &day).expect("a cell");
            } else {
                sheet.write(row, 1, "0539 888 77 66").expect("a cell");
                sheet.write(row, 2, "22.11.2026 14:30").expect("a cell");
                sheet.write_formula(row, 3, "=1/0").expect("a cell");
            }
        }
        all.push(book.save_to_buffer().expect("a workbook"));
    }
    all
}

/// The sheet of a workbook and what belongs to it, as parts divided by a line of their own.
pub(crate) fn workbook_parts() -> Vec<Vec<u8>> {
    workbooks().iter().map(|book| crate::targets::import::parts_of(book)).collect()
}
