//! What a gateway writes of its requests, by the settings and OpenTelemetry's environment.

use std::path::PathBuf;

use distiq_gateway::{AccessLog, AccessLogTo, SeeingOptions, SpanSettings};

use crate::terminal;
use crate::world::{World, env};

/// Reads where the access log and the spans go.
pub fn options(world: &World) -> SeeingOptions {
    let settings = &world.settings.gateway;
    let access_log = settings.access_log.as_deref().map(|to| AccessLog {
        to: match to {
            "stderr" => AccessLogTo::StandardError,
            file => AccessLogTo::File(PathBuf::from(file)),
        },
        file_bytes: settings.access_log_mb << 20,
    });
    // Set for many programs at once: what only this one cannot use is no reason to stop.
    let spans = SpanSettings::from_env(&env).unwrap_or_else(|error| {
        terminal::say(&format!("warning: no spans are sent: {error}"));
        None
    });
    SeeingOptions { access_log, spans }
}
