//! What a simulated month comes to, for people and for programs.

use std::fmt::Write;

use distiq_base::Money;
use distiq_router::Saved;
use serde_json::{Value, json};

use super::Months;
use crate::month::{Month, Setup, assumptions};

/// What each mechanism is called, and what it saved of a month.
pub fn mechanisms(saved: &Saved) -> [(&'static str, Money); 6] {
    [
        ("routing", saved.route_nanousd),
        ("vendors' prompt caches", saved.prompt_cache_nanousd),
        ("shorter conversations", saved.context_nanousd),
        ("answers that were kept", saved.response_cache_nanousd),
        ("answers without a model", saved.zero_token_nanousd),
        ("shorter texts", saved.compression_nanousd),
    ]
}

/// Returns all of it as one object.
pub fn json(setup: &Setup, months: &Months) -> Value {
    let first = months.first().map(|(_, month)| month.clone()).unwrap_or_default();
    let mechanisms: Vec<Value> = mechanisms(&first.saved)
        .into_iter()
        .map(|(name, saved)| json!({"name": name, "saved_nanousd": saved}))
        .collect();
    let policies: Vec<Value> = months
        .iter()
        .map(|(policy, month)| {
            let mut value = json!(month);
            if let Some(object) = value.as_object_mut() {
                object.insert("policy".to_owned(), json!(policy.as_str()));
            }
            value
        })
        .collect();
    json!({
        "simulated": true,
        "seed": setup.seed,
        "prices_as_of": setup.catalogue.as_of(),
        "policy": setup.policy.as_str(),
        "premium_model": first.premium,
        "cost_nanousd": first.cost_nanousd,
        "baselines": first.baselines,
        "mechanisms": mechanisms,
        "policies": policies,
        "mix": setup.mix,
        "assumptions": assumptions(&setup.mix),
    })
}

/// Returns it in words.
pub fn text(setup: &Setup, months: &Months) -> String {
    let mut text = String::new();
    let Some((policy, month)) = months.first() else { return text };
    let _ = writeln!(
        text,
        "A simulated month of {} requests, policy {}, prices of {}: ${:.2}\n",
        month.requests,
        policy.as_str(),
        setup.catalogue.as_of(),
        dollars(month.cost_nanousd),
    );
    baselines(&mut text, month);
    parts(&mut text, month);
    let _ = writeln!(text, "\nBy policy");
    for (policy, month) in months {
        let lower = percent(month.baselines.append_only_nanousd, month.cost_nanousd);
        let _ = writeln!(
            text,
            "  {:<9}{:>10}  {lower} less than the plain loop; {} of {} requests done",
            policy.as_str(),
            shown(month.cost_nanousd),
            month.requests - month.not_done,
            month.requests,
        );
    }
    let _ = writeln!(text, "\nAssumed");
    for line in assumptions(&setup.mix) {
        let _ = writeln!(text, "- {line}");
    }
    text.trim_end().to_owned()
}

fn baselines(text: &mut String, month: &Month) {
    let all = &month.baselines;
    let _ = writeln!(text, "The same requests, {} to a model, on {}", all.requests, month.premium);
    for (name, cost) in [
        ("in a plain loop with the vendor's cache", all.append_only_nanousd),
        ("without any cache", all.uncached_nanousd),
    ] {
        let lower = percent(cost, month.cost_nanousd);
        let _ = writeln!(text, "  {name:<42}{:>10}  {lower} less", shown(cost));
    }
}

fn parts(text: &mut String, month: &Month) {
    let _ =
        writeln!(text, "\nSaved, each held against what is above it, as `cost --saved` tells it");
    for (name, saved) in mechanisms(&month.saved) {
        let _ = writeln!(text, "  {name:<42}{:>10}", shown(saved));
    }
    let _ = writeln!(
        text,
        "\nHow it went\n  {} of {} requests were judged as hard as they are\n  {} were answered without a model, {} from \
         kept answers of {} repeats ({} of them wrongly)\n  {} failed at first; {} times a stronger model said what to do, which was enough {} times, else it went \
         on; {} were not done\n  \
         {} requests to models, {} tokens in ({} from cache), {} out",
        month.judged_right,
        month.requests,
        month.without_model,
        month.kept_hits,
        month.repeats,
        month.kept_false,
        month.failed_first,
        month.corrections,
        month.corrections_done,
        month.not_done,
        month.model_requests,
        month.usage.prompt(),
        month.usage.cache_read,
        month.usage.output,
    );
    for (title, parts) in
        [("By difficulty", &month.classes), ("By tier", &month.tiers), ("By model", &month.models)]
    {
        let _ = writeln!(text, "\n{title}");
        for (name, part) in parts {
            let name = if name.is_empty() { "(none)" } else { name };
            let cost = shown(part.cost_nanousd);
            let _ = writeln!(text, "  {name:<42}{cost:>10}  {} requests", part.requests);
        }
    }
}

fn dollars(money: Money) -> f64 {
    money.nanos() as f64 / 1e9
}

fn shown(money: Money) -> String {
    format!("${:.2}", dollars(money)).replace("$-", "-$")
}

fn percent(of: Money, cost: Money) -> String {
    match dollars(of) {
        whole if whole > 0.0 => format!("{:.0} %", (1.0 - dollars(cost) / whole) * 100.0),
        _ => "0 %".to_owned(),
    }
}
