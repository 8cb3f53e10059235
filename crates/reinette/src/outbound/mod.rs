//! Requests to other machines, and the rules that all of them keep.
//!
//! - [`agent`]: the HTTP client of one request, with its deadlines.
//! - [`HangUp`]: ends the request of an agent from another thread.
//! - [`Redirect`]: where a server wants a request sent instead, and whether it may be followed.
//!
//! Invariants: every wait has an end; no redirect is followed unseen; nothing that is meant for this machine passes a
//! proxy; an address is shown without the credentials in it.

mod proxy;
mod redirect;
#[cfg(test)]
mod tests;

pub use redirect::Redirect;

use std::time::Duration;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};

/// How long a connection may take to come about, unless less is allowed.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the parts of a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Until there is a connection, resolving the name included.
    pub connect: Duration,
    /// Until the next byte comes or goes, and until the headers of the answer are complete.
    pub silence: Duration,
    /// The whole request, down to the last byte of the answer.
    pub total: Option<Duration>,
}

/// The client of one request to `url`: it trusts whom the system trusts, goes through the proxy that the environment
/// names for this address, and answers with whatever status and redirect the server sends.
///
/// # Errors
/// Why no request can be sent there: the address is not one, or the proxy is of a kind that is not spoken.
pub fn agent(url: &str, deadlines: Deadlines) -> Result<ureq::Agent, String> {
    let uri: Uri = url.parse().map_err(|error| format!("its address is not one ({error})"))?;
    let proxy = proxy::of_environment(&uri, |name| std::env::var(name).ok())?;
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_resolve(Some(deadlines.connect))
        .timeout_connect(Some(deadlines.connect))
        .timeout_per_write(Some(deadlines.silence))
        .timeout_recv_response(Some(deadlines.silence))
        .timeout_per_read(Some(deadlines.silence))
        .timeout_global(deadlines.total)
        .user_agent(concat!("reinette/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .build();
    Ok(config.new_agent())
}

/// Ends the request of an agent when dropped: a thread that waits for the server wakes up with an error.
#[derive(Debug)]
pub struct HangUp(ureq::Agent);

impl HangUp {
    /// The end of whatever `agent` is at when this is dropped.
    pub fn of(agent: &ureq::Agent) -> Self {
        Self(agent.clone())
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        self.0.clone().shutdown();
    }
}

/// An address as it may be printed: without user, password, query and fragment, all of which may be secret.
pub fn shown(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let url: String = url[..end].chars().filter(|character| !character.is_control()).take(300).collect();
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}
