//! Who may import whom: the table of the house.

use super::Finding;
use cargo_metadata::{DependencyKind, Metadata, Package};
use std::collections::BTreeSet;

/// A crate of the house and the crates of the house that it may import. A row may stand here before its crate exists.
struct Room {
    name: &'static str,
    may_import: &'static [&'static [&'static str]],
}

/// The crates that speak to a model through the framework and know nothing of each other.
const FLOOR_3: &[&str] = &[
    "reinette-providers",
    "reinette-recall",
    "reinette-apps",
    "reinette-writing",
    "reinette-voice",
    "reinette-image",
    "reinette-mcp",
];

/// The framework's engine and what that is made of.
const BELOW_THE_FRAMEWORK: &[&str] = &["reinette-kernels", "reinette-engine"];

/// The language of time.
const TIME: &str = "reinette-time";

/// The framework, without models and with them: all that most crates may know of models.
const FRAMEWORK: &[&str] = &["reinette-core", "reinette"];

/// The floors, from the ground up: each crate imports only from below.
const HOUSE: &[Room] = &[
    Room { name: "reinette-kernels", may_import: &[] },
    Room { name: "reinette-macros", may_import: &[] },
    Room { name: "reinette-schema", may_import: &[] },
    Room { name: TIME, may_import: &[] },
    Room { name: "reinette-engine", may_import: &[&["reinette-kernels", "reinette-schema"]] },
    Room { name: "reinette-core", may_import: &[&["reinette-macros", "reinette-schema"]] },
    // Whatever it imports, the engine's tests build.
    Room { name: TESTKIT, may_import: &[BELOW_THE_FRAMEWORK] },
    Room { name: "reinette", may_import: &[&["reinette-core", "reinette-engine"]] },
    Room { name: FLOOR_3[0], may_import: &[FRAMEWORK] },
    Room { name: FLOOR_3[1], may_import: &[FRAMEWORK] },
    Room { name: FLOOR_3[2], may_import: &[FRAMEWORK, &[TIME]] },
    Room { name: FLOOR_3[3], may_import: &[FRAMEWORK] },
    Room { name: FLOOR_3[4], may_import: &[FRAMEWORK] },
    Room { name: FLOOR_3[5], may_import: &[FRAMEWORK] },
    Room { name: FLOOR_3[6], may_import: &[FRAMEWORK] },
    Room { name: "reinette-assistant", may_import: &[FRAMEWORK, FLOOR_3, &[TIME]] },
    Room { name: "reinette-server", may_import: &[FRAMEWORK, FLOOR_3, &["reinette-assistant"]] },
    Room { name: "reinette-data", may_import: &[BELOW_THE_FRAMEWORK, &["reinette-macros"], FRAMEWORK] },
    Room {
        name: "reinette-train",
        may_import: &[BELOW_THE_FRAMEWORK, &["reinette-macros"], FRAMEWORK, &["reinette-data"]],
    },
    Room {
        name: "reinette-cli",
        may_import: &[
            BELOW_THE_FRAMEWORK,
            FRAMEWORK,
            FLOOR_3,
            &[TIME, "reinette-assistant", "reinette-server", "reinette-data", "reinette-train"],
        ],
    },
    Room { name: "reinette-bakeoff", may_import: &[BELOW_THE_FRAMEWORK, &["reinette-macros"], FRAMEWORK] },
    Room { name: "xtask", may_import: &[] },
    // It feeds damaged bytes to the parsers of every floor, tiny models among them.
    Room {
        name: "reinette-fuzzing",
        may_import: &[BELOW_THE_FRAMEWORK, &[TESTKIT], FRAMEWORK, &[TIME, "reinette-apps", "reinette-assistant"]],
    },
];

/// What every crate may use in its tests.
const TESTKIT: &str = "reinette-testkit";

/// Tests that import from above: what the macros write names the framework.
const TESTS: &[(&str, &str)] = &[("reinette-macros", "reinette")];

/// What a crate imports from the house, and for what.
struct Import<'a> {
    name: &'a str,
    kind: DependencyKind,
}

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let packages = metadata.workspace_packages();
    let members: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &packages {
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root).unwrap_or(&package.manifest_path);
        let imports: Vec<Import<'_>> = imports(package, &members).collect();
        let messages = check_crate(&package.name, manifest.parent().and_then(|folder| folder.file_name()), &imports);
        findings.extend(messages.into_iter().map(|message| Finding::new(manifest.as_str(), 0, message)));
    }
    findings
}

