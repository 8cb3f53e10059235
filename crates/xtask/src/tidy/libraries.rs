//! Which libraries only some crates may use: clients of the network, and runtimes.

use cargo_metadata::{DependencyKind, Metadata};

/// A library, and the crates that may use it outside their tests.
struct Reserved {
    library: &'static str,
    users: &'static [&'static str],
}

/// Every byte that leaves passes the framework's one door, `reinette::outbound`. The crates beside it that name its HTTP client take
/// requests and errors of that door apart: MCP's, and the program's. An async runtime stays inside the crates that speak
/// protocols.
const RESERVED: &[Reserved] = &[
    Reserved { library: "ureq", users: &["reinette", "reinette-outbound", "reinette-mcp", "reinette-cli"] },
    Reserved { library: "rmcp", users: &["reinette-mcp"] },
    Reserved { library: "tokio", users: &["reinette-mcp", "reinette-server"] },
    Reserved { library: "axum", users: &["reinette-server"] },
    Reserved { library: "hyper", users: &[] },
    Reserved { library: "reqwest", users: &[] },
];

/// The manifests of crates that use what they may not, each with what is wrong.
pub(super) fn check(metadata: &Metadata) -> Vec<(String, String)> {
    let mut findings = Vec::new();
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root).unwrap_or(&package.manifest_path);
        let used = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        for library in used.filter(|dependency| !may_use(&package.name, &dependency.name)) {
            let message = format!("{} may not use {}: see the table of reserved libraries", package.name, library.name);
            findings.push((manifest.as_str().to_owned(), message));
        }
    }
    findings
}

fn may_use(name: &str, library: &str) -> bool {
    RESERVED.iter().filter(|reserved| reserved.library == library).all(|reserved| reserved.users.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_runtimes_stay_in_their_crates() {
        assert!(may_use("reinette-mcp", "tokio") && may_use("reinette-mcp", "ureq") && may_use("reinette", "ureq"));
        for (name, library) in [("reinette", "tokio"), ("reinette-apps", "ureq"), ("reinette-mcp", "reqwest")] {
            assert!(!may_use(name, library), "{name} uses {library}");
        }
        assert!(may_use("reinette-apps", "serde"));
    }
}
