//! Nomic's and jina's encoders against numbers that `reference/families.py` worked out with numpy.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use distiq_base::{Embed, EmbedRole};
use distiq_ml::{CrossEncoder, TokenClassifier, Transformer};
use serde_json::{Value, json};

/// A tokenizer of 600 pieces.
const BYTE_PAIRS: &str = include_str!("reference/bytepairs.json");
const REFERENCE: &str = include_str!("reference/families.txt");

/// The vocabulary of the models; a piece's line is its number.
const PIECES: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\nc\nd\n##e\nf\ng\n##h";
const WIDTH: usize = 12;
const WIDE: usize = 16;

/// The texts of the reference, by their pieces.
const TEXTS: &[(&str, &str)] =
    &[("2,3", ""), ("2,5,6,3", "B c"), ("2,7,7,4,11,8,5,6,9,10,4,4,3", "d D ahe b c f g a a")];

/// The tensors of a model, by name.
type Shapes = BTreeMap<String, Vec<usize>>;

fn linear(shapes: &mut Shapes, name: &str, outputs: usize, inputs: usize) {
    shapes.insert(format!("{name}.weight"), vec![outputs, inputs]);
    shapes.insert(format!("{name}.bias"), vec![outputs]);
}

fn norm(shapes: &mut Shapes, name: &str) {
    shapes.insert(format!("{name}.weight"), vec![WIDTH]);
    shapes.insert(format!("{name}.bias"), vec![WIDTH]);
}

fn tables(norm_name: &str) -> Shapes {
    let mut shapes = Shapes::new();
    shapes.insert("embeddings.word_embeddings.weight".into(), vec![12, WIDTH]);
    shapes.insert("embeddings.token_type_embeddings.weight".into(), vec![2, WIDTH]);
    norm(&mut shapes, norm_name);
    shapes
}

fn nomic_shapes() -> Shapes {
    let mut shapes = tables("emb_ln");
    for at in 0..2 {
        let name = |part: &str| format!("encoder.layers.{at}.{part}");
        linear(&mut shapes, &name("attn.Wqkv"), 3 * WIDTH, WIDTH);
        linear(&mut shapes, &name("attn.out_proj"), WIDTH, WIDTH);
        linear(&mut shapes, &name("mlp.fc11"), WIDE, WIDTH);
        linear(&mut shapes, &name("mlp.fc12"), WIDE, WIDTH);
        linear(&mut shapes, &name("mlp.fc2"), WIDTH, WIDE);
        norm(&mut shapes, &name("norm1"));
        norm(&mut shapes, &name("norm2"));
    }
    shapes
}

fn jina_shapes(is_code: bool) -> Shapes {
    let mut shapes = tables("embeddings.LayerNorm");
    for at in 0..2 {
        let name = |part: &str| format!("encoder.layer.{at}.{part}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            linear(&mut shapes, &name(&format!("attention.{part}")), WIDTH, WIDTH);
        }
        norm(&mut shapes, &name("attention.output.LayerNorm"));
        let (up, down, norms): (_, _, &[&str]) = match is_code {
            false => ("mlp.gated_layers", "mlp.wo", &["mlp.layernorm"]),
            true => (
                "mlp.up_gated_layer",
                "mlp.down_layer",
                &[
                    "attention.self.layer_norm_q",
                    "attention.self.layer_norm_k",
                    "layer_norm_1",
                    "layer_norm_2",
                ],
            ),
        };
        norms.iter().for_each(|part| norm(&mut shapes, &name(part)));
        shapes.insert(name(&format!("{up}.weight")), vec![2 * WIDE, WIDTH]);
        linear(&mut shapes, &name(down), WIDTH, WIDE);
    }
    shapes
}

/// What nomic's models have no bias in.
fn without_biases(mut shapes: Shapes) -> Shapes {
    let is_linear = |name: &str| name.contains("attn.") || name.contains("mlp.");
    shapes.retain(|name, _| !(is_linear(name) && name.ends_with(".bias")));
    shapes
}

