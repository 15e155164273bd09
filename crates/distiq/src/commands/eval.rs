//! `distiq eval`

use std::fmt::Write as _;

use distiq_base::Money;
use distiq_router::Policy;
use serde::Serialize;
use serde_json::json;

use super::simulate::{Options, usual};
use crate::cli::{Global, JsonFlag};
use crate::failure::Failure;
use crate::month::{self, Month, Setup, Switches, assumptions};
use crate::world::World;
use crate::{output, terminal};

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run the simulated month with each mechanism off alone, and tell what each is worth
    #[arg(long, required = true)]
    ablate: bool,
    #[command(flatten)]
    options: Options,
    /// How many months of the mix, from --seed on
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// How models are chosen [default: the setting `policy`, `balanced` where that is `fixed`]
    #[arg(long, value_name = "POLICY", value_parser = ["cheapest", "balanced", "best"])]
    policy: Option<String>,
    #[command(flatten)]
    json: JsonFlag,
}

/// A mechanism that can be switched off.
struct Mechanism {
    name: &'static str,
    /// What switches it off.
    off: &'static str,
    switch: fn(&mut Switches),
}

const MECHANISMS: &[Mechanism] = &[
    Mechanism {
        name: "routing",
        off: "policy = \"fixed\"",
        switch: |switches| switches.routing = false,
    },
    Mechanism {
        name: "vendors' prompt caches",
        off: "economy.prompt_cache = false",
        switch: |switches| switches.prompt_cache = false,
    },
    Mechanism {
        name: "caches for an hour",
        off: "economy.long_cache = false",
        switch: |switches| switches.long_cache = false,
    },
    Mechanism {
        name: "caches kept alive",
        off: "economy.keep_alive = false",
        switch: |switches| switches.keep_alive = false,
    },
    Mechanism {
        name: "plans",
        off: "economy.plan = \"asked\"",
        switch: |switches| switches.plans = false,
    },
    Mechanism {
        name: "corrections",
        off: "economy.corrections = false",
        switch: |switches| switches.corrections = false,
    },
    Mechanism {
        name: "shorter conversations",
        off: "economy.compaction = false",
        switch: |switches| switches.compaction = false,
    },
    Mechanism {
        name: "old results left out",
        off: "economy.pruning = false",
        switch: |switches| switches.pruning = false,
    },
    Mechanism {
        name: "answers that were kept",
        off: "economy.kept_answers = false",
        switch: |switches| switches.kept_answers = false,
    },
    Mechanism {
        name: "kept answers in other words",
        off: "cache.semantic = false",
        switch: |switches| switches.other_words = false,
    },
    Mechanism {
        name: "answers without a model",
        off: "economy.local_answers = false",
        switch: |switches| switches.local_answers = false,
    },
];

/// A mean of dollars with the bounds that hold it at 95 %; of one month there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct Spread {
    mean_nanousd: i64,
    low_nanousd: Option<i64>,
    high_nanousd: Option<i64>,
}

/// What a mechanism is worth.
#[derive(Debug, Serialize)]
struct Worth {
    name: &'static str,
    off: &'static str,
    /// What the month costs without it.
    without: Spread,
    /// How much less it costs with it, month by month.
    saves: Spread,
}

