//! One line for the model where a command failed at the sandbox's walls.

use super::Policy;

/// Words of programs that were refused a write, or a look.
const FILES: &[&str] = &[
    "Read-only file system",
    "Permission denied",
    "Operation not permitted",
    "EROFS",
    "EACCES",
    "EPERM",
    "os error 30",
    "os error 13",
];

/// Words of programs that found no network.
const NETWORK: &[&str] = &[
    "Network is unreachable",
    "Could not resolve host",
    "Temporary failure in name resolution",
    "Name or service not known",
    "ENETUNREACH",
    "EAI_AGAIN",
    "ENOTFOUND",
    "nodename nor servname",
    "getaddrinfo",
    "failed to lookup address",
    "dial tcp",
    "no such host",
    "Unable to resolve host",
    "Network unreachable",
];

/// How much of an output's end is looked at.
const LOOKED_AT: usize = 16 << 10;

/// Returns what the sandbox may have to do with a failed command's output; `None` where nothing points to it.
pub(super) fn hint(policy: &Policy, output: &str) -> Option<String> {
    let mut start = output.len().saturating_sub(LOOKED_AT);
    while !output.is_char_boundary(start) {
        start += 1;
    }
    let output = output.get(start..).unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| output.contains(word));
    let mut walls = Vec::new();
    if !policy.network && has(NETWORK) {
        walls.push("no network");
    }
    if has(FILES) {
        let git = output.contains(".git/") || output.contains("index.lock");
        if git && !policy.git_write {
            walls.push(".git is written only by a line of git commands alone");
        } else if git {
            walls.push(".git/hooks and most of .git/config are read-only");
        } else {
            walls.push("writes only in the project and /tmp");
        }
    }
    (!walls.is_empty()).then(|| format!("[sandbox: {}]", walls.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_points_to_the_sandbox_is_explained() {
        let closed = Policy::default();
        let open = Policy { network: true, git_write: true, ..Policy::default() };
        for (policy, output, expected) in [
            (&closed, "curl: (6) Could not resolve host: x.org", Some("[sandbox: no network]")),
            (&open, "curl: (6) Could not resolve host: x.org", None),
            (
                &closed,
                "touch: /etc/x: Read-only file system",
                Some("[sandbox: writes only in the project and /tmp]"),
            ),
            (
                &closed,
                "fatal: Unable to create '/p/.git/index.lock': Read-only file system",
                Some("[sandbox: .git is written only by a line of git commands alone]"),
            ),
            (&closed, "assertion failed", None),
        ] {
            assert_eq!(hint(policy, output).as_deref(), expected, "{output}");
        }
    }
}
