//! What is decided about each request: who asks, what the rules say, what the script says.

use std::time::Duration;

use distiq_base::{Dialect, Request, Response, Usage};
use distiq_llm::wire::{anthropic, openai, responses};
use distiq_ml::Tokenizer;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Value, json};

use super::answer::{self, Ids};
use super::embeddings;
use super::forms::{headers, html, json_reply, models, status_refusal};
use super::native;
use super::play::{Act, Body, Reply};
use super::responses::{Answers, sign};
use super::{Captured, Options, Outcome};
use crate::fault::{Fault, RetryAfter};
use crate::http::HttpRequest;
use crate::invariants::{self, Rules, Violation};
use crate::script::{Answer, Count, Play, Script, ScriptError};
use crate::vendor::{Counted, Refusal, Vendors, refuse};

/// The largest body that a vendor takes.
const MAX_VENDOR_BYTES: usize = 32 * 1024 * 1024;

/// Everything a running server knows.
pub(super) struct Desk {
    pub(super) script: Script,
    pub(super) options: Options,
    pub(super) captured: Vec<Captured>,
    /// What went wrong between the script and the requests.
    pub(super) complaints: Vec<Violation>,
    vendors: Vendors,
    ids: Ids,
    answers: Answers,
}

/// What is done on the connection, and for which captured request.
pub(super) struct Plan {
    pub number: Option<usize>,
    pub acts: Vec<Act>,
}

impl Desk {
    pub(super) fn new(script: Script, options: Options) -> Self {
        let vendors = Vendors::new(Tokenizer::o200k(), options.clock.clone());
        Self {
            script,
            options,
            captured: Vec::new(),
            complaints: Vec::new(),
            vendors,
            ids: Ids::default(),
            answers: Answers::default(),
        }
    }