/// A `config.json` as nomic-embed-text has it, but for the sizes.
fn nomic_config() -> Value {
    json!({
        "activation_function": "swiglu", "architectures": ["NomicBertModel"], "causal": false,
        "layer_norm_epsilon": 1e-6, "max_trained_positions": 2048, "mlp_fc1_bias": false,
        "mlp_fc2_bias": false, "model_type": "nomic_bert", "n_embd": WIDTH, "n_head": 3,
        "n_inner": WIDE, "n_layer": 2, "n_positions": 8192, "pad_vocab_size_multiple": 4,
        "parallel_block": false, "prenorm": false, "qkv_proj_bias": false, "rotary_emb_base": 1000,
        "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": false, "rotary_emb_scale_base": null,
        "rotary_scaling_factor": null, "type_vocab_size": 2, "use_rms_norm": false, "vocab_size": 11,
    })
}

/// A `config.json` as jina-embeddings-v2 has it, but for the sizes.
fn jina_config() -> Value {
    json!({
        "architectures": ["JinaBertForMaskedLM"], "emb_pooler": "mean", "feed_forward_type": "geglu",
        "hidden_act": "gelu", "hidden_size": WIDTH, "intermediate_size": WIDE,
        "layer_norm_eps": 1e-6, "max_position_embeddings": 8192, "model_type": "bert",
        "num_attention_heads": 3, "num_hidden_layers": 2, "position_embedding_type": "alibi",
        "type_vocab_size": 2, "vocab_size": 12,
    })
}

/// Writes a model's folder; each tensor's name begins with `prefix`.
fn folder(config: &Value, shapes: &Shapes, prefix: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    fs::write(folder.path().join("vocab.txt"), PIECES).unwrap();
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (tensor, (name, shape)) in shapes.iter().enumerate() {
        let begin = data.len();
        let is_norm = name.to_lowercase().contains("norm") || name.contains("emb_ln");
        let more = if is_norm && name.ends_with(".weight") { 1.0 } else { 0.0 };
        for at in 0..shape.iter().product::<usize>() {
            let value = (0.7 * at as f64 + tensor as f64).sin() / 2.0 + more;
            data.extend((value as f32).to_le_bytes());
        }
        let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()] });
        header.insert(format!("{prefix}{name}"), entry);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    folder
}

fn with(mut config: Value, changes: &[(&str, Value)]) -> Value {
    for (key, value) in changes {
        config[*key] = value.clone();
    }
    config
}

fn write_prompts(folder: &Path, prompts: &Value) {
    let json = json!({ "prompts": prompts }).to_string();
    fs::write(folder.join("config_sentence_transformers.json"), json).unwrap();
}

/// The settings of `nomic_config` as Hugging Face's library has them since its version 5.
fn converted_config() -> Value {
    json!({
        "architectures": ["NomicBertModel"], "head_dim": 4, "hidden_act": "silu",
        "hidden_size": WIDTH, "intermediate_size": WIDE, "layer_norm_eps": 1e-6,
        "max_position_embeddings": 2048, "model_type": "nomic_bert", "num_attention_heads": 3,
        "num_hidden_layers": 2, "rope_parameters": { "rope_theta": 1000.0, "rope_type": "default" },
        "type_vocab_size": 2, "vocab_size": 12,
    })
}

/// Gives the tensors of a model of nomic's the names that that library has for them.
fn convert(folder: &Path) {
    let path = folder.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let old: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut header = serde_json::Map::new();
    for (name, entry) in old {
        let name = name.replace("encoder.", "").replace("emb_ln", "embeddings.LayerNorm");
        let name = name.replace("attn.out_proj", "self_attn.o_proj").replace("fc11", "up_proj");
        let name = name.replace("fc12", "gate_proj").replace("fc2", "down_proj");
        let name = name.replace("norm1", "post_attention_layernorm");
        let name = name.replace("norm2", "post_mlp_layernorm");
        if !name.contains("attn.Wqkv") {
            header.insert(name, entry);
            continue;
        }
        let begin = entry["data_offsets"][0].as_u64().unwrap();
        let third = u64::try_from(WIDTH * WIDTH * 4).unwrap();
        for (at, part) in (0..).zip(["q_proj", "k_proj", "v_proj"]) {
            let offsets = [begin + at * third, begin + (at + 1) * third];
            let entry = json!({ "dtype": "F32", "shape": [WIDTH, WIDTH], "data_offsets": offsets });
            header.insert(name.replace("attn.Wqkv", &format!("self_attn.{part}")), entry);
        }
    }
    let header = Value::Object(header).to_string();
    let mut all = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    all.extend(header.as_bytes());
    all.extend(&bytes[8 + length..]);
    fs::write(path, all).unwrap();
}

