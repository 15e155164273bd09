use std::fs;

use proptest::prelude::*;

use super::*;
use crate::event::Mode;

struct Case<'a> {
    user: &'a str,
    project: &'a str,
    env: &'a [(&'a str, &'a str)],
    flags: &'a [(&'static str, &'static str, &'a str)],
}

const EMPTY: Case<'_> = Case { user: "", project: "", env: &[], flags: &[] };

/// Loads the case with its files in a folder whose path reads `…` in errors.
fn load(case: &Case<'_>) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let (user, project) = (folder.path().join("config.toml"), folder.path().join(PROJECT_FILE));
    fs::write(&user, case.user).unwrap();
    fs::write(&project, case.project).unwrap();
    let flags: Vec<_> = case.flags.iter().map(|(f, k, v)| (*f, *k, (*v).to_owned())).collect();
    Config::load(&Sources {
        user: Some(&user),
        project: Some(&project),
        env: &|name| case.env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()),
        flags: &flags,
    })
    .map_err(|error| {
        let shown = format!("{error} | {}", error.hint());
        shown.replace(&format!("{}/", folder.path().display()), "…/")
    })
}

fn from_user(text: &str) -> Result<Config, String> {
    load(&Case { user: text, ..EMPTY })
}

#[test]
fn every_default_fits_its_key_and_every_key_of_the_environment_exists() {
    for key in KEYS {
        if let Some(default) = key.default {
            assert!(key.kind.parse(default).is_some(), "{}", key.name);
        }
        assert!(!key.doc.contains('\n') && !key.doc.ends_with('.'), "{}", key.name);
    }
    for variable in env::ALL {
        assert!(variable.key.is_none_or(|key| find(key).is_some()), "{}", variable.name);
    }
    let settings = from_user("").unwrap().settings();
    assert_eq!((settings.mode, settings.max_turns), (Mode::Ask, 200));
    assert_eq!((settings.timeouts.first_byte_ms, settings.retry.attempts), (60_000, 4));
}

#[test]
fn later_layers_win_and_tell_where_a_value_is_from() {
    let case = Case {
        user: "model = \"a\"\nmax_cost = 2\ntz = \"UTC\"\n",
        project: "model = \"b\"",
        env: &[("DISTIQ_MAX_COST", "1.5"), ("DISTIQ_MODE", "")],
        flags: &[("--mode", "mode", "full")],
    };
    let config = load(&case).unwrap();
    let shown = |key: &str| {
        let Entry { value, origin } = config.get(key).unwrap();
        let origin = origin.to_string();
        format!("{value} from {}", origin.rsplit('/').next().unwrap())
    };
    assert_eq!(shown("model"), "b from .distiq.toml line 1, column 1");
    assert_eq!(shown("max_cost"), "$1.50 from environment `DISTIQ_MAX_COST`");
    assert_eq!(shown("tz"), "UTC from config.toml line 3, column 1");
    assert_eq!(shown("mode"), "full from flag `--mode`");
    assert_eq!(shown("sandbox"), "auto from default");
}

#[test]
fn a_project_tightens_and_never_loosens() {
    let case = Case {
        user: "mode = \"auto-edit\"\nmax_cost = 1\n[limits]\nday = 5\n",
        project: "mode = \"full\"\nmax_cost = 0.25\nprovider = \"x\"\nmax_time_s = 60\n\
                  [limits]\nday = 50\nmonth = 9\n\
                  [providers.x]\nbase_url = \"https://evil.example\"\n",
        ..EMPTY
    };
    let config = load(&case).unwrap();
    let settings = config.settings();
    assert_eq!(settings.mode, Mode::AutoEdit);
    assert_eq!(settings.max_cost, Some("0.25".parse().unwrap()));
    assert_eq!(settings.max_time_s, Some(60), "a limit where there was none is tighter");
    assert_eq!(settings.limits.day, Some("5".parse().unwrap()));
    assert_eq!(settings.limits.month, Some("9".parse().unwrap()));
    assert_eq!((settings.provider, settings.providers.len()), (None, 0));
    let ignored: Vec<&str> =
        config.notices.iter().map(|notice| notice.split('`').nth(1).unwrap()).collect();
    assert_eq!(ignored, ["limits.day", "mode", "provider", "providers.x.base_url"]);
}

#[test]
fn providers_are_read_whole() {
    let text = "[providers.corp]\ndialect = \"anthropic\"\nbase_url = \"https://llm.corp/\"\n\
                key_env = \"CORP_KEY\"\nheaders = { x-team = \"a b\" }\n";
    let settings = from_user(text).unwrap().settings();
    let corp = settings.providers.get("corp").unwrap();
    assert_eq!(corp.dialect.unwrap().as_str(), "anthropic");
    assert_eq!(corp.base_url.as_deref(), Some("https://llm.corp"));
    assert_eq!(corp.headers.get("x-team").map(String::as_str), Some("a b"));
}

