//! Style, script and icon: the same for everyone, kept by browsers until they change.

use axum::{
    body::Body,
    http::{
        HeaderValue, Response,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
};
use sha2::{Digest, Sha256};

/// Something that pages load.
#[derive(Clone, Copy)]
pub(super) struct Asset {
    /// Where it is.
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

pub(super) const STYLE: Asset = Asset {
    path: "/assets/style.css",
    kind: "text/css; charset=utf-8",
    text: include_str!("style.css"),
};
pub(super) const SCRIPT: Asset = Asset {
    path: "/assets/script.js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("script.js"),
};
pub(super) const ICON: Asset =
    Asset { path: "/assets/icon.svg", kind: "image/svg+xml", text: include_str!("icon.svg") };

impl Asset {
    /// Its address, which changes with it.
    pub(super) fn address(&self) -> String {
        let hash = hex::encode(Sha256::digest(self.text));
        format!("{}?{}", self.path, &hash[..12])
    }

    /// It, to be kept: another one would be at another address.
    pub(super) fn answer(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.text));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
        headers.insert(CACHE_CONTROL, keep);
        response
    }
}
