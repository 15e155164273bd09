//! Tools of clouds, clusters and registries: what they destroy elsewhere, publish, or tell of secrets.

use distiq_lang::shell::Word;

use super::Part;
use super::commands::{ask, deny};

pub(super) fn judge(program: &str, arguments: &[&Word]) -> Option<Part> {
    let words: Vec<&str> = arguments.iter().map(|word| word.text.as_str()).collect();
    let plain: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let secret = || Some(Part { network: true, ..deny("reads keys or passwords") });
    let destroys = || Some(Part { network: true, ..deny("destroys what lies beyond the project") });
    let publishes = || {
        let tries = words.iter().any(|word| matches!(*word, "--dry-run" | "-n"));
        (!tries).then(|| Part { network: true, ..deny("sends data out") })
    };
    match program {
        "docker" | "podman" | "nerdctl" => containers(&words, &plain),
        "kubectl" | "oc" | "k9s" => match plain.as_slice() {
            _ if words.iter().any(|word| {
                word.contains("\"privileged\":true")
                    || word.contains("hostPID")
                    || word.contains("hostNetwork")
            }) =>
            {
                Some(Part { network: true, ..deny("raises privileges") })
            }
            ["delete" | "drain" | "cordon" | "evict", ..] => destroys(),
            ["get" | "describe", kind, ..]
                if kind.starts_with("secret") || kind.contains(",secret") =>
            {
                secret()
            }
            ["config", "view", ..] if words.contains(&"--raw") => secret(),
            ["create", "token", ..] => secret(),
            _ => None,
        },
        "helm" if matches!(plain.first(), Some(&"uninstall" | &"delete")) => destroys(),
        "terraform" | "tofu" | "pulumi" | "cdk" if matches!(plain.first(), Some(&"destroy")) => {
            destroys()
        }
        "aws" => aws(&words, &plain),
        "gcloud" | "gsutil" | "az" | "heroku" | "fly" | "flyctl" | "doctl" | "vercel"
        | "netlify" | "wrangler" | "firebase" | "supabase" => {
            let joined = plain.join(" ");
            if [
                "print-access-token",
                "print-identity-token",
                "secrets versions access",
                "get-access-token",
                "secret show",
                "auth:token",
                "auth token",
                "secrets list",
                "env pull",
                "application-default print",
            ]
            .iter()
            .any(|word| joined.contains(word))
            {
                return secret();
            }
            let destructive = plain.iter().any(|word| {
                matches!(*word, "delete" | "destroy" | "rm" | "rb" | "remove")
                    || word.ends_with(":destroy")
                    || word.ends_with(":delete")
            });
            let uploads = matches!(plain.as_slice(), ["cp" | "rsync" | "mv", from, to, ..] if to.contains("://") && !from.contains("://"))
                || matches!(plain.as_slice(), ["storage", "cp", from, to, ..] if to.contains("://") && !from.contains("://"));
            if destructive {
                destroys()
            } else if uploads {
                publishes()
            } else {
                None
            }
        }
        "gh" | "glab" | "hub" => match plain.as_slice() {
            ["auth", "token", ..] => secret(),
            ["auth", "status", ..] if words.contains(&"-t") || words.contains(&"--show-token") => {
                secret()
            }
            ["gist", "create", ..] | ["release", "upload", ..] => publishes(),
            ["repo" | "release" | "secret" | "ssh-key" | "gpg-key", "delete", ..] => destroys(),
            ["api", ..] if words.iter().any(|word| matches!(*word, "DELETE" | "-XDELETE")) => {
                destroys()
            }
            _ => None,
        },
        "npm" | "pnpm" | "yarn" => match plain.as_slice() {
            ["publish", ..] => publishes(),
            ["unpublish" | "deprecate", ..] => destroys(),
            ["token", ..] => secret(),
            ["config", "get", key, ..] if key.contains("auth") || key.contains("token") => secret(),
            _ => None,
        },
        "cargo" if matches!(plain.first(), Some(&"publish" | &"yank" | &"owner")) => publishes(),
        "twine" if plain.first() == Some(&"upload") => publishes(),
        "poetry" | "uv" | "flit" | "hatch" | "pdm" if plain.first() == Some(&"publish") => {
            publishes()
        }
        "gem" if plain.first() == Some(&"push") => publishes(),
        "mvn" | "gradle" if plain.iter().any(|word| matches!(*word, "deploy" | "publish")) => {
            publishes()
        }
        "psql" | "mysql" | "mariadb" | "mongo" | "mongosh" | "redis-cli" | "cockroach"
        | "clickhouse-client" | "sqlcmd" => databases(&words),
        "dropdb" | "dropuser" => destroys(),
        "rclone" => match plain.as_slice() {
            ["copy" | "sync" | "move" | "copyto" | "moveto", from, to, ..]
                if to.contains(':') && !from.contains(':') =>
            {
                publishes()
            }
            ["delete" | "purge" | "rmdirs", ..] => destroys(),
            _ => None,
        },
        _ => None,
    }
}

