//! Runs the tests, reads the report, and tells it.

use std::path::Path;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::command::Format;
use super::report::Report;
use super::{Input, Plan, go, javascript, junit, libtest, rspec, tap, unittest};
use crate::bench::Bench;
use crate::measure::tokens;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::sandbox::Grant;
use crate::shell::{self, How, Shown};

/// Most bytes of one report's file.
const MAX_REPORT: usize = 16 << 20;

/// Most bytes of a kept output that are looked through.
const MAX_KEPT: u64 = 72 << 20;

/// Runs the tests that a call asks for.
pub(crate) async fn run(
    bench: &Bench,
    input: &Input,
    grant: Grant,
    cancel: &CancellationToken,
) -> Result<Outcome, Refusal> {
    let plan = input.plan(&bench.grounds)?;
    let mut spec = shell::spec(bench, plan.folder.clone(), input.timeout, grant);
    let mark = format!("distiq-report-{}", spec.marker);
    spec.arguments = vec!["-c".into(), script(&plan, &mark).into()];
    let began = Instant::now();
    let (how, mut capture) = shell::run_to_end(bench, &spec, cancel).await?;
    let took = began.elapsed().as_millis();
    let (mut text, dropped) = capture.text();
    // The middle is missing where much was printed; the file has it.
    if dropped > 0
        && let Some(path) = capture.keep()
        && path.metadata().is_ok_and(|metadata| metadata.len() <= MAX_KEPT)
    {
        text = std::fs::read_to_string(path).unwrap_or(text);
    }
    let (printed, reports) = take_apart(&text, &mark);
    let report = read(plan.command.format, printed, &reports).map(|mut report| {
        report.locate(&plan.folder, &bench.grounds.root);
        report
    });
    let kept = report.as_ref().is_none_or(|report| report.failed > 0);
    let output = if kept { capture.keep().map(Path::to_path_buf) } else { None };
    let mut told = tell(&plan, report.as_ref(), printed, how, input.timeout.as_secs());
    if let Some(path) = output.as_ref().filter(|_| told.cut) {
        told.text.push_str(&format!("\n[all of it: {}]", shell::home_short(path)));
    }
    let data = json!({
        "framework": plan.framework.name(),
        "command": plan.command.shown,
        "exit_code": match how {
            How::Exit(code) => Some(code),
            How::Signal(signal) => Some(128 + signal),
            How::TimedOut | How::Cancelled | How::Crowd => None,
        },
        "timed_out": how == How::TimedOut,
        "duration_ms": u64::try_from(took).unwrap_or(u64::MAX),
        "report": report,
        "output_file": output.map(|path| path.to_string_lossy().into_owned()),
    });
    let outcome = Outcome::done(told.text).with_data(data);
    let stopped = match how {
        How::TimedOut | How::Crowd => RefusalKind::Failed,
        How::Cancelled => RefusalKind::Cancelled,
        How::Exit(_) | How::Signal(_) => return Ok(outcome),
    };
    let refusal = Some(Refusal::new(stopped, outcome.text.clone()));
    Ok(Outcome { ok: false, refusal, ..outcome })
}

/// Wraps the command: the report's files follow its output, packed so that nothing folds them.
fn script(plan: &Plan, mark: &str) -> String {
    let command = &plan.command;
    if command.files.is_empty() {
        return command.script.clone();
    }
    format!(
        "report=$(mktemp -d) || exit 125\ntrap 'rm -rf \"$report\"' EXIT\n: > \"$report/begun\"\n{}\ncode=$?\n\
         for file in {}; do\n  [ -f \"$file\" ] || continue\n  printf '\\n%s\\n' '{mark}'\n  \
         head -c {MAX_REPORT} \"$file\" | base64 | tr -d '\\n' | fold -w 120\ndone\nexit $code",
        command.script, command.files
    )
}

/// Parts what was printed from the reports behind it.
fn take_apart<'a>(text: &'a str, mark: &str) -> (&'a str, Vec<String>) {
    let line = format!("\n{mark}\n");
    let mut parts = text.split(line.as_str());
    let printed = parts.next().unwrap_or_default();
    (printed, parts.filter_map(unpack).collect())
}

