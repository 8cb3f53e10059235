//! Where the user's desktop keeps things. Only [`SystemModel`](crate::SystemModel) and
//! [`OnDeviceConfig::new`](crate::OnDeviceConfig::new) read the environment, by these functions.

use std::path::{Path, PathBuf};

/// Where the user's data are kept: `$XDG_DATA_HOME/reinette`.
pub fn data_folder() -> Option<PathBuf> {
    desktop_folder("XDG_DATA_HOME", ".local/share")
}

/// Where what can be had again is kept: `cache` in `home`, so that a home has everything of its own, or
/// `$XDG_CACHE_HOME/reinette`.
pub fn cache_folder(home: Option<&Path>) -> Option<PathBuf> {
    home.map(|home| home.join("cache")).or_else(|| desktop_folder("XDG_CACHE_HOME", ".cache"))
}

/// Our folder in the one that `variable` names, or else in `standard` in the user's home.
fn desktop_folder(variable: &str, standard: &str) -> Option<PathBuf> {
    // The specification: a path that is not absolute is to be ignored.
    let configured = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let inside = || std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(standard));
    Some(configured.or_else(inside)?.join("reinette"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_a_cache_of_its_own() {
        assert_eq!(cache_folder(Some(Path::new("/srv/home"))).unwrap(), Path::new("/srv/home/cache"));
        let shared = cache_folder(None).unwrap();
        assert!(shared.ends_with("reinette") && shared != data_folder().unwrap(), "{}", shared.display());
    }
}
