//! `adapter_config.json` of the PEFT library (0.21): the keys that are followed, that make no difference, and that are refused.
//!
//! An adapter whose configuration asks for more than its matrices say gives wrong answers without a sign of it, so whatever is
//! not known to make no difference is refused by name.

use fancy_regex::Regex;
use serde_json::{Map, Value};

/// The settings that change how an adapter is applied.
#[derive(Debug)]
pub(super) struct Config {
    alpha: f32,
    /// Other alphas, by patterns of modules' names.
    alphas: Vec<(Regex, f32)>,
    pub(super) use_rslora: bool,
    pub(super) use_dora: bool,
}

/// Keys that say how an adapter was trained, where it came from, or what its matrices show by themselves.
const WITHOUT_EFFECT: &[&str] = &[
    "arrow_router",
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    // It says how the base's weights lie in memory, not what they are.
    "fan_in_fan_out",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "merge_weights",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    // Only its gradients are others.
    "velora_config",
];

/// Keys that ask for what is not done, with what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("alora_invocation_tokens", "an aLoRA counts only from these tokens on; train it again as a plain LoRA"),
    ("arrow_config", "an Arrow router chooses between adapters by the token; load one of them"),
    ("kasa_config", "a KaSA adapter belongs to a changed base; merge it into that with PEFT and convert the result"),
    ("layer_replication", "the base has some of its layers twice; merge the adapter with PEFT and convert the result"),
    ("lora_bias", "biases of the adapter's own are not added; train without them"),
    ("megatron_config", "the adapter is Megatron's; save it for the model in transformers' form"),
    ("modules_to_save", "whole modules were trained besides the adapter; merge both with PEFT and convert the result"),
    ("monteclora_config", "a MonteCLoRA adapter is drawn by chance; train it as a plain LoRA"),
    (
        "target_parameters",
        "parameters that are no projections were changed; merge them with PEFT and convert the result",
    ),
    ("trainable_token_indices", "embeddings of tokens were trained; merge them with PEFT and convert the result"),
    ("use_bdlora", "a BD-LoRA has matrices of blocks; train it as a plain LoRA"),
    ("use_qalora", "a QALoRA adapter reads pooled inputs; train it as a plain LoRA"),
];

/// Ways to initialise that leave the base as it is: also EVA, which only chooses where `A` begins.
const INITIALISATIONS: [&str; 4] = ["gaussian", "eva", "orthogonal", "mica"];

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When a key asks for something unsupported; the message names it and says what to do.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let fields: Map<String, Value> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let kind = fields.get("peft_type").and_then(Value::as_str).ok_or("`peft_type` is missing")?;
        if kind != "LORA" {
            return Err(format!(
                "`peft_type` is {kind}, and only LORA is supported: merge it with PEFT and convert the result, or train a LORA"
            ));
        }
        let alpha = number("lora_alpha", fields.get("lora_alpha").unwrap_or(&Value::Null))?;
        let mut config = Self { alpha, alphas: Vec::new(), use_rslora: false, use_dora: false };
        for (key, value) in &fields {
            config.take(key, value)?;
        }
        Ok(config)
    }

    fn take(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "use_rslora" => self.use_rslora = flag(key, value)?,
            "use_dora" => self.use_dora = flag(key, value)?,
            "alpha_pattern" => self.alphas = alphas(value)?,
            "bias" if !value.is_null() && value != "none" => {
                return Err(format!("`bias` is {value}: trained biases are not supported; train without them"));
            }
            "init_lora_weights" => check_initialisation(value)?,
            "r" if *value == 0 => return Err("`r` is 0: a rank of 0 leaves nothing to add".to_owned()),
            "peft_type" | "lora_alpha" | "bias" => {}
            _ if WITHOUT_EFFECT.contains(&key) || is_unset(value) => {}
            _ => {
                let advice = REFUSED.iter().find(|(name, _)| *name == key).map(|(_, advice)| *advice);
                let unknown =
                    "this key is not known here, and may change what the adapter does; take it out if it does not";
                return Err(format!("`{key}` is {}: {}", shortened(value), advice.unwrap_or(unknown)));
            }
        }
        Ok(())
    }

    /// Factor of `B·(A·x)` in a module of this name: `alpha / rank`, or `alpha / √rank` (arXiv:2312.03732).
    pub(super) fn scale(&self, module: &str, rank: usize) -> f32 {
        let other = self.alphas.iter().find(|(pattern, _)| pattern.is_match(module).unwrap_or(false));
        let alpha = other.map_or(self.alpha, |(_, alpha)| *alpha);
        let rank = rank as f32;
        alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

/// Whether a value says nothing: as good as no key.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    let end = text.char_indices().nth(60).map(|(end, _)| end);
    end.map_or_else(|| text.clone(), |end| format!("{}…", &text[..end]))
}

