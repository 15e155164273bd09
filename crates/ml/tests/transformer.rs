//! The transformer against numbers that `reference/bert.py` worked out with numpy.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use distiq_base::{Embed, EmbedRole};
use distiq_ml::{CrossEncoder, TokenClassifier, Transformer, cosine};
use serde_json::{Value, json};

const TINY: &str = include_str!("reference/tiny.txt");
const MINILM: &str = include_str!("reference/minilm.txt");
const TEXTS: &str = include_str!("reference/texts.txt");

/// The vocabulary of the tiny model; a piece's line is its number.
const PIECES: &[&str] =
    &["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d", "##e", "f", "g", "##h"];

/// A folder with a model of one layer, as `reference/bert.py` describes it.
struct Tiny {
    folder: tempfile::TempDir,
}

impl Tiny {
    fn new() -> Self {
        let tiny = Self { folder: tempfile::tempdir().unwrap() };
        let config = json!({
            "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "max_position_embeddings": 10, "vocab_size": 12,
            "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
        });
        tiny.write("config.json", &config);
        fs::write(tiny.path().join("vocab.txt"), PIECES.join("\n")).unwrap();
        tiny.write_weights(|_| true);
        tiny
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, json: &Value) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, json.to_string()).unwrap();
    }

    fn change(&self, name: &str, change: impl Fn(&mut Value)) {
        let mut json: Value =
            serde_json::from_str(&fs::read_to_string(self.path().join(name)).unwrap()).unwrap();
        change(&mut json);
        self.write(name, &json);
    }

    /// Writes those of the weights that `is_kept` wants.
    fn write_weights(&self, is_kept: impl Fn(&str) -> bool) {
        self.write_weights_of(2, is_kept);
    }

    /// The same for a model that tells so many classes apart.
    fn write_weights_of(&self, classes: usize, is_kept: impl Fn(&str) -> bool) {
        let linear = |name: &str, outputs, inputs| {
            let name = format!("encoder.layer.0.{name}");
            [
                (format!("{name}.weight"), vec![outputs, inputs]),
                (format!("{name}.bias"), vec![outputs]),
            ]
        };
        let norm =
            |name: &str| [(format!("{name}.weight"), vec![8]), (format!("{name}.bias"), vec![8])];
        let table = |name: &str, rows| (format!("embeddings.{name}.weight"), vec![rows, 8]);
        let mut tensors = vec![
            table("word_embeddings", 12),
            table("position_embeddings", 10),
            table("token_type_embeddings", 2),
        ];
        tensors.extend(norm("embeddings.LayerNorm"));
        for part in ["query", "key", "value"] {
            tensors.extend(linear(&format!("attention.self.{part}"), 8, 8));
        }
        tensors.extend(linear("attention.output.dense", 8, 8));
        tensors.extend(linear("intermediate.dense", 16, 8));
        tensors.extend(linear("output.dense", 8, 16));
        tensors.extend(norm("encoder.layer.0.attention.output.LayerNorm"));
        tensors.extend(norm("encoder.layer.0.output.LayerNorm"));
        tensors.push(("classifier.weight".into(), vec![classes, 8]));
        tensors.push(("classifier.bias".into(), vec![classes]));
        tensors.push(("pooler.dense.weight".into(), vec![8, 8]));
        tensors.push(("pooler.dense.bias".into(), vec![8]));
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        for (tensor, (name, shape)) in tensors.into_iter().enumerate() {
            if !is_kept(&name) {
                continue;
            }
            let begin = data.len();
            let more = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            for at in 0..shape.iter().product::<usize>() {
                let value = (0.7 * at as f64 + tensor as f64).sin() / 2.0 + more;
                data.extend((value as f32).to_le_bytes());
            }
            let entry =
                json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()] });
            header.insert(name, entry);
        }
        let header = Value::Object(header).to_string();
        let mut bytes = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        fs::write(self.path().join("model.safetensors"), bytes).unwrap();
    }

    fn error(&self) -> String {
        let error = Transformer::open(self.path()).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    }
}