    /// Decides about a request.
    pub(super) fn serve(&mut self, request: &HttpRequest) -> Plan {
        let dialect = match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/messages") => Dialect::Anthropic,
            ("POST", "/v1/chat/completions") => Dialect::Openai,
            ("POST", "/v1/responses") => Dialect::Responses,
            _ => match native::dialect_of(request) {
                Some(dialect) => dialect,
                None => return Plan { number: None, acts: self.side_door(request).acts() },
            },
        };
        let number = self.captured.len();
        self.captured.push(capture(number, dialect, request));
        let acts = match self.answer(number, request) {
            Ok(acts) => acts,
            Err(refusal) => {
                let reply = self.refusal(dialect, &refusal);
                self.note(number, |captured| {
                    captured.status = refusal.status;
                    captured.refusal = Some(refusal);
                });
                reply.acts()
            }
        };
        Plan { number: Some(number), acts }
    }

    /// Writes down what became of an answer.
    pub(super) fn close(&mut self, number: Option<usize>, outcome: Outcome) {
        if let Some(number) = number {
            let forgets = self.options.forgets;
            self.note(number, |captured| {
                captured.outcome = outcome;
                if forgets {
                    (captured.body, captured.json) = (Default::default(), Value::Null);
                    (captured.request, captured.headers) = (None, Vec::new());
                }
            });
        }
    }

    fn note(&mut self, number: usize, change: impl FnOnce(&mut Captured)) {
        if let Some(captured) = self.captured.get_mut(number) {
            change(captured);
        }
    }

    /// Answers what is no request to a model.
    fn side_door(&mut self, request: &HttpRequest) -> Reply {
        let dialect = match request.header("anthropic-version") {
            Some(_) => Dialect::Anthropic,
            None => Dialect::Openai,
        };
        let known = native::side_door(request, &self.script.models, &mut self.vendors);
        if let Some((dialect, answer)) = known {
            let answer = self.key(request).and(answer);
            return match answer {
                Ok(body) => json_reply(dialect, 200, &body),
                Err(refusal) => self.refusal(dialect, &refusal),
            };
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/v1/models") => match self.key(request) {
                Ok(_) => json_reply(dialect, 200, &models(&self.script.models, dialect)),
                Err(refusal) => self.refusal(dialect, &refusal),
            },
            ("POST", "/v1/embeddings") => {
                let answer = self.key(request);
                let answer =
                    answer.and_then(|_| embeddings::answer(&request.body, &mut self.vendors));
                self.either(answer)
            }
            ("GET", "/scripted") => json_reply(dialect, 200, &self.report()),
            ("POST", "/scripted") => self.begin_anew(dialect, &request.body),
            ("POST", "/v1/messages/count_tokens") => {
                let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
                let counted = self.vendors.count(Dialect::Anthropic, "", &body).usage.prompt();
                json_reply(Dialect::Anthropic, 200, &json!({"input_tokens": counted}))
            }
            (_, path) if path.starts_with("/v1/responses/") => {
                let answer = self.key(request).map(|_| self.answers.side_door(request));
                self.either(answer.and_then(|found| found.unwrap_or_else(|| Err(unknown(request)))))
            }
            ("GET", path) if path.starts_with("/v1/models/") => {
                let id = path.trim_start_matches("/v1/models/").to_owned();
                let answer = self.key(request).and_then(|_| self.model(&id));
                self.either(answer)
            }
            (method, path) => {
                let message = format!("Not found: {method} {path}");
                self.refusal(dialect, &Refusal::new(404, "not_found_error", message))
            }
        }
    }

    fn either(&self, answer: Result<Value, Refusal>) -> Reply {
        match answer {
            Ok(body) => json_reply(Dialect::Openai, 200, &body),
            Err(refusal) => self.refusal(Dialect::Openai, &refusal),
        }
    }

    fn model(&self, id: &str) -> Result<Value, Refusal> {
        let known = self.script.models.iter().any(|name| name == id);
        let list = models(&[id.to_owned()], Dialect::Openai);
        let found = list.get("data").and_then(|data| data.get(0)).filter(|_| known);
        found.cloned().ok_or_else(|| status_refusal(Dialect::Openai, 404))
    }

    /// Takes another script and forgets what was, for tests that would start a server each.
    fn begin_anew(&mut self, dialect: Dialect, script: &[u8]) -> Reply {
        match Script::from_json(&String::from_utf8_lossy(script)) {
            Ok(script) => {
                *self = Self::new(script, self.options.clone());
                json_reply(dialect, 200, &json!({}))
            }
            Err(error) => {
                let refusal = Refusal::new(400, "invalid_request_error", error.to_string());
                self.refusal(dialect, &refusal)
            }
        }
    }

    /// Tells what happened so far, for clients that cannot call [`ScriptedModel`](super::ScriptedModel).
    fn report(&self) -> Value {
        let requests: Vec<Value> = self
            .captured
            .iter()
            .map(|captured| {
                json!({
                    "dialect": captured.dialect,
                    "headers": captured.headers,
                    "body": captured.json,
                    "status": captured.status,
                    "fault": captured.fault,
                    "usage": captured.usage,
                })
            })
            .collect();
        let violations: Vec<String> = self.violations().iter().map(ToString::to_string).collect();
        let left = self.script.steps_left();
        json!({"requests": requests, "violations": violations, "steps_left": left})
    }

    /// Returns what is wrong with the requests so far.
    pub(super) fn violations(&self) -> Vec<Violation> {
        let rules =
            Rules { sessions: self.options.sessions, secrets: self.options.secrets.clone() };
        let mut found = invariants::check(&self.captured, &rules);
        found.extend(self.complaints.iter().cloned());
        found
    }

    fn answer(&mut self, number: usize, request: &HttpRequest) -> Result<Vec<Act>, Refusal> {
        let Some(captured) = self.captured.get(number) else { return Ok(Vec::new()) };
        let (dialect, mut json) = (captured.dialect, captured.json.clone());
        let key = self.key(request)?;
        if request.body.len() > MAX_VENDOR_BYTES {
            return Err(Refusal::new(413, "request_too_large", "Request exceeds the maximum size"));
        }
        let mut body = request.body.clone();
        if dialect == Dialect::Responses && json.get("previous_response_id").is_some() {
            json = self.answers.join(&json)?;
            body = json.to_string().into();
        }
        if dialect == Dialect::Gemini {
            json = native::with_model(request, &json);
        }
        if let Some(refusal) = refuse(dialect, &json) {
            return Err(refusal);
        }
        let decoded = match dialect {
            Dialect::Anthropic => anthropic::decode_request(&body),
            Dialect::Responses => responses::decode_request(&body),
            Dialect::Openai => openai::decode_request(&body),
            Dialect::Gemini | Dialect::Ollama => native::decode(request),
        };
        let decoded = decoded.map_err(|error| {
            let what = format!("the codec cannot read it: {error}");
            self.complaints.push(Violation { request: number, what: what.clone() });
            Refusal::invalid(what)
        })?;
        self.note(number, |captured| captured.request = Some(decoded.clone()));
        let play = self.script.play(&decoded).map_err(|error| self.complain(number, &error))?;
        let form = native::Form::of(&request.path, &request.query);
        Ok(self.perform(number, &Call { key: &key, json: &json, form }, &decoded, play))
    }

    fn complain(&mut self, number: usize, error: &ScriptError) -> Refusal {
        let what = error.to_string();
        self.complaints.push(Violation { request: number, what: what.clone() });
        Refusal { code: Some("script".into()), ..Refusal::invalid(what) }
    }

    fn perform(
        &mut self,
        number: usize,
        call: &Call<'_>,
        request: &Request,
        play: Play,
    ) -> Vec<Act> {
        let Call { key, json, form } = *call;
        let Play { mut answer, fault } = play;
        let dialect = self.captured.get(number).map_or(Dialect::Anthropic, |c| c.dialect);
        if let Some(fault) = &fault {
            self.note(number, |captured| captured.fault = Some(fault.name()));
            if let Some((status, acts)) = self.instead(dialect, request.stream, fault) {
                self.note(number, |captured| captured.status = status);
                return acts;
            }
            if *fault == Fault::TruncatedArguments {
                answer::truncate_arguments(&mut answer);
            }
        }
        let counted = self.vendors.count(dialect, key, json);
        self.vendors.keep(&counted);
        let (pace_ms, response) = self.respond(dialect, request, answer, &counted);
        let asked = answer::Asked { request, form };
        if dialect == Dialect::Responses {
            self.answers.keep(json, answer::whole(dialect, &response, asked));
        }
        self.note(number, |captured| {
            captured.status = 200;
            captured.usage = response.usage.or(Some(counted.usage));
        });
        let reply = Reply {
            dialect,
            status: 200,
            headers: match form {
                Some(form) if request.stream => {
                    vec![("content-type".to_owned(), form.content_type().to_owned())]
                }
                _ => headers(dialect, request.stream, number),
            },
            body: if request.stream {
                Body::Events(answer::frames(dialect, &response, asked))
            } else {
                Body::Whole(answer::whole(dialect, &response, asked).to_string().into_bytes())
            },
            pace: Duration::from_millis(pace_ms),
        };
        match &fault {
            Some(fault) => reply.harmed(fault),
            None => reply.acts(),
        }
    }

    fn respond(
        &mut self,
        dialect: Dialect,
        request: &Request,
        mut answer: Answer,
        counted: &Counted,
    ) -> (u64, Response) {
        self.ids.name_calls(&mut answer, dialect);
        let vendors = &mut self.vendors;
        let mut tokens = |text: &str| vendors.tokens(text);
        if let (Some(most), Count::Counted) = (request.max_tokens, answer.count) {
            answer::limit(&mut answer, most, &mut tokens);
        }
        let (output, reasoning) = answer::count(&answer.content, &mut tokens);
        let usage = match answer.count {
            Count::Counted => Some(Usage { output, reasoning, ..counted.usage }),
            Count::Missing => None,
            Count::Exactly(usage) => Some(usage),
        };
        let id = self.ids.answer(dialect);
        let native = matches!(dialect, Dialect::Gemini | Dialect::Ollama);
        let stop = answer.stop_reason();
        if native {
            native::sign(&mut answer.content, dialect, &request.model);
        }
        if dialect == Dialect::Responses {
            sign(&mut answer.content, request, &id);
        }
        let response =
            Response { id, model: request.model.clone(), stop, content: answer.content, usage };
        (answer.pace_ms, response)
    }

    /// Carries out the faults that come in place of an answer.
    fn instead(&self, dialect: Dialect, streams: bool, fault: &Fault) -> Option<(u16, Vec<Act>)> {
        let refusal = match fault {
            Fault::RateLimited { retry_after } => {
                let mut reply = self.refusal(dialect, &status_refusal(dialect, 429));
                reply.headers.extend(self.retry_after(*retry_after));
                return Some((429, reply.acts()));
            }
            Fault::Status { status } => status_refusal(dialect, *status),
            Fault::ErrorEvent { .. } if !streams => status_refusal(dialect, 529),
            Fault::Error { status, error_type, code, message } => {
                Refusal { code: code.clone(), ..Refusal::new(*status, error_type, message) }
            }
            Fault::CutBeforeHead => return Some((0, vec![Act::Close])),
            Fault::StallBeforeHead => return Some((0, vec![Act::Stall])),
            Fault::Reset => return Some((0, vec![Act::Reset])),
            Fault::Refused { .. } => {
                let pause = fault.refuses_for().unwrap_or_default();
                return Some((0, vec![Act::StopListening(pause), Act::Reset]));
            }
            Fault::HtmlPage { status } => return Some((*status, html(dialect, *status).acts())),
            Fault::Redirect { status, location } => {
                let mut reply = html(dialect, *status);
                reply.headers.push(("location".into(), location.clone()));
                return Some((*status, reply.acts()));
            }
            Fault::EmptyBody => {
                let headers = headers(dialect, streams, 0);
                let body = Body::Whole(Vec::new());
                let reply = Reply { dialect, status: 200, headers, body, pace: Duration::ZERO };
                return Some((200, reply.acts()));
            }
            _ => return None,
        };
        Some((refusal.status, self.refusal(dialect, &refusal).acts()))
    }

    fn retry_after(&self, retry_after: RetryAfter) -> Option<(String, String)> {
        let (name, value) = match retry_after {
            RetryAfter::None => return None,
            RetryAfter::Seconds(seconds) => ("retry-after", seconds.to_string()),
            RetryAfter::Milliseconds(ms) => ("retry-after-ms", ms.to_string()),
            RetryAfter::DateInSeconds(seconds) => {
                let span = jiff::SignedDuration::from_secs(i64::try_from(seconds).ok()?);
                let at = jiff::Timestamp::now().checked_add(span).ok()?;
                ("retry-after", DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()?)
            }
        };
        Some((name.to_owned(), value))
    }

    fn refusal(&self, dialect: Dialect, refusal: &Refusal) -> Reply {
        let request_id = format!("req_scripted_{:04}", self.captured.len());
        json_reply(dialect, refusal.status, &refusal.body(dialect, &request_id))
    }

    /// Returns the key that a request carries, where it is let in.
    fn key(&self, request: &HttpRequest) -> Result<String, Refusal> {
        let bearer = request.header("authorization").and_then(|v| v.strip_prefix("Bearer "));
        let in_query = request.query.split('&').find_map(|pair| pair.strip_prefix("key="));
        let google = request.header("x-goog-api-key").or(in_query);
        let key = bearer.or(request.header("x-api-key")).or(google).unwrap_or_default();
        let known = self.options.required_key.as_deref().is_none_or(|required| required == key);
        if !known || (bearer.is_some() && request.header("x-api-key").is_some()) {
            let dialect = match request.path.as_str() {
                "/v1/messages" => Dialect::Anthropic,
                _ => native::dialect_of(request).unwrap_or(Dialect::Openai),
            };
            return Err(status_refusal(dialect, 401));
        }
        if request.path == "/v1/messages" && request.header("anthropic-version").is_none() {
            return Err(Refusal::invalid("anthropic-version: header is required"));
        }
        Ok(key.to_owned())
    }
}

/// What a request to a model comes with.
struct Call<'a> {
    key: &'a str,
    json: &'a Value,
    form: Option<native::Form>,
}

fn unknown(request: &HttpRequest) -> Refusal {
    let message = format!("Not found: {} {}", request.method, request.path);
    Refusal::new(404, "not_found_error", message)
}

fn capture(number: usize, dialect: Dialect, request: &HttpRequest) -> Captured {
    Captured {
        number,
        dialect,
        path: request.path.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        json: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
        request: None,
        refusal: None,
        fault: None,
        status: 0,
        usage: None,
        outcome: Outcome::Open,
    }
}
