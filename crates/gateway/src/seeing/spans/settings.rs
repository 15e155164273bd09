//! OpenTelemetry's own environment variables, by its specification (1.49, 2026).

use std::time::Duration;

use distiq_base::Secret;

/// How long a send may take where nothing else is set.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans go.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanSettings {
    /// The address that batches are posted to.
    pub endpoint: String,
    /// Headers that go with them; their values may be secret.
    pub headers: Vec<(String, Secret)>,
    /// The format.
    pub protocol: Protocol,
    /// How long a send may take.
    pub timeout: Duration,
    /// What every span is said to come from.
    pub resource: Vec<(String, String)>,
    /// Which requests are traced.
    pub(crate) sampler: Sampler,
}

/// The format of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `http/protobuf`
    Protobuf,
    /// `http/json`
    Json,
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampler {
    /// Whether a caller's own decision holds.
    pub asks_parent: bool,
    /// The share of the others, 0 to 1.
    pub share: f64,
}

/// Why spans cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}`: {problem}")]
pub struct SpanSettingsError {
    /// The variable.
    pub name: String,
    /// What is wrong with it, and what can be done.
    pub problem: String,
}

impl SpanSettings {
    /// Reads the variables; `None` where no address is set or spans are turned off.
    ///
    /// # Errors
    /// Where a variable cannot be used.
    pub fn from_env(
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, SpanSettingsError> {
        let get = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let is_off = get("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"))
            || get("OTEL_TRACES_EXPORTER").is_some_and(|v| v != "otlp");
        let own = get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let base = get("OTEL_EXPORTER_OTLP_ENDPOINT");
        let endpoint = match (own, base) {
            (Some(own), _) => own,
            (None, Some(base)) => format!("{}/v1/traces", base.trim_end_matches('/')),
            (None, None) => return Ok(None),
        };
        if is_off {
            return Ok(None);
        }
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            let problem = "expected an address such as `http://127.0.0.1:4318`";
            return Err(fail("OTEL_EXPORTER_OTLP_ENDPOINT", problem));
        }
        let either = |ending: &str| {
            let own = format!("OTEL_EXPORTER_OTLP_TRACES_{ending}");
            get(&own).map(|value| (own, value)).or_else(|| {
                let all = format!("OTEL_EXPORTER_OTLP_{ending}");
                get(&all).map(|value| (all, value))
            })
        };
        Ok(Some(Self {
            endpoint,
            headers: match either("HEADERS") {
                Some((name, text)) => headers(&name, &text)?,
                None => Vec::new(),
            },
            protocol: match either("PROTOCOL") {
                Some((name, text)) => protocol(&name, &text)?,
                None => Protocol::Protobuf,
            },
            timeout: match either("TIMEOUT") {
                Some((name, text)) => Duration::from_millis(
                    text.trim().parse().map_err(|_| fail(&name, "expected milliseconds"))?,
                ),
                None => TIMEOUT,
            },
            resource: resource(&get)?,
            sampler: sampler(&get)?,
        }))
    }
}

fn fail(name: &str, problem: &str) -> SpanSettingsError {
    SpanSettingsError { name: name.to_owned(), problem: problem.to_owned() }
}

fn protocol(name: &str, text: &str) -> Result<Protocol, SpanSettingsError> {
    match text.trim() {
        "http/protobuf" => Ok(Protocol::Protobuf),
        "http/json" => Ok(Protocol::Json),
        _ => Err(fail(name, "expected `http/protobuf` or `http/json`; gRPC is not spoken")),
    }
}

