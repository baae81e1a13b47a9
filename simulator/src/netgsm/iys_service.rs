//! İYS through Netgsm: `/iys/add` and `/iys/search` (facts A7). Success is `"0"` here, not `"00"`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::iys::{self, Channel, ConsentKey, ConsentUpload};
use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;
use crate::script::Consent;
use crate::world::{Prepared, World};

/// Most records of an upload (facts A7, second-hand).
const MOST_RECORDS: usize = 500;

#[derive(Deserialize)]
struct Envelope {
    header: Header,
    body: Body,
}

#[derive(Deserialize)]
struct Header {
    username: String,
    password: String,
    #[serde(rename = "brandCode")]
    brand_code: Value,
}

#[derive(Deserialize)]
struct Body {
    data: Vec<Value>,
}

/// Netgsm's refusal: a number for a code, and words.
pub(super) fn refuse(code: &str, words: &str) -> Reply {
    let number = code.parse::<u64>().map_or_else(|_| json!(code), |number| json!(number));
    Reply::json(200, code.to_owned(), &json!({ "code": number, "error": words }))
}

/// Brand and records of a request whose credentials and brand are right.
fn open(prepared: &Prepared, request: &Request) -> Result<(String, Vec<Value>), Reply> {
    let envelope: Envelope =
        serde_json::from_slice(&request.body).map_err(|_| refuse("70", "Hatalı JSON formatı."))?;
    let header = envelope.header;
    let brand = match header.brand_code {
        Value::String(text) => text,
        other => other.to_string(),
    };
    match prepared.account(&header.username, &header.password) {
        None => Err(refuse("30", "Kullanıcı adı ya da şifre hatalı.")),
        Some(account) if account.brand_code.as_ref() != Some(&brand) => {
            Err(refuse("51", "Marka kodu bulunamadı."))
        }
        Some(_) if envelope.body.data.is_empty() || envelope.body.data.len() > MOST_RECORDS => {
            Err(refuse("70", "Hatalı JSON formatı."))
        }
        Some(_) => Ok((brand, envelope.body.data)),
    }
}

/// `POST /iys/add`: the answer is only a receipt; what becomes of a record shows in a search.
pub(super) fn add(world: &World, prepared: &Prepared, request: &Request) -> Reply {
    let (brand, data) = match open(prepared, request) {
        Ok(opened) => opened,
        Err(refusal) => return refusal,
    };
    let mut uploads = Vec::new();
    let mut wrong = Vec::new();
    for mut item in data {
        // Netgsm's own fields, which İYS would refuse as unknown.
        if let Some(fields) = item.as_object_mut() {
            for own in ["refid", "appkey", "retailerCode", "retailerAccess"] {
                fields.remove(own);
            }
        }
        match ConsentUpload::read(&item, request.now_ms) {
            Ok(upload) => uploads.push(upload),
            Err(_) => wrong.push(json!({ "recipient": item.get("recipient") })),
        }
    }
    if !wrong.is_empty() {
        let body = json!({ "code": 70, "error": "Hatalı JSON formatı.", "erroritem": wrong });
        return Reply::json(200, "70", &body);
    }
    let mut state = locked(&world.iys);
    for upload in uploads {
        // A business rule that refuses (H174, H175 …) is told by webhook only.
        let _ = state.store(&brand, upload, request.now_ms);
    }
    let uid = state.new_uuid();
    Reply::json(200, "0", &json!({ "code": "0", "error": "false", "uid": uid }))
}

/// `POST /iys/search`.
pub(super) fn search(world: &World, prepared: &Prepared, request: &Request) -> Reply {
    let (brand, data) = match open(prepared, request) {
        Ok(opened) => opened,
        Err(refusal) => return refusal,
    };
    let field = |name: &str| data.first().and_then(|item| item.get(name)?.as_str());
    let (Some(recipient), Some(channel)) =
        (field("recipient"), field("type").and_then(Channel::parse))
    else {
        return refuse("70", "Hatalı JSON formatı.");
    };
    let tacir = match field("recipientType") {
        None | Some("BIREYSEL") => false,
        Some("TACIR") => true,
        Some(_) => return refuse("70", "Hatalı JSON formatı."),
    };
    let key = ConsentKey { brand, tacir, channel, recipient: iys::normal(recipient) };
    match locked(&world.iys).find(&key) {
        Some(record) if record.status != Consent::None => {
            let mut query = record.to_json(&key);
            query["retailerAccessCount"] = json!(0);
            Reply::json(200, "0", &json!({ "code": "0", "error": "false", "query": query }))
        }
        _ => refuse("50", "Kayıt Bulunamadı."),
    }
}