fn numbers(line: &str) -> Vec<f32> {
    line.split(' ').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn one_layer_gives_the_reference_numbers_in_every_pooling() {
    let texts = [("2,3", ""), ("2,5,6,3", "B c"), ("2,7,7,4,11,8,3", "d D ahe")];
    for (pooling, mode) in
        [("mean", "mean_tokens"), ("first", "cls_token"), ("greatest", "max_tokens")]
    {
        let tiny = Tiny::new();
        let mode = format!("pooling_mode_{mode}");
        tiny.write(
            "modules.json",
            &json!([
                { "path": "", "type": "sentence_transformers.models.Transformer" },
                { "path": "pool", "type": "sentence_transformers.models.Pooling" },
            ]),
        );
        tiny.write("pool/config.json", &json!({ "pooling_mode_mean_tokens": false, mode: true }));
        let model = Transformer::open(tiny.path()).unwrap();
        let given: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
        // Together and one by one: neighbours in a batch change nothing.
        let together = model.embed(&given, EmbedRole::Passage).unwrap();
        for ((ids, text), vector) in texts.iter().zip(together) {
            let alone = model.embed(&[text], EmbedRole::Query).unwrap().remove(0);
            let prefix = format!("{pooling} {ids} ");
            let expected = TINY.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
            for (a, b) in
                [&vector, &alone].into_iter().flat_map(|v| v.iter().zip(numbers(expected)))
            {
                assert!((a - b).abs() < 1e-5, "{prefix}{vector:?}");
            }
        }
    }
}

/// Returns the reference's chance of the second class for each piece.
fn second(ids: &str) -> Vec<f32> {
    let prefix = format!("second {ids} ");
    numbers(TINY.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap())
}

#[test]
fn words_get_the_mean_of_their_pieces_reference_chances() {
    let tiny = Tiny::new();
    let model = TokenClassifier::open(tiny.path()).unwrap();
    let check = |words: &[&str], expected: &[f32]| {
        let chances = model.chances(words);
        assert_eq!(chances.len(), expected.len());
        for (a, b) in chances.iter().zip(expected) {
            assert!((a - b).abs() < 1e-5, "{words:?}: {chances:?}, not {expected:?}");
        }
    };
    let [_, b, c, _] = second("2,5,6,3")[..] else { panic!() };
    check(&["B", "c"], &[b, c]);
    // A word of several pieces, one of none and one of control characters alone.
    let [_, d, e, a, h, he, _] = second("2,7,7,4,11,8,3")[..] else { panic!() };
    check(&["d", "", "\u{1}", "D", "ahe"], &[d, 0.0, 0.0, e, (a + h + he) / 3.0]);
    check(&[], &[]);
    // Nine words are more than one pass takes; what the second takes, it takes as a text of its own.
    let one = model.chances(&["a", "b", "c", "d", "a", "b", "c", "d"]);
    let two = model.chances(&["a", "b", "c", "d", "a", "b", "c", "d", "b", "c"]);
    assert_eq!(two[..8], one[..]);
    assert!((two[8] - b).abs() < 1e-5 && (two[9] - c).abs() < 1e-5);
}

#[test]
fn the_class_of_words_that_stay_is_told_by_its_name() {
    let first = |change: &dyn Fn(&mut Value)| {
        let tiny = Tiny::new();
        tiny.change("config.json", change);
        TokenClassifier::open(tiny.path()).map(|model| model.chances(&["B", "c"])[0])
    };
    let b = second("2,5,6,3")[1];
    let labels = |zero: &'static str, one: &'static str| {
        move |json: &mut Value| json["id2label"] = json!({ "0": zero, "1": one })
    };
    for (zero, one, expected) in
        [("LABEL_0", "LABEL_1", b), ("drop", "keep", b), ("KEEP", "DROP", 1.0 - b)]
    {
        assert!((first(&labels(zero, one)).unwrap() - expected).abs() < 1e-5, "{zero} {one}");
    }
    let error = |change: &dyn Fn(&mut Value)| first(change).unwrap_err().to_string();
    assert!(error(&labels("PER", "LOC")).contains("its classes are `per` and `loc`"));
    let three = |json: &mut Value| json["id2label"] = json!({ "0": "a", "1": "b", "2": "c" });
    assert!(error(&three).contains("3 classes apart, not two"));
    let tiny = Tiny::new();
    tiny.write_weights(|name| !name.starts_with("classifier"));
    let error = TokenClassifier::open(tiny.path()).unwrap_err().to_string();
    assert!(error.contains("no tensor `classifier.weight`"), "{error}");
}

#[test]
fn a_pair_gets_the_reference_score() {
    let tiny = Tiny::new();
    tiny.write_weights_of(1, |_| true);
    let model = CrossEncoder::open(tiny.path()).unwrap();
    for (ids, request, passage) in [("2,5,3,5,6,3", "b", "B c"), ("2,7,7,3,9,3", "D d", "f")] {
        let prefix = format!("fits {ids} ");
        let expected = TINY.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
        let expected: f32 = expected.parse().unwrap();
        for threads in [1, 3] {
            let model = CrossEncoder::open(tiny.path()).unwrap().with_threads(threads);
            let scores = model.scores(request, &["a", passage, ""]);
            assert!((scores[1] - expected).abs() < 1e-5, "{prefix}{scores:?}");
            assert!(scores.len() == 3 && scores.iter().all(|score| score.is_finite()));
        }
    }
    assert_eq!(model.scores("a", &[]), [0.0; 0]);
    // Ten pieces are all that it reads of both.
    let long = "a b c d ".repeat(1000);
    assert_eq!(model.scores(&long, &[&long]), model.scores("a b c", &["a b c d a b"]));
}

#[test]
fn what_is_no_cross_encoder_is_refused_in_words() {
    let tiny = Tiny::new();
    let error = |tiny: &Tiny| CrossEncoder::open(tiny.path()).unwrap_err().to_string();
    assert!(error(&tiny).contains("has the shape [2, 8], not [1, 8]"), "{}", error(&tiny));
    tiny.write_weights_of(1, |name| !name.starts_with("pooler"));
    assert!(error(&tiny).contains("no tensor `bert.pooler.dense.weight`"), "{}", error(&tiny));
}

#[test]
fn prompts_stand_before_what_they_are_for() {
    let tiny = Tiny::new();
    tiny.write(
        "config_sentence_transformers.json",
        &json!({ "prompts": { "query": "a ", "document": "" } }),
    );
    let model = Transformer::open(tiny.path()).unwrap();
    let one = |text: &str, role| model.embed(&[text], role).unwrap().remove(0);
    assert_eq!(one("b", EmbedRole::Query), one("a b", EmbedRole::Passage));
    assert_ne!(one("b", EmbedRole::Passage), one("a b", EmbedRole::Passage));
}

#[test]
fn models_that_differ_have_different_names() {
    let id = |tiny: &Tiny| Transformer::open(tiny.path()).unwrap().id().to_owned();
    let (tiny, other) = (Tiny::new(), Tiny::new());
    assert_eq!(id(&tiny), id(&other));
    other.write("sentence_bert_config.json", &json!({ "max_seq_length": 8 }));
    assert_ne!(id(&tiny), id(&other));
}

#[test]
fn what_cannot_be_used_is_refused_in_words() {
    let check = |change: &dyn Fn(&Tiny), expected: &str| {
        let tiny = Tiny::new();
        change(&tiny);
        let error = tiny.error();
        assert!(error.contains(expected), "{error}\nnot: {expected}");
    };
    let remove =
        |name: &'static str| move |tiny: &Tiny| fs::remove_file(tiny.path().join(name)).unwrap();
    check(&remove("config.json"), "config.json`: No such file");
    check(&remove("vocab.txt"), "vocab.txt`: No such file");
    check(&remove("model.safetensors"), "model.safetensors`: No such file");
    let set = |key: &'static str, value: Value| {
        move |tiny: &Tiny| tiny.change("config.json", |json| json[key] = value.clone())
    };
    check(&set("model_type", json!("roberta")), "its kind is `roberta`");
    check(&set("hidden_act", json!("swish")), "its activation is `swish`");
    check(&set("position_embedding_type", json!("relative_key")), "its positions are `rel");
    check(&set("hidden_size", json!(0)), "`hidden_size` is 0");
    check(&set("num_attention_heads", json!(3)), "do not share its width evenly");
    check(&set("num_hidden_layers", json!(2)), "no tensor `encoder.layer.1.");
    check(&set("vocab_size", json!(11)), "its tokenizer has a piece 11");
    check(&set("vocab_size", json!(20)), "has the shape [12, 8], not [20, 8]");
    check(&set("hidden_size", json!("wide")), "is not what it should be");
    let keep = |tiny: &Tiny| tiny.write_weights(|name| !name.contains("output.dense.bias"));
    check(&keep, "no tensor `encoder.layer.0.attention.output.dense.bias`");
    check(
        &|tiny| tiny.write_weights(|name| !name.contains("word_emb")),
        "no tensor `embeddings.word",
    );
    check(
        &|tiny| tiny.write("modules.json", &json!([{ "type": "models.Dense", "path": "2_Dense" }])),
        "it has a module `Dense`",
    );
    check(
        &|tiny| tiny.write("modules.json", &json!([{ "type": "m.Pooling", "path": "../../etc" }])),
        "it has a module at `../../etc`",
    );
    check(
        &|tiny| tiny.write("1_Pooling/config.json", &json!({ "pooling_mode_lasttoken": true })),
        "its pooling is neither",
    );
    check(
        &|tiny| fs::write(tiny.path().join("tokenizer.json"), "{").unwrap(),
        "tokenizer.json` is not what it should be",
    );
    check(
        &|tiny| {
            remove("model.safetensors")(tiny);
            fs::write(tiny.path().join("pytorch_model.bin"), "").unwrap();
        },
        "its weights are not in one file",
    );
}