fn headers(name: &str, text: &str) -> Result<Vec<(String, Secret)>, SpanSettingsError> {
    let pairs = pairs(name, text)?;
    Ok(pairs.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
}

fn resource(
    get: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, SpanSettingsError> {
    let name = "OTEL_RESOURCE_ATTRIBUTES";
    let mut resource = get(name).map_or(Ok(Vec::new()), |text| pairs(name, &text))?;
    let named = resource.iter().position(|(name, _)| name == "service.name");
    match (get("OTEL_SERVICE_NAME"), named) {
        (Some(service), Some(at)) => {
            resource.splice(at..=at, [("service.name".into(), service)]).for_each(drop)
        }
        (Some(service), None) => resource.push(("service.name".into(), service)),
        (None, None) => resource.push(("service.name".into(), "distiq-gateway".into())),
        (None, Some(_)) => {}
    }
    resource.push(("service.version".into(), env!("CARGO_PKG_VERSION").into()));
    Ok(resource)
}

/// Reads `name=value,name=value`, the values percent-encoded.
fn pairs(name: &str, text: &str) -> Result<Vec<(String, String)>, SpanSettingsError> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            // The value is not repeated: it may be a key.
            let (field, value) =
                part.split_once('=').ok_or_else(|| fail(name, "expected `name=value,…`"))?;
            Ok((
                field.trim().to_owned(),
                crate::call::decode_percent(&value.trim().replace('+', "%2B")),
            ))
        })
        .collect()
}

fn sampler(get: &dyn Fn(&str) -> Option<String>) -> Result<Sampler, SpanSettingsError> {
    let name = get("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "parentbased_always_on".to_owned());
    let (asks_parent, root) = match name.trim().strip_prefix("parentbased_") {
        Some(root) => (true, root.to_owned()),
        None => (false, name.trim().to_owned()),
    };
    let share = match root.as_str() {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => {
            let argument = get("OTEL_TRACES_SAMPLER_ARG").unwrap_or_else(|| "1".to_owned());
            let share = argument.trim().parse::<f64>().ok();
            share
                .filter(|share| (0.0..=1.0).contains(share))
                .ok_or_else(|| fail("OTEL_TRACES_SAMPLER_ARG", "expected a share from 0 to 1"))?
        }
        _ => return Err(fail("OTEL_TRACES_SAMPLER", "no such sampler is known")),
    };
    Ok(Sampler { asks_parent, share })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<SpanSettings>, SpanSettingsError> {
        let find = |name: &str| {
            pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        };
        SpanSettings::from_env(&find)
    }

    #[test]
    fn spans_are_off_until_an_address_is_set() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/");
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), Ok(None));
        assert_eq!(read(&[endpoint, ("OTEL_SDK_DISABLED", "True")]), Ok(None));
        assert_eq!(read(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Ok(None));
        let settings = read(&[endpoint]).unwrap().unwrap();
        assert_eq!(settings.endpoint, "http://127.0.0.1:4318/v1/traces");
        assert_eq!(settings.sampler, Sampler { asks_parent: true, share: 1.0 });
        assert!(settings.resource.contains(&("service.name".into(), "distiq-gateway".into())));
    }

    #[test]
    fn what_is_for_traces_alone_comes_first() {
        let settings = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b/own"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x=1"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Basic%20a+b%3D, y = 2"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
            ("OTEL_SERVICE_NAME", "mine"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=theirs,team=a%2Cb"),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let settings = settings.unwrap().unwrap();
        let headers: Vec<_> =
            settings.headers.iter().map(|(n, v)| (n.as_str(), v.expose())).collect();
        assert_eq!(settings.endpoint, "http://b/own");
        assert_eq!(headers, [("authorization", "Basic a+b="), ("y", "2")]);
        assert_eq!((settings.protocol, settings.timeout.as_millis()), (Protocol::Json, 250));
        assert_eq!(settings.resource[0], ("service.name".into(), "mine".into()));
        assert_eq!(settings.resource[1], ("team".into(), "a,b".into()));
        assert_eq!(settings.sampler, Sampler { asks_parent: false, share: 0.25 });
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a");
        let fails = |pair: (&'static str, &'static str)| {
            let error = read(&[endpoint, pair]).unwrap_err();
            assert_eq!(error.name, pair.0);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        };
        fails(("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"));
        fails(("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"));
        fails(("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"));
        fails(("OTEL_TRACES_SAMPLER", "jaeger_remote"));
        assert!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317")]).is_err());
    }
}