/// Holds a model's vectors against the reference's lines of that name.
fn check_reference(name: &str, config: &Value, shapes: &Shapes, prefix: &str) {
    check_folder(name, &folder(config, shapes, prefix));
}

/// The same for a folder.
fn check_folder(name: &str, folder: &tempfile::TempDir) {
    // Without what nomic sets before texts: the reference has pieces alone.
    write_prompts(folder.path(), &json!({ "query": "", "document": "" }));
    Transformer::check(folder.path()).unwrap();
    let model = Transformer::open(folder.path()).unwrap();
    let texts: Vec<&str> = TEXTS.iter().map(|(_, text)| *text).collect();
    let together = model.embed(&texts, EmbedRole::Passage).unwrap();
    for ((ids, text), vector) in TEXTS.iter().zip(together) {
        let line = format!("{name} {ids} ");
        let expected = REFERENCE.lines().find_map(|it| it.strip_prefix(&line)).unwrap();
        let expected: Vec<f32> =
            expected.split(' ').map(|number| number.parse().unwrap()).collect();
        // Neighbours in a batch change nothing.
        let alone = model.embed(&[text], EmbedRole::Query).unwrap().remove(0);
        assert_eq!((vector.len(), alone.len(), expected.len()), (WIDTH, WIDTH, WIDTH));
        for (at, expected) in expected.iter().enumerate() {
            let near = |value: f32| (value - expected).abs() < 5e-6;
            assert!(near(vector[at]) && near(alone[at]), "{line}{vector:?}");
        }
    }
}

#[test]
fn nomic_gives_the_reference_numbers() {
    let shapes = without_biases(nomic_shapes());
    check_reference("nomic", &nomic_config(), &shapes, "");
    check_reference("nomic", &nomic_config(), &shapes, "bert.");
    let biased = [
        ("activation_function", json!("geglu")),
        ("mlp_fc1_bias", json!(true)),
        ("mlp_fc2_bias", json!(true)),
        ("qkv_proj_bias", json!(true)),
        ("rotary_emb_base", json!(10000.0)),
        ("rotary_emb_fraction", json!(0.5)),
    ];
    check_reference("nomic-biased", &with(nomic_config(), &biased), &nomic_shapes(), "");
}

#[test]
fn nomic_gives_them_under_the_names_of_the_library() {
    let plain = without_biases(nomic_shapes());
    // It may also have its own settings beside the published names of tensors.
    check_reference("nomic", &converted_config(), &plain, "");
    for prefix in ["", "model."] {
        let folder = folder(&converted_config(), &plain, prefix);
        convert(folder.path());
        check_folder("nomic", &folder);
    }
    let check = |changes: &[(&str, Value)], expected: &str| {
        let folder = folder(&with(converted_config(), changes), &plain, "");
        let error = Transformer::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&[("hidden_act", json!("gelu"))], "its activation is `gelu`");
    check(&[("head_dim", json!(8))], "wider or narrower");
    let rope = |rope: Value| [("rope_parameters", rope)];
    check(&rope(json!({ "rope_theta": 1e3, "rope_type": "yarn" })), "positions are `yarn`");
    check(&rope(json!({ "rope_theta": -1.0 })), "base of its rotary positions");
    let half = json!({ "rope_theta": 1e3, "partial_rotary_factor": 0.3 });
    check(&rope(half), "turn 1 of 4 numbers");
    check(&rope(json!(null)), "is not what it should be");
}