#[test]
fn damaged_bytes_are_no_panic() {
    let tiny = Tiny::new();
    for name in ["config.json", "vocab.txt", "model.safetensors"] {
        let path = tiny.path().join(name);
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(good.len() / 60 + 1) {
            for value in [0, b'9', 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                fs::write(&path, bytes).unwrap();
                if let Ok(model) = Transformer::open(tiny.path()) {
                    let _ = model.embed(&["a b he"], EmbedRole::Query);
                }
                if let Ok(model) = CrossEncoder::open(tiny.path()) {
                    let _ = model.scores("a b", &["he"]);
                }
                if let Ok(model) = TokenClassifier::open(tiny.path()) {
                    let chances = model.chances(&["a", "b", "he"]);
                    assert!(chances.iter().all(|it| (0.0..=1.0).contains(it)), "{chances:?}");
                }
            }
            fs::write(&path, &good[..at]).unwrap();
            let _ = Transformer::open(tiny.path());
        }
        fs::write(&path, good).unwrap();
    }
}

/// All-MiniLM-L6-v2, which `tests/setup_python.sh minilm` fetches.
#[test]
fn minilm_gives_the_reference_numbers() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/minilm");
    if !folder.join("model.safetensors").is_file() {
        println!("SKIPPED suite minilm: `.cache/minilm` has no model");
        return;
    }
    let model = Transformer::open(&folder).unwrap();
    let texts: Vec<&str> = TEXTS.lines().collect();
    let vectors = model.embed(&texts, EmbedRole::Passage).unwrap();
    assert_eq!(MINILM.lines().count(), texts.len());
    for ((line, text), vector) in MINILM.lines().zip(&texts).zip(&vectors) {
        let (_, expected) = line.split_once(' ').unwrap();
        let near = cosine(&numbers(expected), vector);
        assert!(near > 0.999, "{text:.60}: {near}");
    }
    assert!(cosine(&vectors[0], &vectors[1]) > 0.85);
}
