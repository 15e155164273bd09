//! The gateways that are measured: how each is got and started.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::super::installs;
use super::client::Target;
use super::upstream::MODEL;

/// A gateway.
pub struct Peer {
    pub name: &'static str,
    /// How many times fewer requests than Distiq it gets, so that all take about as long.
    pub share: usize,
    /// Finds it, or installs it below `.cache`; returns its program.
    pub install: fn() -> Result<PathBuf>,
    /// Tells how it is started, with its state in a folder of its own.
    pub start: fn(&Place) -> Result<Start>,
}

/// Where a gateway stands.
pub struct Place<'a> {
    pub program: &'a Path,
    pub folder: &'a Path,
    pub upstream: SocketAddr,
    /// A free port.
    pub port: u16,
}

/// How a gateway is started and asked.
pub struct Start {
    pub command: Command,
    pub target: Target,
}

/// All of them; the first is ours, the second with a budget to hold, the third the floor.
pub const PEERS: [Peer; 5] = [
    Peer { name: "distiq", share: 1, install: our_own, start: distiq },
    Peer { name: "budgeted", share: 1, install: our_own, start: distiq_with_budget },
    Peer { name: "nginx", share: 1, install: install_nginx, start: nginx },
    Peer { name: "portkey", share: 8, install: install_portkey, start: portkey },
    Peer { name: "litellm", share: 40, install: install_litellm, start: litellm },
];

impl Place<'_> {
    fn command(&self) -> Command {
        self.command_of(self.program)
    }

    /// Returns a command in the folder, with an environment that holds no keys.
    fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn started_by(&self, command: Command, headers: String) -> Start {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        Start { command, target: Target { address, headers } }
    }

    fn write(&self, name: &str, text: String) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

fn our_own() -> Result<PathBuf> {
    crate::step("cargo", &["build", "--release", "-q", "-p", "distiq"])?;
    Ok(crate::target_dir()?.join("release/distiq"))
}

/// As it is used: a key, the ledger, the figures.
fn distiq(place: &Place) -> Result<Start> {
    distiq_with_key(place, &[])
}

/// The same with a key whose spending each request is held against.
fn distiq_with_budget(place: &Place) -> Result<Start> {
    distiq_with_key(place, &["--day", "1000"])
}

fn distiq_with_key(place: &Place, more: &[&str]) -> Result<Start> {
    let with_home = || {
        let mut command = place.command();
        command.env("DISTIQ_HOME", place.folder);
        command
    };
    let mut keys = with_home();
    keys.args(["keys", "create", "--json", "--owner", "bench"]).args(more);
    let made = keys.stdout(Stdio::piped()).output().context("Cannot run distiq")?;
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).context("no key")?;
    let key = made.get("key").and_then(|key| key.as_str()).context("no key")?;
    let mut command = with_home();
    command.args(["start", "--listen", &format!("127.0.0.1:{}", place.port)]);
    command.args(["--upstream", &format!("openai=http://{}/v1", place.upstream)]);
    command.env("OPENAI_API_KEY", "unused");
    Ok(place.started_by(command, format!("authorization: Bearer {key}\r\n")))
}

fn install_nginx() -> Result<PathBuf> {
    // Out of its package: installing that would start a server.
    installs::debian("nginx", "usr/sbin/nginx")
}

/// Keeps its connections to the upstream and holds nothing back, as one sets it up before a model.
fn nginx(place: &Place) -> Result<Start> {
    let folder = place.folder.display();
    let text = format!(
        "worker_processes auto;\npid {folder}/nginx.pid;\nerror_log stderr crit;\n\
         worker_rlimit_nofile 8192;\nevents {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path {folder}/body;\n  \
         proxy_temp_path {folder}/proxy;\n  fastcgi_temp_path {folder}/fastcgi;\n  \
         uwsgi_temp_path {folder}/uwsgi;\n  scgi_temp_path {folder}/scgi;\n  \
         keepalive_requests 10000000;\n  \
         upstream model {{ server {}; keepalive 64; keepalive_requests 10000000; }}\n  \
         server {{\n    listen 127.0.0.1:{};\n    location / {{\n      \
         proxy_pass http://model;\n      proxy_http_version 1.1;\n      \
         proxy_set_header Connection \"\";\n      proxy_buffering off;\n      \
         proxy_read_timeout 600s;\n    }}\n  }}\n}}\n",
        place.upstream, place.port
    );
    let config = place.write("nginx.conf", text)?;
    let mut command = place.command();
    command.arg("-p").arg(place.folder).arg("-c").arg(config).args(["-g", "daemon off;"]);
    Ok(place.started_by(command, String::new()))
}

/// `hono` and its server are pinned to what the package was built with: with the newest it cannot stream.
const PORTKEY: &str = r#"{"name":"portkey-bench","private":true,
"dependencies":{"@portkey-ai/gateway":"1.15.2"},
"overrides":{"hono":"4.9.7","@hono/node-server":"1.13.8"}}
"#;

fn install_portkey() -> Result<PathBuf> {
    let folder = installs::cache("portkey")?;
    let program = folder.join("node_modules/@portkey-ai/gateway/build/start-server.js");
    if !program.exists() {
        fs::write(folder.join("package.json"), PORTKEY)?;
        let words = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        installs::run_in(&folder, "npm", &words)?;
    }
    Ok(program)
}

fn portkey(place: &Place) -> Result<Start> {
    let mut command = place.command_of(Path::new("node"));
    command
        .env("NODE_ENV", "production")
        .env("TRUSTED_CUSTOM_HOSTS", "127.0.0.1,localhost")
        .arg(place.program)
        .args([&format!("--port={}", place.port), "--headless"]);
    let headers = format!(
        "authorization: Bearer unused\r\nx-portkey-provider: openai\r\n\
         x-portkey-custom-host: http://{}/v1\r\n",
        place.upstream
    );
    Ok(place.started_by(command, headers))
}

fn install_litellm() -> Result<PathBuf> {
    crate::step("sh", &["tests/setup_python.sh", "litellm"])?;
    Ok(crate::root().join(".cache/litellm/bin/litellm"))
}

fn litellm(place: &Place) -> Result<Start> {
    let text = format!(
        "model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: openai/{MODEL}\n      \
         api_base: http://{}/v1\n      api_key: unused\ngeneral_settings:\n  \
         master_key: os.environ/LITELLM_MASTER_KEY\nlitellm_settings:\n  telemetry: false\n  \
         num_retries: 0\n",
        place.upstream
    );
    let config = place.write("litellm.yaml", text)?;
    // It wants one that is not easily guessed.
    let key = "sk-6cJ1r0u4Vw9LkQ2xZ8bT5nYe3mHa7dPf";
    let mut command = place.command();
    command
        .env("LITELLM_MASTER_KEY", key)
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_TELEMETRY", "False")
        .env("LITELLM_LOG", "ERROR")
        .arg("--config")
        .arg(config)
        .args(["--host", "127.0.0.1", "--port", &place.port.to_string()]);
    Ok(place.started_by(command, format!("authorization: Bearer {key}\r\n")))
}