fn unpack(packed: &str) -> Option<String> {
    let mut whole = String::with_capacity(packed.len());
    let mut last = "";
    for line in packed.lines() {
        // Equal lines in a row come as a number.
        let again =
            line.strip_prefix("[the same line ").and_then(|r| r.strip_suffix(" more times]"));
        match again.and_then(|number| number.parse::<usize>().ok()) {
            Some(times) if times * last.len() <= 2 * MAX_REPORT => {
                for _ in 0..times {
                    whole.push_str(last);
                }
            }
            Some(_) => return None,
            None => {
                whole.push_str(line);
                last = line;
            }
        }
    }
    String::from_utf8(STANDARD.decode(whole.trim()).ok()?).ok()
}

/// Reads the results; where a runner fell back to another way, that one's.
fn read(format: Format, printed: &str, reports: &[String]) -> Option<Report> {
    let from_files = |reader: fn(&str) -> Option<Report>| {
        let mut all: Option<Report> = None;
        for report in reports.iter().filter_map(|text| reader(text)) {
            all.get_or_insert_with(Report::default).add(report);
        }
        all
    };
    match format {
        Format::Junit => from_files(junit::read).or_else(|| unittest::read(printed)),
        Format::Jest => from_files(javascript::jest),
        Format::Mocha => from_files(javascript::mocha)
            // Versions before 9.2 print it.
            .or_else(|| javascript::mocha(printed.get(printed.find("{\n")?..)?)),
        Format::Rspec => from_files(rspec::read),
        Format::Go => go::read(printed),
        Format::Libtest => libtest::cargo(printed),
        Format::Nextest => libtest::nextest(printed),
        Format::Tap => tap::read(printed),
        Format::Unittest => unittest::read(printed),
    }
}

fn tell(plan: &Plan, report: Option<&Report>, printed: &str, how: How, timeout_s: u64) -> Shown {
    let name = plan.framework.name();
    let mut told = match report {
        Some(report) if report.failed > 0 => {
            let text = format!("{}\n{}", report.totals(name), report.failures_text());
            Shown { cut: text.contains(" left out]") || text.contains(" more failures]"), text }
        }
        Some(report) if report.total() == 0 => {
            let shown = Shown::of(printed.to_owned(), 0, how);
            Shown { text: format!("no tests ran ({name})\n{}", shown.text), ..shown }
        }
        Some(report) => Shown { text: report.totals(name), cut: false },
        None => {
            let shown = Shown::of(printed.to_owned(), 0, how);
            Shown { text: format!("{}\n{}", plan.command.shown, shown.text), ..shown }
        }
    };
    told.text.truncate(told.text.trim_end().len());
    let red = report.is_some_and(|report| report.failed > 0);
    match how {
        How::Exit(0) if red => told.text.push_str("\n[exit 0, although tests failed]"),
        How::Exit(0) => {}
        How::Exit(code) => {
            // No failure explains it: the end of the output may.
            if report.is_some_and(|report| report.failed == 0 && report.total() > 0) {
                let shown = Shown::of(printed.to_owned(), 0, how);
                let more = shown.text.trim();
                if tokens(more) > 0 {
                    told.text.push_str(&format!("\n{more}"));
                }
            }
            told.text.push_str(&format!("\n[exit {code}]"));
        }
        How::Signal(signal) => told.text.push_str(&format!("\n[exit {}]", 128 + signal)),
        How::TimedOut => told.text.push_str(&format!(
            "\n[timed out after {timeout_s} s; choose fewer tests with `names` or give `timeout_s`]"
        )),
        How::Cancelled => told.text.push_str("\n[cancelled]"),
        How::Crowd => told.text.push_str(&format!("\n[{}]", shell::CROWD)),
    }
    if plan.command.names_lost {
        told.text.push_str("\n[this runner takes no names; all its tests ran]");
    }
    if !plan.also.is_empty() {
        let also: Vec<&str> = plan.also.iter().map(|framework| framework.name()).collect();
        told.text.push_str(&format!("\n[also here, not run: {}]", also.join(", ")));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Capture;

    #[test]
    fn reports_come_back_whole_behind_the_output() {
        let xml = format!("<testsuite>{}</testsuite>", " ".repeat(5_000));
        let packed = STANDARD.encode(&xml);
        let lines: Vec<String> = packed
            .as_bytes()
            .chunks(120)
            .map(|chunk| String::from_utf8(chunk.to_vec()).unwrap())
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let mut capture = Capture::new(folder.path().join("x"));
        capture.push(format!("output\n\nMARK\n{}", lines.join("\n")).as_bytes());
        capture.finish();
        let text = capture.text().0;
        assert!(text.contains("[the same line "), "{text}");
        let (printed, reports) = take_apart(&text, "MARK");
        assert_eq!(printed, "output\n");
        assert_eq!(reports, [xml]);
    }
}
