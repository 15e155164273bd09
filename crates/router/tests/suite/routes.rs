//! What names stand for, by settings and an environment.

use std::sync::Arc;

use distiq_base::Dialect;
use distiq_base::config::{Config, Sources};
use distiq_llm::{Catalogue, Registry};
use distiq_router::{RouteError, Table, Task, Tier};

const ANTHROPIC: (&str, &str) = ("ANTHROPIC_API_KEY", "a");
const OPENAI: (&str, &str) = ("OPENAI_API_KEY", "o");
const OPENROUTER: (&str, &str) = ("OPENROUTER_API_KEY", "r");

fn table(config: &str, env: &[(&str, &str)]) -> Table {
    let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config).unwrap();
    let sources = Sources { user: Some(file.path()), project: None, env: &env, flags: &[] };
    let settings = Config::load(&sources).unwrap().settings();
    let registry = Registry::from_settings(&settings, &env);
    Table::new(&settings, &registry, Arc::new(Catalogue::builtin()))
}

/// Returns the route's name and its ways, or the error.
fn ways(table: &Table, name: &str, dialect: Option<Dialect>) -> String {
    match table.resolve(name, dialect) {
        Ok(route) => {
            assert!(!route.reasons.is_empty());
            let ways: Vec<String> = route.candidates.iter().map(ToString::to_string).collect();
            format!("{}: {}", route.name, ways.join(", "))
        }
        Err(error) => format!("{error} | {}", error.hint()),
    }
}

#[test]
fn a_model_goes_to_who_makes_it() {
    let both = table("", &[ANTHROPIC, OPENAI]);
    let check = |name, expected: &str| assert_eq!(ways(&both, name, None), expected);
    check("claude-sonnet-5-5", "named: anthropic/claude-sonnet-5-5");
    check("claude-sonnet-4-5-20250929", "named: anthropic/claude-sonnet-4-5-20250929");
    check("gpt-6.1-sol", "named: openai/gpt-6.1-sol");
    check("openai/anything-new", "named: openai/anything-new");
    check(
        "deepseek-flash",
        "The model `deepseek-flash` cannot be asked: No key for the provider `deepseek`: \
         `DEEPSEEK_API_KEY` is not set | Set `DEEPSEEK_API_KEY`; a server on this machine needs \
         no key",
    );
    check(
        "mystery",
        "No provider that is set up offers the model `mystery` | Write `PROVIDER/MODEL`, the \
         providers being anthropic, openai",
    );
    check(
        "",
        "No provider that is set up offers the model `` | Write `PROVIDER/MODEL`, the providers being anthropic, openai",
    );
    let one = table("", &[OPENAI]);
    assert_eq!(ways(&one, "mystery", None), "only provider: openai/mystery");
    assert!(matches!(one.resolve("claude-opus-5-5", None), Err(RouteError::NotSetUp { .. })));
    let reseller = table("", &[OPENROUTER, OPENAI]);
    assert_eq!(
        ways(&reseller, "openrouter/anthropic/claude-sonnet-5.5", None),
        "named: openrouter/anthropic/claude-sonnet-5.5"
    );
    assert!(ways(&table("", &[]), "gpt-6.1-sol", None).contains("`OPENAI_API_KEY` is not set"));
}

#[test]
fn lists_and_takers_come_before_and_behind_the_catalogue() {
    let config = "[providers.corp]\nbase_url = \"http://127.0.0.1:1/v1\"\n\
        models = [\"gpt-6.1-sol\", \"house\"]\n\
        [providers.twin]\nbase_url = \"http://127.0.0.1:2\"\ndialect = \"anthropic\"\n\
        models = [\"house\"]\ntakes_unknown = true\n";
    let table = table(config, &[OPENAI, ANTHROPIC]);
    let check = |name, dialect, expected: &str| assert_eq!(ways(&table, name, dialect), expected);
    check("gpt-6.1-sol", None, "named: corp/gpt-6.1-sol");
    check("gpt-6-luna", None, "named: openai/gpt-6-luna");
    check("house", Some(Dialect::Openai), "named: corp/house");
    check("house", Some(Dialect::Anthropic), "named: twin/house");
    check("whatever/it:is", None, "upstream: twin/whatever/it:is");
}