fn imports<'a>(package: &'a Package, members: &'a BTreeSet<&str>) -> impl Iterator<Item = Import<'a>> {
    let of_the_house = package.dependencies.iter().filter(|dependency| members.contains(dependency.name.as_str()));
    of_the_house.map(|dependency| Import { name: &dependency.name, kind: dependency.kind })
}

fn check_crate(name: &str, folder: Option<&str>, imports: &[Import<'_>]) -> Vec<String> {
    let Some(room) = HOUSE.iter().find(|room| room.name == name) else {
        return vec![format!("the crate {name} has no row in the table of the house")];
    };
    let mut messages = Vec::new();
    if folder != Some(name) {
        messages.push(format!("the folder of the crate {name} must have its name"));
    }
    for import in imports {
        let is_test = import.kind == DependencyKind::Development
            && (import.name == TESTKIT || TESTS.contains(&(name, import.name)));
        if !is_test && !room.may_import.iter().any(|crates| crates.contains(&import.name)) {
            messages.push(format!("{name} may not import {}", import.name));
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_import(name: &str, import: &str, kind: DependencyKind) -> Vec<String> {
        check_crate(name, Some(name), &[Import { name: import, kind }])
    }

    #[test]
    fn imports_go_down() {
        for (name, import) in [
            ("reinette-engine", "reinette-kernels"),
            ("reinette-engine", "reinette-schema"),
            ("reinette-core", "reinette-macros"),
            ("reinette", "reinette-core"),
            ("reinette-apps", "reinette-time"),
            ("reinette-assistant", "reinette-voice"),
            ("reinette-cli", "reinette-kernels"),
        ] {
            assert_eq!(check_import(name, import, DependencyKind::Normal), [""; 0], "{name} imports {import}");
        }
        for (name, import) in [
            ("reinette-kernels", "reinette-engine"),
            ("reinette-core", "reinette-engine"),
            ("reinette-core", "reinette"),
            ("reinette-schema", "reinette-engine"),
            ("reinette", "reinette-kernels"),
            ("reinette-time", "reinette"),
            ("reinette-apps", "reinette-recall"),
            ("reinette-apps", "reinette-engine"),
            ("reinette-server", "reinette-engine"),
            ("reinette", "reinette-testkit"),
            ("reinette-testkit", "reinette"),
            ("reinette-cli", "reinette-fuzzing"),
            ("reinette-data", "reinette-train"),
        ] {
            for kind in [DependencyKind::Normal, DependencyKind::Build] {
                let messages = check_import(name, import, kind);
                assert_eq!(messages, [format!("{name} may not import {import}")]);
            }
        }
    }

    #[test]
    fn tests_may_use_the_testkit_and_nothing_else_from_above() {
        assert_eq!(check_import("reinette-kernels", TESTKIT, DependencyKind::Development), [""; 0]);
        assert_eq!(check_import("reinette-kernels", "reinette", DependencyKind::Development).len(), 1);
        assert_eq!(check_import("reinette-macros", "reinette", DependencyKind::Development), [""; 0]);
        assert_eq!(check_import("reinette-macros", "reinette", DependencyKind::Normal).len(), 1);
    }

    #[test]
    fn every_crate_has_a_row_and_a_folder_of_its_name() {
        assert_eq!(check_crate("reinette-cellar", Some("reinette-cellar"), &[]).len(), 1);
        assert_eq!(check_crate("reinette", Some("core"), &[]).len(), 1);
    }

    #[test]
    fn the_table_itself_goes_down() {
        for (floor, room) in HOUSE.iter().enumerate() {
            for import in room.may_import.iter().copied().flatten() {
                assert!(HOUSE[..floor].iter().any(|below| below.name == *import), "{} imports {import}", room.name);
            }
        }
    }
}