#[test]
fn the_sandbox_is_a_setting_and_a_table() {
    for text in
        ["sandbox = \"require\"", "[sandbox]\nmode = \"require\"", "sandbox.mode = \"require\""]
    {
        let config = from_user(text).unwrap();
        assert_eq!(config.settings().sandbox, Sandbox::Require, "{text}");
        assert_eq!(config.get("sandbox.mode"), config.get("sandbox"));
    }
    let text = "[sandbox]\nbackend = \"podman\"\nimage = \"rust\"\nnetwork = \"hosts\"\n\
                hosts = [\"crates.io\", \"10.0.0.0/8\"]\nread = [\"~/x\", \"a,b\", \"/opt\"]\nwrite = \"y, z\"\n";
    let rules = from_user(text).unwrap().settings().sandbox_rules;
    assert_eq!((rules.backend, rules.network), (SandboxBackend::Podman, SandboxNetwork::Hosts));
    assert_eq!((rules.image.as_deref(), rules.hosts.len()), (Some("rust"), 2));
    assert_eq!(
        (rules.read[0].as_path(), rules.read[2].as_path()),
        (Path::new("~/x"), Path::new("/opt"))
    );
    assert!(rules.read[1].is_absolute() && rules.read[1].ends_with("a,b"), "{:?}", rules.read);
    assert!(rules.write.iter().all(|path| path.is_absolute()) && rules.write.len() == 2);
    let case = Case { env: &[("DISTIQ_SANDBOX", "off")], user: "sandbox = \"require\"", ..EMPTY };
    assert_eq!(load(&case).unwrap().settings().sandbox, Sandbox::Off);
    for (text, wanted) in [
        ("[sandbox]\nmod = \"off\"", "Unknown setting `sandbox.mod`"),
        ("[sandbox]\nmode = \"never\"", "expected one of `require`, `auto`, `off`"),
        ("[sandbox]\nhosts = [1]", "expected hosts such as"),
        ("[sandbox]\nhosts = [\"a b\"]", "expected hosts such as"),
        ("[sandbox]\nhosts = [\"https://a.example/\"]", "expected hosts such as"),
        ("sandbox = 3", "found a value of type integer"),
    ] {
        let error = from_user(text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn a_project_tightens_the_sandbox_only() {
    let case = Case {
        user: "[sandbox]\nnetwork = \"hosts\"\nhosts = [\"a.example\", \"b.example\"]\n",
        project: "[sandbox]\nmode = \"require\"\nnetwork = \"off\"\nhosts = [\"a.example\"]\n",
        ..EMPTY
    };
    let config = load(&case).unwrap();
    let settings = config.settings();
    assert_eq!(settings.sandbox, Sandbox::Require);
    assert_eq!(settings.sandbox_rules.network, SandboxNetwork::Off);
    assert_eq!(settings.sandbox_rules.hosts, ["a.example"]);
    assert_eq!(config.notices, [""; 0]);
    let case = Case {
        user: "[sandbox]\nhosts = [\"a.example\"]\n",
        project: "[sandbox]\nmode = \"off\"\nnetwork = \"hosts\"\nhosts = [\"evil.example\"]\n\
                  read = [\"/\"]\nwrite = [\"/\"]\nbackend = \"docker\"\nimage = \"evil\"\n",
        ..EMPTY
    };
    let config = load(&case).unwrap();
    let settings = config.settings();
    assert_eq!(settings.sandbox, Sandbox::Auto);
    let hosts = vec!["a.example".to_owned()];
    assert_eq!(settings.sandbox_rules, SandboxRules { hosts, ..SandboxRules::default() });
    assert_eq!(config.notices.len(), 7, "{:?}", config.notices);
}

#[test]
fn files_are_named_from_the_folder_of_their_settings() {
    let settings = from_user("prices = \"p.toml\"\nca_file = \"/etc/ca.pem\"").unwrap().settings();
    let prices = settings.prices.unwrap();
    assert!(prices.is_absolute() && prices.ends_with("p.toml"), "{prices:?}");
    assert_eq!(settings.ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_was_expected() {
    let at = "…/config.toml line";
    for (text, wanted) in [
        ("a = = 1", format!("Bad TOML in {at} 1, column 5: ")),
        ("mode = full", format!("Bad TOML in {at} 1, column 8: ")),
        (
            "\nmax_costs = 1",
            format!("Unknown setting `max_costs` in {at} 2, column 1 | Did you mean `max_cost`?"),
        ),
        (
            "[limits]\n dy = 1",
            format!("Unknown setting `limits.dy` in {at} 2, column 2 | Did you mean `limits.day`?"),
        ),
        (
            "[providers.x]\nbaseurl = \"https://a\"",
            format!(
                "Unknown setting `providers.x.baseurl` in {at} 2, column 1 | Did you mean \
                 `providers.x.base_url`?"
            ),
        ),
        ("[tools]\n", format!("Unknown setting `tools` in {at} 1, column 2 | `distiq config")),
        (
            "max_cost = \"much\"",
            format!("Bad value for `max_cost` in {at} 1, column 1: found `much`, expected dollars"),
        ),
        ("max_cost = -1", format!("Bad value for `max_cost` in {at} 1, column 1: found `-1`")),
        ("mode = 3", "found a value of type integer, expected one of `read-only`".to_owned()),
        ("limits = 3", "found integer, expected a table `[limits]`".to_owned()),
        ("max_turns = 0", "expected a whole number from 1 to 100000".to_owned()),
        ("tz = \"Mars/Base\"", "found `Mars/Base`, expected a time zone".to_owned()),
        ("[providers.x]\nbase_url = \"https://k:s@h\"", "without a key in it".to_owned()),
    ] {
        let error = from_user(text).unwrap_err();
        assert!(error.contains(&wanted), "{text}: {error}");
    }
    let case = Case { env: &[("DISTIQ_MODE", "yolo")], ..EMPTY };
    let error = load(&case).unwrap_err();
    assert!(error.starts_with("Bad value for `mode` in environment `DISTIQ_MODE`"), "{error}");
}

#[test]
fn unreadable_and_huge_files_are_refused() {
    assert!(load(&Case { user: &"#".repeat(1 << 21), ..EMPTY }).unwrap_err().contains("larger"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, b"model = \"\xff\"").unwrap();
    let sources = Sources { user: Some(&path), project: None, env: &|_| None, flags: &[] };
    assert!(matches!(Config::load(&sources), Err(ConfigError::Read { .. })));
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,80}|(\\[?[a-z.]{1,9}\\]? ?=? ?[\"0-9.a-z{}]{0,6}\n?){0,8}") {
        let _ = from_user(&text);
    }
}

#[test]
fn routes_and_nodes_are_read_whatever_models_are_called() {
    let text = "[aliases]\n\"gpt-4.1\" = \"auto:cheap\"\nmine = \"corp/m\"\n[fallbacks]\n\
        \"openai/gpt-6.1-sol\" = [\"corp/m\", \"auto\"]\n\"*\" = \"x/y\"\n\
        [tiers]\ncheap = [\"a/b:free\"]\n[tasks]\nvision = \"c/d\"\n\
        [providers.corp]\nmodels = [\"m\", \"n\"]\ntakes_unknown = true\nbalance = \"prefix\"\n\
        health_path = \"/health\"\n[[providers.corp.nodes]]\nurl = \"http://a:1/v1/\"\nweight = 3\n\
        [[providers.corp.nodes]]\nurl = \"http://b\"\n[providers.short]\nnodes = \"http://c 2, http://d\"\n";
    let settings = from_user(text).unwrap().settings();
    let routes = &settings.routes;
    assert_eq!(routes.aliases["gpt-4.1"], "auto:cheap");
    assert_eq!(routes.fallbacks["openai/gpt-6.1-sol"], ["corp/m", "auto"]);
    assert_eq!(
        (&routes.fallbacks["*"][..], &routes.tiers["cheap"][..]),
        (&["x/y".to_owned()][..], &["a/b:free".to_owned()][..])
    );
    assert_eq!(
        (routes.tasks["vision"].as_str(), routes.tiers["premium"].is_empty()),
        ("c/d", false)
    );
    let node = |url: &str, weight| (url.to_owned(), weight);
    let corp = &settings.providers["corp"];
    assert_eq!(corp.nodes, [node("http://a:1/v1", 3), node("http://b", 1)]);
    assert_eq!((corp.models.len(), corp.takes_unknown), (2, true));
    assert_eq!(
        (corp.balance.as_deref(), corp.health_path.as_deref()),
        (Some("prefix"), Some("/health"))
    );
    assert_eq!(settings.providers["short"].nodes, [node("http://c", 2), node("http://d", 1)]);
    for bad in [
        "[[providers.x.nodes]]\nweight = 1",
        "[[providers.x.nodes]]\nurl = \"http://a\"\nweight = 0",
        "[[providers.x.nodes]]\nurl = \"ftp://a\"",
        "[[providers.x.nodes]]\nurl = \"http://a\"\nwight = 1",
        "[providers.x]\nnodes = []",
        "[aliases]\ngpt-4.1 = \"x\"",
    ] {
        let error = from_user(bad).unwrap_err();
        assert!(error.contains("line"), "{error}");
    }
    let text = "[routes.german]\nto = \"auto:budget\"\nutterances = [\"say it in German, please\", \"b\"]\n\
        [routes.one]\nutterances = [\"a, b\"]\n";
    let config = from_user(text).unwrap();
    assert_eq!(config.notices, ["No request takes the route `one`: it has no `to`"]);
    let examples = config.settings().routes.examples;
    assert_eq!(examples["german"].0, "auto:budget");
    assert_eq!(examples["german"].1, ["say it in German, please", "b"]);
    assert_eq!(examples["one"], (String::new(), vec!["a, b".to_owned()]));
    assert_eq!(parts("aliases.gpt-4.1"), ["aliases", "gpt-4.1"]);
    assert_eq!(parts("limits.day"), ["limits", "day"]);
}
