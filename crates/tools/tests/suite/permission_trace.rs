//! Every line that is allowed is run, with what it opens, changes and connects traced by the kernel.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use distiq_base::Mode;
use distiq_tools::permission::{Judge, Verdict};

use super::bench::skipped;
use super::permission_corpus::{project, rows};

/// System calls that change files or open connections.
const CALLS: &str = "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,\
    symlinkat,chmod,fchmodat,chown,fchownat,lchown,truncate,mknod,mknodat,setxattr,lsetxattr,removexattr,utimensat,socket,connect,\
    bind,sendto,mount,umount2,ptrace,setuid,setresuid";

/// Runs each line, numbered by a file that is not there, so that the trace tells them apart.
const DRIVER: &str = r#"
cd "$1" || exit 9
for line in "$2"/*; do
    : 2>/dev/null < "/distiq-line-${line##*/}"
    timeout -k 1 10 bash --norc --noprofile -c "$(<"$line")" < /dev/null > /dev/null 2>&1
done
: 2>/dev/null < /distiq-line-end
exit 0
"#;

/// Tells whether a program can be run that way.
fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[test]
fn what_is_allowed_writes_nothing_and_connects_to_nobody() {
    if !works(Command::new("strace").args(["-qq", "-f", "-e", "trace=none", "true"])) {
        skipped("strace", "no `strace` that may trace");
        return;
    }
    let project = project();
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines");
    let home = folder.path().join("home");
    for made in [&lines, &home] {
        fs::create_dir(made).unwrap();
    }
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        works(Command::new("git").args(identity).args(arguments).current_dir(&project.root))
    };
    assert!(
        git(&["init", "-q", "-b", "main"]) && git(&["add", "."]) && git(&["commit", "-qm", "one"])
    );
    let judge = Judge::new(&project.root, Mode::Ask).unwrap();
    let allowed: Vec<_> = rows()
        .into_iter()
        .filter(|row| {
            row.verdict == Verdict::Allow && judge.line(&row.cmd).verdict == Verdict::Allow
        })
        .collect();
    assert!(allowed.len() > 400, "{}", allowed.len());
    for row in &allowed {
        fs::write(lines.join(&row.id), &row.cmd).unwrap();
    }
    // What is not harmless, to see that it shows.
    fs::write(lines.join("control"), "echo x > made; exec 3<>/dev/tcp/127.0.0.1/9").unwrap();
    // Everybody may look, and only that.
    for path in
        [folder.path(), &lines, &home, project.root.as_path(), project.root.parent().unwrap()]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let trace = folder.path().join("trace");
    run(&project.root, &lines, &home, &trace);
    let mut faults = faults(&fs::read_to_string(&trace).unwrap());
    assert!(faults.contains_key("end") && faults.len() > allowed.len(), "the trace is cut off");
    let control = faults.remove("control").unwrap().join("\n");
    assert!(control.contains("\"made\", O_WRONLY") && control.contains("AF_INET"), "{control}");
    let commands: BTreeMap<&str, &str> =
        allowed.iter().map(|row| (row.id.as_str(), row.cmd.as_str())).collect();
    let told: Vec<String> = faults
        .iter()
        .filter(|(_, calls)| !calls.is_empty())
        .map(|(id, calls)| {
            format!(
                "{id} {}\n    {}",
                commands.get(id.as_str()).unwrap_or(&""),
                calls.join("\n    ")
            )
        })
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

fn run(root: &Path, lines: &Path, home: &Path, trace: &Path) {
    // Without a network where namespaces can be had; without privileges where there are any to drop.
    let mut words: Vec<&str> = Vec::new();
    for apart in [&["unshare", "-n"][..], &["unshare", "-rn"]] {
        if works(Command::new(apart[0]).args(&apart[1..]).arg("true")) {
            words.extend(apart);
            break;
        }
    }
    let trace = trace.to_str().unwrap();
    words.extend(["strace", "-f", "-qq", "-s", "256", "-e", "signal=none", "-o", trace, "-e"]);
    let calls = format!("trace={CALLS}");
    words.push(&calls);
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if works(Command::new(nobody[0]).args(&nobody[1..]).arg("true")) {
        words.extend(nobody);
    }
    words.extend(["bash", "--norc", "--noprofile", "-c", DRIVER, "bash"]);
    let ran = Command::new(words[0])
        .args(&words[1..])
        .args([root, lines])
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", home)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(ran.success(), "{ran}");
}

/// Returns by line what was tried that a harmless line does not do.
fn faults(trace: &str) -> BTreeMap<String, Vec<String>> {
    let mut faults: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current = String::new();
    for call in trace.lines() {
        if let Some((_, rest)) = call.split_once("\"/distiq-line-") {
            current = rest.split('"').next().unwrap_or_default().to_owned();
            faults.entry(current.clone()).or_default();
        } else if is_fault(call) {
            faults.entry(current.clone()).or_default().push(call.to_owned());
        }
    }
    faults
}

fn is_fault(call: &str) -> bool {
    let Some((_, call)) = call.split_once(' ') else { return false };
    let call = call.trim_start();
    let Some((name, arguments)) = call.split_once('(') else { return false };
    let path = arguments.split('"').nth(1).unwrap_or_default();
    let nowhere = matches!(path, "/dev/null" | "/dev/tty" | "/dev/stdout" | "/dev/stderr")
        || path.starts_with("/dev/fd/")
        || path.starts_with("/proc/self/");
    match name {
        "open" | "openat" | "openat2" => {
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"]
                .iter()
                .any(|flag| arguments.contains(flag));
            writes && !nowhere
        }
        "socket" => arguments.starts_with("AF_INET") || arguments.starts_with("AF_PACKET"),
        // The daemon that looks names up, where there is one.
        "connect" => !arguments.contains("AF_UNIX") || !arguments.contains("nscd"),
        "sendto" | "bind" => !arguments.contains("AF_NETLINK") && !arguments.contains("NULL, 0"),
        // `???`: a thread that ended between two calls.
        "setuid" | "setresuid" | "ptrace" | "???" => false,
        _ if call.starts_with("+++") || call.starts_with("---") || call.starts_with("<...") => {
            false
        }
        _ => true,
    }
}
