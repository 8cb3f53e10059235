//! The model of this machine, where there is none.

use futures_lite::future::block_on;
use reinette::{Availability, SystemModel, SystemModelConfig, Unavailable};

fn config(folder: &tempfile::TempDir, model: Option<&str>) -> SystemModelConfig {
    SystemModelConfig {
        models: Some(folder.path().to_path_buf()),
        model: model.map(str::to_owned),
        ..SystemModelConfig::default()
    }
}

#[test]
fn a_model_that_is_not_there_is_an_error_that_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let known = reinette::models::Manifest::builtin().models()[0].name.clone();
    let Availability::Unavailable(reason) = SystemModel::availability(&config(&folder, Some(&known))) else {
        panic!("an empty folder has no model");
    };
    assert!(matches!(reason, Unavailable::NotFetched { .. }), "{reason}");
    assert!(reason.to_string().contains(&format!("reinette models add {known}")), "{reason}");
    let unknown = block_on(SystemModel::load(config(&folder, Some("no such model")))).unwrap_err();
    assert!(matches!(unknown, Unavailable::Unknown { .. }), "{unknown}");
}

#[test]
fn a_file_that_is_no_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.gguf");
    std::fs::write(&path, "GGUF, or not").unwrap();
    let config = config(&folder, path.to_str());
    assert!(matches!(SystemModel::availability(&config), Availability::Available(found) if found == path));
    let error = SystemModel::load_blocking(&config).unwrap_err();
    assert!(matches!(error, Unavailable::Unusable { .. }) && error.to_string().contains("damaged.gguf"), "{error}");
}