#[test]
fn jina_gives_the_reference_numbers() {
    check_reference("jina", &jina_config(), &jina_shapes(false), "");
    let kind = with(jina_config(), &[("model_type", json!("jina_bert"))]);
    check_reference("jina", &kind, &jina_shapes(false), "bert.");
    let relu = with(jina_config(), &[("feed_forward_type", json!("reglu"))]);
    check_reference("jina-relu", &relu, &jina_shapes(false), "");
    check_reference("jina-code", &jina_config(), &jina_shapes(true), "");
}

#[test]
fn nomic_s_prompts_stand_before_texts_unless_its_folder_has_others() {
    let folder = folder(&nomic_config(), &without_biases(nomic_shapes()), "");
    let vector = |text: &str, role| {
        let model = Transformer::open(folder.path()).unwrap();
        model.embed(&[text], role).unwrap().remove(0)
    };
    let usual = [vector("a b", EmbedRole::Query), vector("a b", EmbedRole::Passage)];
    write_prompts(folder.path(), &json!({}));
    assert_eq!(vector("a b", EmbedRole::Query), usual[0]);
    // Both prompts are four unknown pieces in this vocabulary: a name, `_`, a name and a colon.
    write_prompts(folder.path(), &json!({ "query": "", "document": "" }));
    assert_eq!(vector("search_query: a b", EmbedRole::Query), usual[0]);
    assert_eq!(vector("search_document: a b", EmbedRole::Passage), usual[1]);
    assert_ne!(vector("a b", EmbedRole::Query), usual[0]);
    write_prompts(folder.path(), &json!({ "query": "c: " }));
    let asked = vector("a b", EmbedRole::Query);
    write_prompts(folder.path(), &json!({ "document": "" }));
    assert_eq!(vector("c: a b", EmbedRole::Query), asked);
}

#[test]
fn texts_without_a_table_of_places_end_after_2048_pieces() {
    let jina = folder(&jina_config(), &jina_shapes(false), "");
    let trained = with(nomic_config(), &[("max_trained_positions", json!(64))]);
    let nomic = folder(&trained, &without_biases(nomic_shapes()), "");
    for (folder, pieces) in [(&jina, 2046), (&nomic, 58)] {
        let model = Transformer::open(folder.path()).unwrap();
        let vector = |text: &str| model.embed(&[text], EmbedRole::Passage).unwrap().remove(0);
        let most = "a b ".repeat(pieces / 2);
        assert_eq!(vector(&format!("{most} c d f")), vector(&most));
        assert_ne!(vector(&most[..most.len() - 2]), vector(&most));
    }
}

#[test]
fn what_is_not_known_is_refused_in_words() {
    let check = |config: &Value, shapes: &Shapes, expected: &str| {
        let folder = folder(config, shapes, "");
        let error = Transformer::open(folder.path()).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let error = format!("{error}: {}", source.unwrap_or_default());
        assert!(error.contains(expected), "{error}\nnot: {expected}");
    };
    let plain = without_biases(nomic_shapes());
    let nomic = |key: &str, value: Value, expected: &str| {
        check(&with(nomic_config(), &[(key, value)]), &plain, expected);
    };
    nomic("num_experts", json!(8), "it is a mixture of experts");
    nomic("moe_every_n_layers", json!(2), "it is a mixture of experts");
    nomic("prenorm", json!(true), "it normalizes before its layers");
    nomic("parallel_block", json!(true), "side by side");
    nomic("use_rms_norm", json!(true), "its norms are RMS norms");
    nomic("causal", json!(true), "before a token alone");
    nomic("rotary_emb_interleaved", json!(true), "are interleaved");
    nomic("rotary_emb_scale_base", json!(512), "have a scale");
    nomic("rotary_emb_fraction", json!(0.0), "turn 0 of 4 numbers");
    nomic("rotary_emb_fraction", json!(0.25), "turn 1 of 4 numbers");
    nomic("rotary_emb_fraction", json!(-1.0), "turn 0 of 4 numbers");
    nomic("rotary_emb_base", json!(0), "makes no sense");
    nomic("activation_function", json!("gelu"), "its activation is `gelu`");
    nomic("n_head", json!(0), "`n_head` is 0");
    nomic("layer_norm_epsilon", json!(0), "the epsilon of its norms makes no sense");
    nomic("n_head", json!(5), "do not share its width evenly");
    nomic("n_embd", json!(null), "is not what it should be");
    nomic("n_embd", json!("wide"), "is not what it should be");
    nomic("n_inner", json!(20), "has the shape [16, 12], not [20, 12]");
    nomic("vocab_size", json!(13), "has the shape [12, 12], not [16, 12]");
    nomic("qkv_proj_bias", json!(true), "no tensor `encoder.layers.0.attn.Wqkv.bias`");
    let jina = |key: &str, value: Value, expected: &str| {
        check(&with(jina_config(), &[(key, value)]), &jina_shapes(false), expected);
    };
    jina("feed_forward_type", json!("original"), "its layers are `original`");
    jina("feed_forward_type", json!(null), "its layers are `original`");
    jina("position_embedding_type", json!("relative_key"), "its positions are `relative_key`");
    jina("num_hidden_layers", json!(3), "no tensor `encoder.layer.2.");
    let kind = with(jina_config(), &[("model_type", json!("xlm-roberta"))]);
    check(&kind, &plain, "its kind is `xlm-roberta`; models of the kinds `bert`, `jina_bert` and");
    // A jina model without a table is no BERT.
    let table = [("model_type", json!("jina_bert")), ("position_embedding_type", json!(null))];
    check(&with(jina_config(), &table), &plain, "its positions are `absolute`");
}