fn flag(key: &str, value: &Value) -> Result<bool, String> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(is_set) => Ok(*is_set),
        _ => Err(format!("`{key}` is {}: it is true or false", shortened(value))),
    }
}

fn number(key: &str, value: &Value) -> Result<f32, String> {
    #[expect(clippy::cast_possible_truncation, reason = "matrices are multiplied by an f32")]
    let number = value.as_f64().map(|number| number as f32);
    let problem = || format!("`{key}` is {}: it is to be a number", shortened(value));
    number.filter(|number| number.is_finite()).ok_or_else(problem)
}

/// Other alphas by the ends of modules' names, which are regular expressions (PEFT's `get_pattern_key`).
fn alphas(value: &Value) -> Result<Vec<(Regex, f32)>, String> {
    let patterns = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Object(patterns) => patterns,
        _ => return Err(format!("`alpha_pattern` is {}: it is to be an object", shortened(value))),
    };
    let alpha = |(pattern, alpha): (&String, &Value)| {
        let regex = Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$"));
        let regex = regex.map_err(|error| format!("`alpha_pattern` has the pattern {pattern:?}: {error}"))?;
        Ok((regex, number(&format!("alpha_pattern.{pattern}"), alpha)?))
    };
    patterns.iter().map(alpha).collect()
}

