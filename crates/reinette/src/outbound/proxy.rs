//! Which proxy a request goes through.

use std::net::IpAddr;
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

/// The proxy that the environment names for `uri`: `http_proxy` or `https_proxy` by its scheme, else `all_proxy`, in lower
/// or upper case, unless `no_proxy` exempts the host. Addresses of this machine have none.
///
/// # Errors
/// The proxy is no address, or of a kind that is not spoken; the request must not go around it.
pub(super) fn of_environment(uri: &Uri, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, String> {
    let set = |name: &str| {
        let value = variable(name).or_else(|| variable(&name.to_ascii_uppercase()));
        value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let host = bare_host(uri);
    if is_this_machine(&host) || set("no_proxy").is_some_and(|list| is_exempt(&list, &host, uri.port_u16())) {
        return Ok(None);
    }
    let by_scheme = if uri.scheme_str() == Some("https") { "https_proxy" } else { "http_proxy" };
    let Some((name, address)) = [by_scheme, "all_proxy"].into_iter().find_map(|name| Some((name, set(name)?))) else {
        return Ok(None);
    };
    // The address stays unsaid: there may be a password in it.
    let proxy = Proxy::new(&address).map_err(|_| format!("the proxy in the variable {name} is not an address"))?;
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(Some(proxy)),
        protocol => {
            Err(format!("the variable {name} asks for a {protocol} proxy; only http:// and https:// are understood"))
        }
    }
}

/// The host in lower case, without the brackets of IPv6 and without the dot at the end of a full name.
fn bare_host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn is_this_machine(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        }
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Whether the `list` of `no_proxy` names `host`: `*`, a name with all below it, an address, or a range of addresses;
/// each for all ports or, with `:PORT`, for one.
fn is_exempt(list: &str, host: &str, port: Option<u16>) -> bool {
    let entries = list.split(|character: char| character == ',' || character.is_whitespace());
    entries.filter(|entry| !entry.is_empty()).any(|entry| {
        let (name, of_port) = split_port(entry);
        let name = name.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase();
        let names_host = entry == "*"
            || name == host
            || (!name.is_empty() && host.strip_suffix(&name).is_some_and(|above| above.ends_with('.')))
            || is_in_range(host, &name);
        names_host && of_port.is_none_or(|of_port| Some(of_port) == port)
    })
}

/// `HOST:PORT`, `[IPv6]:PORT` or either without the port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if entry.parse::<IpAddr>().is_ok() {
        return (entry, None);
    }
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port.parse().ok()),
        _ => (entry, None),
    };
    (name.trim_start_matches('[').trim_end_matches(']'), port)
}

/// Whether the address `host` lies in `range`, written `ADDRESS/BITS` or as one address.
fn is_in_range(host: &str, range: &str) -> bool {
    let (first, bits) = range.split_once('/').map_or((range, None), |(first, bits)| (first, bits.parse::<u32>().ok()));
    let (Ok(host), Ok(first)) = (host.parse::<IpAddr>(), first.parse::<IpAddr>()) else { return false };
    let (host, first, width) = match (host.to_canonical(), first.to_canonical()) {
        (IpAddr::V4(host), IpAddr::V4(first)) => (u128::from(host.to_bits()), u128::from(first.to_bits()), 32),
        (IpAddr::V6(host), IpAddr::V6(first)) => (host.to_bits(), first.to_bits(), 128),
        _ => return false,
    };
    let shift = width - bits.unwrap_or(width).min(width);
    (host ^ first).checked_shr(shift).unwrap_or(0) == 0
}