/// Runs the months.
pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let world = World::open(global, &[])?;
    let policy = args.policy.as_deref().and_then(Policy::parse);
    let setup = args.options.setup(&world, policy.unwrap_or_else(|| usual(&world)))?;
    let seeds: Vec<u64> = (0..args.seeds).map(|at| setup.seed.wrapping_add(at)).collect();
    let months = |name: &str, switches: Switches| {
        if !args.json.json {
            terminal::say(&format!("note: {} months {name} …", seeds.len()));
        }
        let one = |seed: &u64| month::run(&Setup { seed: *seed, switches, ..setup.clone() });
        seeds.iter().map(one).collect::<Result<Vec<Month>, Failure>>()
    };
    let whole = months("with everything", setup.switches)?;
    let costs = |months: &[Month]| -> Vec<i64> {
        months.iter().map(|month| month.cost_nanousd.nanos()).collect()
    };
    let with = costs(&whole);
    let mut worths = Vec::new();
    for mechanism in MECHANISMS {
        let mut switches = setup.switches;
        (mechanism.switch)(&mut switches);
        let without = costs(&months(&format!("without {}", mechanism.name), switches)?);
        let less: Vec<i64> = without.iter().zip(&with).map(|(off, on)| off - on).collect();
        let (name, off) = (mechanism.name, mechanism.off);
        worths.push(Worth { name, off, without: spread(&without), saves: spread(&less) });
    }
    let plain = |of: fn(&Month) -> Money| -> Spread {
        spread(&whole.iter().map(|month| of(month).nanos()).collect::<Vec<i64>>())
    };
    let append_only = plain(|month| month.baselines.append_only_nanousd);
    let uncached = plain(|month| month.baselines.uncached_nanousd);
    let with = spread(&with);
    if args.json.json {
        output::json_line(&json!({
            "simulated": true,
            "policy": setup.policy.as_str(),
            "seeds": seeds,
            "requests": setup.mix.requests,
            "with_everything": with,
            "append_only": append_only,
            "uncached": uncached,
            "mechanisms": worths,
            "assumptions": assumptions(&setup.mix),
        }));
        return Ok(());
    }
    output::text(&table(&setup, &seeds, [with, append_only, uncached], &worths));
    Ok(())
}

fn table(
    setup: &Setup,
    seeds: &[u64],
    [with, append, uncached]: [Spread; 3],
    worths: &[Worth],
) -> String {
    let mut text = format!(
        "{} simulated months of {} requests, policy {}; in brackets the bounds of the mean at 95 %\n\n",
        seeds.len(),
        setup.mix.requests,
        setup.policy.as_str()
    );
    for (name, spread) in [
        ("a plain loop with the vendor's cache", append),
        ("the same without any cache", uncached),
        ("with everything", with),
    ] {
        let _ = writeln!(text, "{name:<40}{}", shown(&spread));
    }
    let _ = writeln!(text, "\n{:<30}{:<34}{:<30}saves", "off alone", "by", "costs");
    for Worth { name, off, without, saves } in worths {
        let _ = writeln!(text, "{name:<30}{off:<34}{:<30}{}", shown(without), shown(saves));
    }
    let _ = writeln!(
        text,
        "\nWhat is saved together is less than the sum: each is held against the month with all others on. Texts are \
         compressed only in the gateway, where a client sends documents; this month has none.\n\nAssumed"
    );
    for line in assumptions(&setup.mix) {
        let _ = writeln!(text, "- {line}");
    }
    text.trim_end().to_owned()
}

fn shown(spread: &Spread) -> String {
    let dollars = |nanos: i64| format!("${:.2}", nanos as f64 / 1e9).replace("$-", "-$");
    match (spread.low_nanousd, spread.high_nanousd) {
        (Some(low), Some(high)) => {
            format!("{} ({} to {})", dollars(spread.mean_nanousd), dollars(low), dollars(high))
        }
        _ => dollars(spread.mean_nanousd),
    }
}

/// Student's t at 95 %, from one degree of freedom on.
const STUDENT: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

fn spread(values: &[i64]) -> Spread {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| *value as f64).sum::<f64>() / count.max(1.0);
    let whole = |value: f64| value.round() as i64;
    if values.len() < 2 {
        return Spread { mean_nanousd: whole(mean), ..Spread::default() };
    }
    let squares: f64 = values.iter().map(|value| (*value as f64 - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    let half = error * STUDENT.get(values.len() - 2).copied().unwrap_or(1.984);
    Spread {
        mean_nanousd: whole(mean),
        low_nanousd: Some(whole(mean - half)),
        high_nanousd: Some(whole(mean + half)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_bounds_of_the_book() {
        assert_eq!(spread(&[5]), Spread { mean_nanousd: 5, ..Spread::default() });
        // Standard error 1000, t 4.303.
        let of = spread(&[10_000, 10_000 - 1_732, 10_000 + 1_732]);
        assert_eq!(of.mean_nanousd, 10_000);
        assert_eq!((of.low_nanousd, of.high_nanousd), (Some(5_697), Some(14_303)));
    }

    #[test]
    fn every_switch_is_switched_off_by_one_mechanism() {
        let mut seen = Vec::new();
        for Mechanism { switch, name, .. } in MECHANISMS {
            let mut switches = Switches::default();
            switch(&mut switches);
            assert!(switches != Switches::default() && !seen.contains(&switches), "{name}");
            seen.push(switches);
        }
    }
}
