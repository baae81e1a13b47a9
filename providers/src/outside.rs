//! An answer without a connection, for the fuzz targets (`fuzz/README.md`): what the clients make of any bytes.
//!
//! Nothing of the product calls this, nor the `outside` modules of the providers.

use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

use crate::http::{Answer, Broken, retry_after};

/// What a provider said, byte by byte.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, where there is one that HTTP can carry.
    pub retry_after: Option<&'a [u8]>,
    /// `Date`, likewise.
    pub date: Option<&'a [u8]>,
    /// The body; `None`: it broke off.
    pub body: Option<&'a [u8]>,
}

impl Said<'_> {
    pub(crate) fn answer(&self) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in [(RETRY_AFTER, self.retry_after), (DATE, self.date)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value).ok()) {
                headers.insert(name, value);
            }
        }
        let cut = Broken { may_have_left: true, code: "cut", detail: "the answer broke off" };
        Answer {
            status: self.status,
            retry_after: retry_after(&headers),
            body: self.body.map(<[u8]>::to_vec).ok_or(cut),
        }
    }
}
