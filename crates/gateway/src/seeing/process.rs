//! What the process itself takes, by Prometheus' usual names; where the system tells (Linux).

use std::fs;

use super::metrics::Page;

/// The kernel counts CPU time and starts in hundredths of a second for programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Writes what the system tells.
pub(super) fn write(page: &mut Page) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    for (name, field, help) in [
        ("process_resident_memory_bytes", "VmRSS:", "Resident memory"),
        ("process_virtual_memory_bytes", "VmSize:", "Virtual memory"),
    ] {
        if let Some(kilobytes) = kilobytes(field) {
            page.family(name, "gauge", help);
            page.sample("", &[], kilobytes * 1024);
        }
    }
    if let Some(threads) = kilobytes("Threads:") {
        page.family("process_threads", "gauge", "Threads");
        page.sample("", &[], threads);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        page.family("process_open_fds", "gauge", "Open files and connections");
        page.sample("", &[], files.count());
    }
    if let Some(most) = most_files() {
        page.family("process_max_fds", "gauge", "Most open files and connections");
        page.sample("", &[], most);
    }
    if let Some((cpu_s, started_s)) = times() {
        page.family("process_cpu_seconds_total", "counter", "CPU time taken");
        page.sample("", &[], cpu_s);
        page.family("process_start_time_seconds", "gauge", "When it started, since 1970");
        page.sample("", &[], started_s);
    }
}

fn most_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn times() -> Option<(f64, f64)> {
    let own = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in brackets and may hold anything.
    let fields: Vec<&str> = own.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    let cpu_s = (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let booted_s: f64 =
        system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some((cpu_s, booted_s + ticks(19)? / TICKS_PER_SECOND))
}
