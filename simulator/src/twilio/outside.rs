//! Doors for the fuzz targets (`fuzz/README.md`).

/// Whether an address is taken as `StatusCallback`.
pub fn is_callback(address: &str) -> bool {
    super::callback::target(address).is_some()
}

/// The signature of a callback.
pub fn signature(auth_token: &str, url: &str, params: &[(&str, &str)]) -> Option<String> {
    super::signature::sign(auth_token, url, params)
}