#[test]
fn a_bare_upstream_takes_what_nobody_knows_in_the_callers_dialect() {
    let env = [
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
    ];
    let table = Table { takes_unknown: true, ..table("", &env) };
    let check = |name, dialect, expected: &str| {
        assert_eq!(ways(&table, name, Some(dialect)), expected);
    };
    check("m", Dialect::Anthropic, "upstream: anthropic/m");
    check("m", Dialect::Openai, "upstream: openai/m");
    check("m", Dialect::Gemini, "upstream: openai/m");
    check("mistral/m", Dialect::Openai, "upstream: openai/mistral/m");
    check("deepseek-flash", Dialect::Anthropic, "upstream: anthropic/deepseek-flash");
    check("claude-opus-5-5", Dialect::Openai, "named: anthropic/claude-opus-5-5");
}

#[test]
fn tiers_hold_what_is_set_up_and_policies_choose_the_tier() {
    let both = table("", &[ANTHROPIC, OPENAI]);
    let check = |name, expected: &str| assert_eq!(ways(&both, name, None), expected);
    check("auto:cheap", "auto: anthropic/claude-haiku-5-5, openai/gpt-6-luna");
    check("auto", "auto: anthropic/claude-sonnet-5-5, openai/gpt-6.1-sol");
    check("auto:best", "auto: anthropic/claude-opus-5-5, openai/gpt-6-astra");
    check("auto:budget", "auto: anthropic/claude-haiku-5-5, openai/gpt-6-luna");
    check("auto:reasoning", "auto: anthropic/claude-fable-5-1, openai/gpt-6-astra");
    check(
        "auto:huge",
        "`auto:huge` names no tier | Write `auto`, or `auto:` with local, free, budget, balanced, premium or reasoning",
    );
    let tier = |policy: &str| {
        let table = table(&format!("policy = \"{policy}\""), &[OPENAI]);
        table.resolve("auto", None).unwrap().candidates[0].tier
    };
    assert_eq!(tier("cheapest"), Some(Tier::Budget));
    assert_eq!(tier("balanced"), Some(Tier::Balanced));
    assert_eq!(tier("best"), Some(Tier::Premium));
    let own = table(
        "[tiers]\ncheap = [\"corp/a\", \"nowhere/b\", \"openai/c\", \"corp/a\"]\n\
        [providers.corp]\nbase_url = \"http://127.0.0.1:1/v1\"",
        &[OPENAI],
    );
    assert_eq!(ways(&own, "auto:cheap", None), "auto: corp/a, openai/c");
    let route = own.resolve("auto:cheap", None).unwrap();
    assert!(route.reasons.contains(&"passed over nowhere/b: it is not set up".to_owned()));
    let bare = table("[tiers]\ncheap = []", &[OPENAI]);
    assert_eq!(ways(&bare, "auto:cheap", None), "auto: openai/gpt-6.1-sol");
    assert!(table("", &[]).resolve("auto", None).is_err());
}

#[test]
fn aliases_lead_on_and_never_round() {
    let config = "[aliases]\nfast = \"auto:cheap\"\n\"gpt-4.1\" = \"good\"\ngood = \"openai/gpt-6.1-sol\"\n\
        a = \"b\"\nb = \"c\"\nc = \"a\"\nself = \"self\"\n";
    let table = table(config, &[OPENAI]);
    let check = |name, expected: &str| assert_eq!(ways(&table, name, None), expected);
    check("fast", "auto: openai/gpt-6-luna");
    check("gpt-4.1", "alias: openai/gpt-6.1-sol");
    check("a", "The alias `a` leads nowhere: a → b → c → a | Mend it under `[aliases]`");
    check("self", "only provider: openai/self");
    let reasons = table.resolve("gpt-4.1", None).unwrap().reasons;
    assert_eq!(
        reasons[..2],
        ["`gpt-4.1` is an alias of `good`", "`good` is an alias of `openai/gpt-6.1-sol`"]
    );
    assert_eq!(table.names()["auto"], "balanced");
}