#[test]
fn jina_for_code_has_a_tokenizer_of_bytes() {
    let open = |words: usize| {
        let config = with(jina_config(), &[("vocab_size", json!(words))]);
        let mut shapes = jina_shapes(true);
        shapes.insert("embeddings.word_embeddings.weight".into(), vec![words, WIDTH]);
        let folder = folder(&config, &shapes, "");
        fs::write(folder.path().join("tokenizer.json"), BYTE_PAIRS).unwrap();
        Transformer::check(folder.path()).unwrap();
        Transformer::open(folder.path())
    };
    let model = open(600).unwrap();
    let vector = |text: &str| model.embed(&[text], EmbedRole::Passage).unwrap().remove(0);
    assert_eq!(vector("fn main() {}"), vector("fn main() {}"));
    // Neither letters nor blanks are made alike, as WordPiece does.
    assert_ne!(vector("fn main() {}"), vector("FN main() {}"));
    assert_ne!(vector("fn main() {}"), vector("fn  main() {}"));
    let error = open(599).unwrap_err().to_string();
    assert!(error.contains("its tokenizer has a piece 599, its vocabulary 599"), "{error}");
}

#[test]
fn they_are_embedders_alone() {
    for (config, shapes, whose) in [
        (nomic_config(), without_biases(nomic_shapes()), "nomic's"),
        (jina_config(), jina_shapes(false), "jina's"),
    ] {
        let folder = folder(&config, &shapes, "");
        let cross = CrossEncoder::open(folder.path()).unwrap_err().to_string();
        let classifier = TokenClassifier::open(folder.path()).unwrap_err().to_string();
        for error in [cross, classifier] {
            assert!(error.contains(&format!("its layers are {whose}")), "{error}");
        }
    }
}

#[test]
fn damaged_bytes_are_no_panic() {
    for (config, shapes) in [
        (nomic_config(), without_biases(nomic_shapes())),
        (jina_config(), jina_shapes(false)),
        (jina_config(), jina_shapes(true)),
    ] {
        let folder = folder(&config, &shapes, "");
        for name in ["config.json", "model.safetensors"] {
            let path = folder.path().join(name);
            let good = fs::read(&path).unwrap();
            // The settings and the header, not the numbers.
            let end = good.len().min(6000);
            for at in (0..end).step_by(end / 50 + 1) {
                for value in [0, b'9', 0xff] {
                    let mut bytes = good.clone();
                    bytes[at] = value;
                    fs::write(&path, bytes).unwrap();
                    if let Ok(model) = Transformer::open(folder.path()) {
                        let _ = model.embed(&["a b he"], EmbedRole::Query);
                    }
                }
            }
            fs::write(&path, good).unwrap();
        }
    }
}
