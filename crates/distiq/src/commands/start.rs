//! `distiq start`

mod seeing;
mod source;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use distiq_base::{ErrorKind, Secret};
use distiq_gateway::{Access, Bounds, Gateway, GatewayError, Handle, Options, TlsFiles};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Global;
use crate::failure::Failure;
use crate::world::{World, env};
use crate::{ledger, output, terminal};
use source::{FromSettings, Upstream};

/// Arguments of `start`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4000")]
    pub listen: String,
    /// Let everybody in who can connect; only on loopback
    #[arg(long)]
    pub no_auth: bool,
    /// A provider's address; without a name, one that speaks both dialects and takes any model
    ///
    /// `NAME=URL` sets the address of a provider that is known by name, or adds one. A bare `URL`
    /// serves Anthropic's dialect at `URL/v1/messages` and OpenAI's at `URL/v1/chat/completions`, and
    /// model ids that are not known go there as they are.
    #[arg(long, value_name = "[NAME=]URL")]
    pub upstream: Vec<Upstream>,
    /// Another file in the place of the user's settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        Failure::of(error.kind(), &error).with_hint(error.hint())
    }
}

/// Starts the gateway, and serves until a signal ends it.
pub fn run(global: &Global, args: Args) -> Result<(), Failure> {
    if let Some(file) = args.config.as_ref().filter(|file| !file.is_file()) {
        let message = format!("`--config`: no file at {}", file.display());
        return Err(Failure::new(ErrorKind::Config, message).with_hint("Name an existing file"));
    }
    let world = World::open_with(global, &[], args.config.as_deref())?;
    world.say_notices();
    let options = options(&world, &args)?;
    let source = Arc::new(FromSettings {
        global: global.clone(),
        config: args.config,
        upstreams: args.upstream,
        ledger: ledger::open(&world)?,
        user_file: world.home.config_file(),
        project_file: world.root.join(distiq_base::config::PROJECT_FILE),
    });
    // Connections have threads of their own; this is for what goes on beside them.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::io("Cannot start", &error))?;
    let result = runtime.block_on(serve(options, source));
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

fn options(world: &World, args: &Args) -> Result<Options, Failure> {
    let settings = &world.settings.gateway;
    let tls = match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })
        }
        (None, None) => None,
        _ => {
            let message = "`gateway.tls_certificate` and `gateway.tls_key` go together";
            return Err(Failure::new(ErrorKind::Config, message).with_hint("Set both or neither"));
        }
    };
    let operator_key = env("DISTIQ_GATEWAY_KEY").filter(|key| !key.trim().is_empty());
    let bytes = usize::try_from(settings.max_body_mb << 20).unwrap_or(usize::MAX);
    Ok(Options {
        listen: address(&args.listen)?,
        access: if args.no_auth { Access::Open } else { Access::Keys },
        operator_key: operator_key.map(|key| Secret::new(key.trim())),
        database: world.home.gateway(),
        hosts: settings.hosts.clone(),
        tls,
        seeing: seeing::options(world),
        bounds: Bounds {
            body_bytes: bytes,
            drain: Duration::from_secs(settings.drain_s),
            ..Bounds::default()
        },
    })
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    found.ok_or_else(|| {
        Failure::new(ErrorKind::Usage, format!("`--listen`: `{text}` is no address with a port"))
            .with_hint("Write it as `127.0.0.1:4000` or `[::1]:4000`; port 0 takes any free one")
    })
}

async fn serve(options: Options, source: Arc<FromSettings>) -> Result<(), Failure> {
    let (is_guarded, is_tls) = (options.access == Access::Keys, options.tls.is_some());
    let has_own_key = options.operator_key.is_some();
    let gateway = Gateway::bind(options, source)?;
    let handle = gateway.handle();
    let serving = {
        let signals = Signals::listen()?;
        tokio::spawn(signals.obey(handle.clone()));
        gateway.address()
    };
    if is_guarded && !has_own_key && !handle.has_keys()? {
        terminal::say("note: nobody has a key yet; `distiq keys create` makes one");
    }
    if gateway.is_beside_another() {
        terminal::say(
            "note: another gateway listens here, too; end it with SIGTERM and this one takes over",
        );
    }
    let scheme = if is_tls { "https" } else { "http" };
    output::json_line(&json!({ "listening": format!("{scheme}://{serving}") }));
    Ok(gateway.serve().await?)
}

struct Signals {
    hang_up: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let on =
            |kind| signal(kind).map_err(|error| Failure::io("Cannot listen for signals", &error));
        Ok(Self {
            hang_up: on(SignalKind::hangup())?,
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    /// SIGHUP reloads. SIGTERM and SIGINT stop in order; a second one at once.
    async fn obey(mut self, handle: Handle) {
        let mut is_stopping = false;
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => {
                    handle.reload_and_say();
                    continue;
                }
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            if is_stopping {
                handle.cut();
                return;
            }
            is_stopping = true;
            terminal::say("note: stopping; streams may end first, once more to stop at once");
            handle.stop();
        }
    }
}