fn containers(words: &[&str], plain: &[&str]) -> Option<Part> {
    let raises = words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let mount = match *word {
            "-v" | "--volume" | "--mount" => next,
            other => other
                .strip_prefix("--volume=")
                .or_else(|| other.strip_prefix("--mount="))
                .or_else(|| other.strip_prefix("-v").filter(|rest| !rest.starts_with("er")))
                .unwrap_or_default(),
        };
        let source = mount
            .split(',')
            .find_map(|part| part.strip_prefix("source=").or_else(|| part.strip_prefix("src=")))
            .unwrap_or(mount);
        let source = source.split(':').next().unwrap_or_default();
        let shares = !mount.is_empty()
            && (matches!(
                source,
                "/" | "/etc"
                    | "/root"
                    | "/home"
                    | "/var"
                    | "/proc"
                    | "/sys"
                    | "/dev"
                    | "/usr"
                    | "/boot"
                    | "~"
                    | "$HOME"
                    | "${HOME}"
            ) || source.contains("docker.sock")
                || source.contains("/.ssh")
                || source.contains("/.aws")
                || source.starts_with("/etc/"));
        shares
            || matches!(
                *word,
                "--privileged"
                    | "--pid=host"
                    | "--cap-add=ALL"
                    | "--cap-add=SYS_ADMIN"
                    | "--userns=host"
            )
            || (*word == "--cap-add" && matches!(next, "ALL" | "SYS_ADMIN"))
    });
    if raises {
        return Some(Part { network: true, ..deny("raises privileges") });
    }
    let part = match plain {
        ["push", ..] | ["image", "push", ..] => deny("sends data out"),
        // Volumes hold data; images and what else nobody uses can be had again.
        ["system" | "volume", "prune", ..] => deny("destroys what lies beyond the project"),
        _ => return None,
    };
    Some(Part { network: true, ..part })
}

fn aws(words: &[&str], plain: &[&str]) -> Option<Part> {
    let verb = plain.get(1).copied().unwrap_or_default();
    let reason = if matches!(
        verb,
        "get-secret-value"
            | "get-session-token"
            | "assume-role"
            | "get-login-password"
            | "create-access-key"
    ) || words.contains(&"--with-decryption")
        || matches!(plain, ["configure", "get" | "export-credentials", ..])
    {
        "reads keys or passwords"
    } else if verb.starts_with("delete")
        || verb.starts_with("terminate")
        || matches!(plain, ["s3", "rm" | "rb", ..])
        || words.contains(&"--delete")
    {
        "destroys what lies beyond the project"
    } else if matches!(plain, ["s3", "cp" | "sync" | "mv", from, to, ..] if to.starts_with("s3://") && !from.starts_with("s3://"))
        || verb.starts_with("put-object")
    {
        "sends data out"
    } else {
        return None;
    };
    Some(Part { network: true, ..deny(reason) })
}

fn databases(words: &[&str]) -> Option<Part> {
    let text = words.join(" ").to_uppercase();
    let destroys = [
        "DROP DATABASE",
        "DROP TABLE",
        "DROP SCHEMA",
        "TRUNCATE ",
        "FLUSHALL",
        "FLUSHDB",
        "DROPDATABASE",
        "DELETE FROM",
    ]
    .iter()
    .any(|word| text.contains(word));
    if destroys {
        return Some(Part { network: true, ..deny("destroys data beyond the project") });
    }
    Some(Part { network: true, ..ask("talks to a database") })
}