#[test]
fn fall_backs_stand_behind_by_the_nearest_name() {
    let config = "[fallbacks]\n\"claude-opus-5-5\" = [\"gpt-6.1-sol\", \"nowhere/x\", \"auto:cheap\"]\n\
        openai = [\"anthropic/claude-haiku-5-5\"]\n\"*\" = [\"openai/gpt-6-luna\"]\n";
    let table = table(config, &[OPENAI, ANTHROPIC]);
    let check = |name, expected: &str| assert_eq!(ways(&table, name, None), expected);
    check(
        "claude-opus-5-5",
        "named: anthropic/claude-opus-5-5, openai/gpt-6.1-sol, anthropic/claude-haiku-5-5, \
         openai/gpt-6-luna",
    );
    check("gpt-6.1-sol", "named: openai/gpt-6.1-sol, anthropic/claude-haiku-5-5");
    check("claude-sonnet-5-5", "named: anthropic/claude-sonnet-5-5, openai/gpt-6-luna");
    check("openai/gpt-6-luna", "named: openai/gpt-6-luna, anthropic/claude-haiku-5-5");
}

/// Families of prompts that mean the same, by their names.
fn families() -> Vec<Vec<String>> {
    let rows = include_str!("../../data/prompts/prompts.jsonl").lines();
    let mut families = std::collections::BTreeMap::<String, Vec<String>>::new();
    for row in rows {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        if row["text"].as_str().unwrap().len() < 200 {
            families.entry(text("family")).or_default().push(text("text"));
        }
    }
    families.into_values().filter(|family| family.len() >= 3).collect()
}

#[test]
fn a_route_by_utterances_takes_its_own_and_hardly_anything_else() {
    let families = families();
    let (mut own, mut found, mut others, mut wrong) = (0, 0, 0, 0);
    for (at, family) in families.iter().enumerate().step_by(9) {
        let (last, utterances) = family.split_last().unwrap();
        let mut settings = distiq_base::config::RouteSettings::default();
        settings.examples.insert("it".into(), ("auto:budget".into(), utterances.to_vec()));
        let examples = distiq_router::Examples::new(&settings);
        own += 1;
        found += usize::from(examples.find(last).is_some());
        for other in families.iter().enumerate().filter(|(other, _)| *other != at) {
            others += 1;
            wrong += usize::from(examples.find(other.1.last().unwrap()).is_some());
        }
    }
    println!("{found} of {own} found; {wrong} of {others} others taken");
    assert!(found * 100 >= own * 60, "{found} of {own}");
    // Most of them are the same request in another language.
    assert!(wrong * 1_000 <= others, "{wrong} of {others}");
}

#[test]
fn a_task_may_have_a_model_of_its_own() {
    let table =
        table("[tasks]\nsummarize = \"auto:cheap\"\nembed = \"nowhere/x\"", &[OPENAI, ANTHROPIC]);
    let route = table.task(Task::Summarize).unwrap().unwrap();
    assert_eq!(route.candidates[0].to_string(), "anthropic/claude-haiku-5-5");
    assert_eq!(table.task(Task::Vision).unwrap(), None);
    assert!(table.task(Task::Embed).is_err());
}

#[test]
fn every_model_of_the_built_in_tiers_has_a_price() {
    let table = table("", &[]);
    for tier in Tier::ASKED {
        for model in table.models(tier) {
            let (provider, model) = model.split_once('/').unwrap();
            let info = table.catalogue.find(provider, model);
            assert!(info.is_some_and(|info| info.caps.tools), "{provider}/{model}");
        }
    }
}
