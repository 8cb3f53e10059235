//! Redirects: shown or followed, never obeyed.

use ureq::http::uri::{Scheme, Uri};
use ureq::http::{HeaderMap, StatusCode, header};

/// Where a server wants a request sent instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    from: Uri,
    to: Uri,
}

impl Redirect {
    /// The redirect in an answer from `from`: `None` where there is none.
    ///
    /// # Errors
    /// It leads to what is no address.
    pub fn read(from: &str, status: StatusCode, headers: &HeaderMap) -> Result<Option<Self>, String> {
        let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let Some(location) = headers.get(header::LOCATION).filter(|_| is_redirect) else { return Ok(None) };
        let target = location.to_str().ok().and_then(|location| resolve(from, location));
        let nowhere = || format!("it redirects ({status}) to what is no address");
        let (from, to) = from.parse().ok().zip(target).ok_or_else(nowhere)?;
        Ok(Some(Self { from, to }))
    }

    /// The new address.
    pub fn target(&self) -> String {
        self.to.to_string()
    }

    /// Whether a request that carries no secret may follow: to an encrypted address, or to another path of the same
    /// server.
    pub fn is_safe(&self) -> bool {
        let is_same_server = (self.from.scheme(), self.from.authority()) == (self.to.scheme(), self.to.authority());
        is_same_server || self.to.scheme() == Some(&Scheme::HTTPS)
    }
}

/// The address that `location` names, read from `from`.
fn resolve(from: &str, location: &str) -> Option<Uri> {
    let from: Uri = from.parse().ok()?;
    let location = location.split('#').next().unwrap_or_default();
    if location.starts_with("http://") || location.starts_with("https://") {
        return location.parse().ok();
    }
    let scheme = from.scheme_str()?;
    if location.starts_with("//") {
        return format!("{scheme}:{location}").parse().ok();
    }
    // Another scheme altogether, such as `file:`.
    if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) {
        return None;
    }
    let authority = from.authority()?;
    let folder = &from.path()[..=from.path().rfind('/').unwrap_or(0)];
    let path = if location.starts_with('/') { String::new() } else { folder.to_owned() };
    format!("{scheme}://{authority}{path}{location}").parse().ok()
}
