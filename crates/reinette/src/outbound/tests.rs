//! The rules of requests to other machines.

use super::proxy::of_environment;
use super::{Redirect, shown};
use ureq::http::{HeaderMap, StatusCode};

fn proxy(url: &str, environment: &[(&str, &str)]) -> Result<Option<String>, String> {
    let variable = |name: &str| environment.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
    let proxy = of_environment(&url.parse().unwrap(), variable)?;
    Ok(proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port())))
}

#[test]
fn nothing_for_this_machine_passes_a_proxy() {
    let everything = [("ALL_PROXY", "http://p:1"), ("http_proxy", "http://p:2"), ("HTTPS_PROXY", "http://p:3")];
    let here = [
        "http://127.0.0.1:8080/v1",
        "http://127.9.9.9/",
        "https://localhost/",
        "http://LocalHost.:80/",
        "http://models.localhost/",
        "http://[::1]:80/v1",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0:8080/",
    ];
    for url in here {
        assert_eq!(proxy(url, &everything), Ok(None), "{url}");
    }
    for url in ["http://localhost.example/", "http://128.0.0.1/", "http://notlocalhost/"] {
        assert_eq!(proxy(url, &everything), Ok(Some("p:2".into())), "{url}");
    }
}

#[test]
fn the_proxy_is_the_one_of_the_scheme_and_exempts_what_it_says() {
    let both = [("HTTP_PROXY", "http://p:2"), ("https_proxy", "http://p:3")];
    assert_eq!(proxy("http://far.example/", &both), Ok(Some("p:2".into())));
    assert_eq!(proxy("https://far.example/", &both), Ok(Some("p:3".into())));
    assert_eq!(proxy("https://far.example/", &both[..1]), Ok(None));
    assert_eq!(proxy("https://far.example/", &[("all_proxy", "p:4")]), Ok(Some("p:4".into())));
    let exempt = |list: &str, url: &str| proxy(url, &[("ALL_PROXY", "http://p:1"), ("NO_PROXY", list)]) == Ok(None);
    assert!(exempt("a.example, far.example", "http://far.example/"));
    assert!(exempt("far.example", "http://deep.far.example/"));
    assert!(exempt(".far.example", "http://deep.far.example/") && exempt("*.far.example", "http://deep.far.example/"));
    assert!(exempt("*", "http://far.example/"));
    assert!(exempt("10.0.0.0/8", "http://10.20.30.40/") && exempt("fd00::/8", "http://[fd12::1]/"));
    assert!(exempt("far.example:8080", "http://far.example:8080/"));
    assert!(!exempt("far.example:8080", "http://far.example:81/"));
    assert!(!exempt("far.example", "http://nearfar.example/"));
    assert!(!exempt("10.0.0.0/8,,", "http://11.0.0.1/") && !exempt("10.0.0.0/8", "http://[fd12::1]/"));
}

#[test]
fn a_proxy_that_is_not_spoken_is_an_error_and_not_a_way_around() {
    let error = proxy("http://far.example/", &[("all_proxy", "socks5://user:secret@p:1")]).unwrap_err();
    assert!(error.contains("all_proxy") && !error.contains("secret"), "{error}");
    let error = proxy("http://far.example/", &[("http_proxy", "http://user:secret@")]).unwrap_err();
    assert!(error.contains("http_proxy") && !error.contains("secret"), "{error}");
}

#[test]
fn redirects_are_read_and_judged() {
    let read = |from: &str, status: u16, location: &str| {
        let headers = HeaderMap::from_iter([("location".parse().unwrap(), location.parse().unwrap())]);
        Redirect::read(from, StatusCode::from_u16(status).unwrap(), &headers)
    };
    let from = "https://hub.example/a/b?c";
    let cases = [
        ("https://cdn.example/x?token=1", "https://cdn.example/x?token=1", true),
        ("/x", "https://hub.example/x", true),
        ("x", "https://hub.example/a/x", true),
        ("//cdn.example/x", "https://cdn.example/x", true),
        ("http://hub.example/x", "http://hub.example/x", false),
    ];
    for (location, target, is_safe) in cases {
        let redirect = read(from, 302, location).unwrap().unwrap();
        assert_eq!((redirect.target().as_str(), redirect.is_safe()), (target, is_safe), "{location}");
    }
    let other_port = read("http://127.0.0.1:80/", 307, "http://127.0.0.1:81/").unwrap().unwrap();
    assert!(!other_port.is_safe());
    assert_eq!(read(from, 200, "/x"), Ok(None));
    for refused in ["file:///etc/passwd", "https://", "gopher:x"] {
        assert!(read(from, 302, refused).is_err(), "{refused}");
    }
}

#[test]
fn an_address_is_shown_without_what_may_be_secret() {
    assert_eq!(shown("https://me:secret@hub.example/v1?key=secret#x"), "https://hub.example/v1");
    assert_eq!(shown("http://127.0.0.1:8080/v1"), "http://127.0.0.1:8080/v1");
    assert_eq!(shown("https://a@b@hub.example"), "https://hub.example");
    assert_eq!(shown("http://x/\u{1b}[2J"), "http://x/[2J");
}
