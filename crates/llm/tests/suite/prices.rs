//! The golden set: usage objects priced by the catalogue as a calculator in Python prices them.

use std::path::PathBuf;
use std::process::Command;

use distiq_base::{Money, Price, Usage};
use distiq_llm::catalogue::{Catalogue, Factor, ModelInfo, PriceContext};
use distiq_llm::wire::sse::SseEvent;
use distiq_llm::wire::{anthropic, openai};
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn rows() -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(golden("usages.json")).unwrap()).unwrap()
}

/// Reads a row's usage as its vendor's codec does.
fn usage(row: &Value) -> Option<Usage> {
    let reports = row["reports"].as_array().unwrap();
    let first = reports.first()?;
    match row["shape"].as_str().unwrap() {
        "classes" => serde_json::from_value(first.clone()).unwrap(),
        "anthropic" if reports.len() == 1 && row["name"] != "cut after the start" => {
            let body = json!({"type": "message", "id": "m", "role": "assistant", "model": "x",
                "content": [], "stop_reason": "end_turn", "usage": first});
            anthropic::decode_response(body.to_string().as_bytes()).unwrap().usage
        }
        "anthropic" => streamed(first, &reports[1..]),
        "openai" => {
            let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "x",
                "choices": [{"index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "hi"}}],
                "usage": first});
            openai::decode_response(body.to_string().as_bytes()).unwrap().usage
        }
        shape => panic!("unknown shape {shape}"),
    }
}

/// Returns what a stream has reported when it is cut after its last report.
fn streamed(start: &Value, deltas: &[Value]) -> Option<Usage> {
    let start = json!({"type": "message_start", "message": {"type": "message", "id": "m",
        "role": "assistant", "model": "x", "content": [], "usage": start}});
    let deltas = deltas.iter().map(
        |usage| json!({"type": "message_delta", "delta": {"stop_reason": null}, "usage": usage}),
    );
    let mut decoder = anthropic::StreamDecoder::new();
    let mut usage = None;
    for json in std::iter::once(start).chain(deltas) {
        let event = SseEvent {
            event: Some(json["type"].as_str().unwrap().to_owned()),
            data: json.to_string(),
        };
        for event in decoder.feed(&event).unwrap() {
            if let distiq_base::StreamEvent::Usage { usage: reported } = event {
                usage = Some(reported);
            }
        }
    }
    usage
}

fn price(catalogue: &Catalogue, row: &Value) -> Option<Money> {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let context = PriceContext {
        at: text("at").unwrap().parse().unwrap(),
        batch: row["batch"].as_bool().unwrap_or_default(),
        service_tier: text("service_tier"),
        speed: text("speed"),
        geo: text("geo"),
    };
    let (provider, model) = (text("provider").unwrap(), text("model").unwrap());
    catalogue.price(&provider, &model, &usage(row)?, &context)
}

/// Lists the rows that a catalogue prices otherwise than the golden set does.
fn mismatches(catalogue: &Catalogue, rows: &[Value]) -> Vec<String> {
    let wrong = rows.iter().filter_map(|row| {
        let expected = row["cost_nanousd"].as_i64();
        let found = price(catalogue, row).map(Money::nanos);
        (found != expected).then(|| format!("{row}\n  is priced {found:?}"))
    });
    wrong.collect()
}