/// Refuses ways to initialise that take the adapter's beginning out of the base's weights.
fn check_initialisation(value: &Value) -> Result<(), String> {
    let name = match value {
        Value::Null | Value::Bool(_) => return Ok(()),
        Value::String(name) => name.to_lowercase(),
        _ => return Err(format!("`init_lora_weights` is {}: it is to be a name, true or false", shortened(value))),
    };
    if INITIALISATIONS.contains(&name.as_str()) {
        return Ok(());
    }
    let [pissa, corda] = ["pissa", "corda"].map(|known| name.starts_with(known));
    let advice = if pissa || corda || name == "olora" {
        "save it with PEFT's `save_pretrained(…, path_initial_model_for_weight_conversion=…)`, which makes a plain LoRA of it"
    } else if name == "loftq" || name == "lora_ga" {
        "merge it into the base that it was trained on with PEFT and convert the result"
    } else {
        return Err(format!(
            "`init_lora_weights` is {value}, which is not known here: set it to true if the adapter belongs to the base as it is"
        ));
    };
    Err(format!(
        "`init_lora_weights` is {value}: such an adapter belongs to a base whose weights were changed; {advice}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(key: &str, value: &Value) -> Result<Config, String> {
        let mut config = json!({"peft_type": "LORA", "r": 16, "lora_alpha": 32});
        config[key] = value.clone();
        Config::parse(config.to_string().as_bytes())
    }

    #[test]
    fn what_would_change_the_answers_is_refused_by_name() {
        for (key, value, advice) in [
            ("init_lora_weights", json!("pissa"), "path_initial_model_for_weight_conversion"),
            ("init_lora_weights", json!("pissa_niter_4"), "path_initial_model_for_weight_conversion"),
            ("init_lora_weights", json!("olora"), "path_initial_model_for_weight_conversion"),
            ("init_lora_weights", json!("OLoRA"), "path_initial_model_for_weight_conversion"),
            ("init_lora_weights", json!("corda"), "path_initial_model_for_weight_conversion"),
            ("init_lora_weights", json!("loftq"), "merge"),
            ("init_lora_weights", json!("lora_ga"), "merge"),
            ("init_lora_weights", json!("newest"), "not known"),
            ("init_lora_weights", json!(3), "true or false"),
            ("alora_invocation_tokens", json!([1, 2]), "aLoRA"),
            ("arrow_config", json!({"top_k": 2}), "Arrow"),
            ("bias", json!("all"), "trained biases"),
            ("bias", json!("lora_only"), "trained biases"),
            ("kasa_config", json!({"beta": 1}), "changed base"),
            ("layer_replication", json!([[0, 4], [2, 5]]), "twice"),
            ("lora_bias", json!(true), "biases"),
            ("megatron_config", json!({"a": 1}), "Megatron"),
            ("modules_to_save", json!(["lm_head"]), "whole modules"),
            ("monteclora_config", json!({"a": 1}), "chance"),
            ("peft_type", json!("LOHA"), "LOHA"),
            ("peft_type", json!("IA3"), "merge"),
            ("peft_type", json!("PROMPT_TUNING"), "only LORA"),
            ("target_parameters", json!(["experts.down_proj"]), "projections"),
            ("trainable_token_indices", json!([5]), "embeddings"),
            ("use_bdlora", json!({"nblocks": 2}), "blocks"),
            ("use_qalora", json!(true), "pooled"),
            ("use_dora", json!("yes"), "true or false"),
            ("lora_alpha", json!("much"), "number"),
            ("lora_alpha", json!(1e300), "number"),
            ("alpha_pattern", json!({"q_proj": null}), "alpha_pattern.q_proj"),
            ("alpha_pattern", json!({"(": 3}), "alpha_pattern"),
            ("use_something_new", json!(true), "not known"),
            ("new_config", json!({"a": 1}), "not known"),
            ("new_strength", json!(0.5), "not known"),
        ] {
            let problem = parse(key, &value).unwrap_err();
            assert!(problem.contains(key) && problem.contains(advice), "{key} {value}: {problem}");
        }
        assert!(Config::parse(br#"{"peft_type": "LORA", "r": 4}"#).unwrap_err().contains("lora_alpha"));
        assert!(Config::parse(br#"{"r": 4, "lora_alpha": 1}"#).unwrap_err().contains("peft_type"));
    }

    #[test]
    fn what_changes_nothing_is_read() {
        for (key, value) in [
            ("init_lora_weights", json!(true)),
            ("init_lora_weights", json!(false)),
            ("init_lora_weights", json!(null)),
            ("init_lora_weights", json!("gaussian")),
            ("init_lora_weights", json!("eva")),
            ("init_lora_weights", json!("orthogonal")),
            ("alora_invocation_tokens", json!(null)),
            ("bias", json!(null)),
            ("eva_config", json!({"rho": 2.0})),
            ("exclude_modules", json!(["lm_head"])),
            ("fan_in_fan_out", json!(true)),
            ("layers_to_transform", json!([0, 1])),
            ("loftq_config", json!({"loftq_bits": 4})),
            ("lora_dropout", json!(0.1)),
            ("megatron_core", json!("megatron.core")),
            ("modules_to_save", json!([])),
            ("peft_version", json!("0.21.2")),
            ("qalora_group_size", json!(16)),
            ("rank_pattern", json!({"q_proj": 8})),
            ("target_modules", json!("all-linear")),
            ("task_type", json!("CAUSAL_LM")),
            ("use_something_new", json!(false)),
            ("new_config", json!({})),
        ] {
            assert!(parse(key, &value).is_ok(), "{key} {value}: {:?}", parse(key, &value));
        }
    }

    #[test]
    fn each_module_has_the_alpha_that_its_pattern_gives() {
        let patterns = json!({"q_proj": 8, r"layers\.1\.mlp\..*": 64, "self_attn": 5});
        let config = parse("alpha_pattern", &patterns).unwrap();
        let of = |module: &str| config.scale(module, 4) * 4.0;
        assert!((of("model.layers.0.self_attn.q_proj") - 8.0).abs() < 1e-6);
        assert!((of("model.layers.1.mlp.up_proj") - 64.0).abs() < 1e-6);
        assert!((of("model.layers.0.self_attn.k_proj") - 32.0).abs() < 1e-6, "only the end of a name counts");
        let stable = parse("use_rslora", &json!(true)).unwrap();
        assert!((stable.scale("q_proj", 4) - 16.0).abs() < 1e-6);
    }
}