#[test]
fn every_usage_is_priced_to_the_nano_dollar() {
    let rows = rows();
    assert!(rows.len() >= 200, "{}", rows.len());
    let wrong = mismatches(&Catalogue::builtin(), &rows);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_calculator_still_says_what_the_golden_set_holds() {
    let mut python = Command::new("python3");
    let Ok(output) =
        python.arg(golden("price.py")).arg("costs").arg(golden("usages.json")).output()
    else {
        // Without Python the checked-in costs stand alone; CI has it.
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let computed: Vec<Option<i64>> = serde_json::from_slice(&output.stdout).unwrap();
    let held: Vec<_> = rows().iter().map(|row| row["cost_nanousd"].as_i64()).collect();
    assert_eq!(computed, held);
}

/// Every single change to a model's prices must show: the golden set has a row for each.
#[test]
fn a_swapped_price_or_a_dropped_tier_turns_the_set_red() {
    let rows = rows();
    let builtin = Catalogue::builtin();
    let mut changes = 0;
    for model in builtin.models() {
        let of_model: Vec<Value> = rows
            .iter()
            .filter(|row| {
                let (provider, id) = (row["provider"].as_str(), row["model"].as_str());
                builtin.find(provider.unwrap(), id.unwrap()) == Some(model)
            })
            .cloned()
            .collect();
        for (what, changed) in mutants(model) {
            let mut catalogue = builtin.clone();
            catalogue.insert(changed);
            let caught = !mismatches(&catalogue, &of_model).is_empty();
            assert!(caught, "{} {}: {what} goes unseen", model.provider, model.id);
            changes += 1;
        }
    }
    assert!(changes > 300, "{changes}");
}

/// Returns the model with one thing wrong, in every way that changes a price.
fn mutants(model: &ModelInfo) -> Vec<(String, ModelInfo)> {
    let mut mutants = Vec::new();
    let mut add = |what: &str, change: &dyn Fn(&mut ModelInfo)| {
        let mut changed = model.clone();
        change(&mut changed);
        if changed != *model {
            mutants.push((what.to_owned(), changed));
        }
    };
    add("input and output swapped", &|model| {
        let base = &mut model.rows[0].base;
        std::mem::swap(&mut base.input, &mut base.output);
    });
    if model.rows[0].base.cache_read.is_some() {
        add("input and read swapped", &|model| {
            let base = &mut model.rows[0].base;
            (base.input, base.cache_read) = (base.read(), Some(base.input));
        });
        add("no read price", &|model| model.rows[0].base.cache_read = None);
    }
    if model.rows[0].base.write() != model.rows[0].base.write_long() {
        add("both writes swapped", &|model| {
            let base = &mut model.rows[0].base;
            (base.cache_write, base.cache_write_long) =
                (Some(base.write_long()), Some(base.write()));
        });
    }
    for tier in 0..model.rows[0].tiers.len() {
        add("a tier dropped", &|model| {
            model.rows[0].tiers.remove(tier);
        });
        add("a tier one token later", &|model| model.rows[0].tiers[tier].over += 1);
        add("a tier one token sooner", &|model| model.rows[0].tiers[tier].over -= 1);
        add("a tier's prices swapped", &|model| {
            let prices = &mut model.rows[0].tiers[tier].prices;
            std::mem::swap(&mut prices.input, &mut prices.output);
        });
    }
    if model.rows.len() > 1 {
        add("a dated row dropped", &|model| {
            model.rows.remove(1);
        });
        add("dates dropped", &|model| {
            model.rows.truncate(1);
            (model.rows[0].from, model.rows[0].to) = (None, None);
        });
    }
    add("quiet hours dropped", &|model| model.rows[0].off_peak = None);
    add("one nano-dollar more", &|model| {
        let base = &mut model.rows[0].base;
        base.input = Price(base.input.0 + 1_000_000);
    });
    let factors: [fn(&mut ModelInfo) -> &mut Option<Factor>; 6] = [
        |model| &mut model.factors.batch,
        |model| &mut model.factors.us,
        |model| &mut model.factors.fast,
        |model| &mut model.factors.flex,
        |model| &mut model.factors.priority,
        |model| &mut model.factors.ultrafast,
    ];
    for (index, factor) in factors.iter().enumerate() {
        add(&format!("factor {index} dropped"), &|model| *factor(model) = None);
        add(&format!("factor {index} made up"), &|model| {
            factor(model).get_or_insert(Factor(1_200_000));
        });
    }
    mutants
}
