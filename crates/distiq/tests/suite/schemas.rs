use std::collections::BTreeSet;

use distiq_base::{
    Carried, Content, Dialect, ErrorKind, Event, Failure, ImageSource, Message, Mode, Money,
    PrunedResult, Record, RequestId, Role, SessionId, StopReason, SystemBlock, ToolDef,
    TouchedFile, TurnStatus, Usage,
};
use distiq_testkit::{Answer, Script, ScriptedModel};
use serde_json::{Value, json};

use crate::{Place, shape};

/// Names an event; a new variant does not compile until it is here, and then needs a sample below.
fn name(event: &Event) -> &'static str {
    match event {
        Event::SessionStarted { .. } => "session_started",
        Event::SessionResumed { .. } => "session_resumed",
        Event::Prefix { .. } => "prefix",
        Event::TurnStarted { .. } => "turn_started",
        Event::Message { .. } => "message",
        Event::RequestStarted { .. } => "request_started",
        Event::RequestRetried { .. } => "request_retried",
        Event::TextDelta { .. } => "text_delta",
        Event::ThinkingDelta { .. } => "thinking_delta",
        Event::RequestFinished { .. } => "request_finished",
        Event::ToolStarted { .. } => "tool_started",
        Event::ToolFinished { .. } => "tool_finished",
        Event::Asked { .. } => "asked",
        Event::Heartbeat { .. } => "heartbeat",
        Event::Notice { .. } => "notice",
        Event::TurnFinished { .. } => "turn_finished",
        Event::Planned { .. } => "planned",
        Event::Judged { .. } => "judged",
        Event::Escalated { .. } => "escalated",
        Event::Corrected { .. } => "corrected",
        Event::Checkpoint { .. } => "checkpoint",
        Event::Undone { .. } => "undone",
        Event::Redone { .. } => "redone",
        Event::Compacted { .. } => "compacted",
        Event::Pruned { .. } => "pruned",
        Event::Named { .. } => "named",
    }
}

fn messages() -> Vec<Event> {
    let contents = vec![
        Content::text("hi"),
        Content::Image { source: ImageSource::Url { url: "https://a/b.png".into() } },
        Content::Image {
            source: ImageSource::Base64 { media_type: "image/png".into(), data: "AA==".into() },
        },
        Content::Thinking { text: "hm".into(), signature: Some("s".into()) },
        Content::RedactedThinking { data: "x".into() },
        Content::ToolCall { id: "c".into(), name: "read".into(), arguments: "{}".into() },
        Content::tool_result("c", "text", true),
        Content::Other { dialect: Dialect::Anthropic, json: json!({"type": "new"}) },
    ];
    let message = Message { role: Role::Assistant, content: contents };
    vec![Event::Message { message }]
}

fn requests() -> Vec<Event> {
    let id = RequestId::generate();
    let finished = |stop, error, cost| Event::RequestFinished {
        request_id: id.clone(),
        model: "m".into(),
        usage: Usage { input: 1, output: 2, ..Usage::default() },
        cost_nanousd: cost,
        estimated: false,
        latency_ms: 5,
        first_token_ms: None,
        keeps_warm: cost.is_some(),
        stop,
        error,
    };
    vec![
        Event::RequestStarted { request_id: id.clone(), provider: "p".into(), model: "m".into() },
        Event::RequestRetried {
            request_id: id.clone(),
            attempt: 1,
            reason: "overloaded".into(),
            delay_ms: 500,
        },
        Event::TextDelta { text: "a".into() },
        Event::ThinkingDelta { text: "b".into() },
        finished(Some(StopReason::ToolUse), None, Some(Money::from_nanos(7))),
        finished(Some(StopReason::Other("odd".into())), None, None),
        finished(None, Some("cut".into()), None),
    ]
}

fn turns() -> Vec<Event> {
    let finished = |status, error| Event::TurnFinished {
        turn: 1,
        status,
        text: "done".into(),
        error,
        requests: 2,
        usage: Usage::default(),
        cost_nanousd: None,
        files_changed: vec!["a.rs".into()],
        provider: None,
        model: Some("n".into()),
    };
    let escalated = |from_tier, switch_cost_nanousd| Event::Escalated {
        from_provider: "p".into(),
        from_model: "m".into(),
        from_tier,
        provider: "p".into(),
        model: "n".into(),
        tier: "premium".into(),
        confidence: 0.24,
        reasons: vec!["`make` ended with exit 2".into()],
        switch_cost_nanousd,
    };
    let plan = distiq_base::Plan {
        summary: "s".into(),
        files: vec!["a".into()],
        changes: vec![distiq_base::PlannedChange {
            file: "a".into(),
            what: "w".into(),
            reason: String::new(),
        }],
        tests: Vec::new(),
        complexity: distiq_base::Complexity::Simple,
    };
    let planned = |model: Option<&str>| Event::Planned {
        plan: plan.clone(),
        provider: model.map(str::to_owned),
        model: model.map(str::to_owned),
        reasons: vec!["asked for".into()],
    };
    let judged = Event::Judged {
        provider: "p".into(),
        model: "m".into(),
        confidence: 1.0,
        reasons: Vec::new(),
    };
    let failure = Failure {
        kind: ErrorKind::Provider,
        message: "It failed".into(),
        hint: Some("Wait".into()),
    };
    vec![
        Event::TurnStarted {
            turn: 1,
            provider: "p".into(),
            model: "m".into(),
            mode: Mode::AutoEdit,
        },
        Event::ToolStarted {
            call_id: "c".into(),
            name: "read".into(),
            input: json!({"path": "a"}),
        },
        Event::ToolFinished {
            call_id: "c".into(),
            name: "read".into(),
            ok: true,
            text: "t".into(),
            files_changed: Vec::new(),
            duration_ms: 1,
        },
        Event::Asked { tool: "shell".into(), summary: "ls".into(), answer: "nobody".into() },
        Event::Heartbeat { elapsed_ms: 10_000, waiting_for: "model".into() },
        Event::Notice { message: "n".into() },
        planned(None),
        planned(Some("m")),
        judged,
        escalated(Some("budget".into()), Some(Money::from_nanos(-7))),
        escalated(None, None),
        Event::Corrected {
            from_provider: "p".into(),
            from_model: "m".into(),
            provider: "p".into(),
            model: "n".into(),
            plan: plan.clone(),
            confidence: 0.24,
            reasons: vec!["`make` ended with exit 2".into()],
        },
        finished(TurnStatus::Done, None),
        finished(TurnStatus::Failed, Some(failure)),
    ]
}

fn rewinds() -> Vec<Event> {
    let files_changed = vec!["a.rs".to_owned()];
    vec![
        Event::Checkpoint { turn: 1, id: "ab".into(), files_changed: files_changed.clone() },
        Event::Undone {
            turn: 1,
            files: true,
            conversation: false,
            id: Some("ab".into()),
            files_changed: files_changed.clone(),
        },
        Event::Redone { turn: 1, files: true, conversation: true, id: None, files_changed },
    ]
}

fn samples() -> Vec<Event> {
    let mut samples = vec![
        Event::SessionStarted {
            session_id: SessionId::generate(),
            schema: 1,
            version: "0.1.0".into(),
            root: "/p".into(),
            forked_from: Some(SessionId::generate()),
        },
        Event::SessionResumed { session_id: SessionId::generate(), version: "0.1.0".into() },
        Event::Prefix {
            system: vec![SystemBlock { text: "s".into() }],
            tools: vec![ToolDef {
                name: "read".into(),
                description: "d".into(),
                schema: json!({"type": "object"}),
                extra: serde_json::Map::new(),
            }],
            cache_key: "k".into(),
        },
        Event::Compacted {
            reason: "r".into(),
            tokens_before: 9,
            tokens_after: 1,
            carried: Carried {
                changed: vec![TouchedFile { path: "a".into(), signatures: vec!["fn a()".into()] }],
                ..Carried::default()
            },
            messages: vec![Message::user("hi")],
        },
        Event::Pruned {
            reason: "r".into(),
            tokens_before: 9,
            tokens_after: 1,
            results: vec![PrunedResult { message: 2, call_id: "c".into(), text: "t".into() }],
        },
        Event::Named { name: "n".into() },
    ];
    samples.extend(messages());
    samples.extend(requests());
    samples.extend(turns());
    samples.extend(rewinds());
    samples
}

#[test]
fn every_event_fits_its_schema_and_the_schema_names_no_other() {
    let schema = Place::new().run(&["schema", "event"]).json();
    let mut seen = BTreeSet::new();
    for event in samples() {
        seen.insert(name(&event).to_owned());
        let record = Record { seq: 3, at: "2026-11-21T10:00:00Z".parse().unwrap(), event };
        let value = serde_json::to_value(&record).unwrap();
        assert_eq!(value["type"], name(&record.event));
        assert_eq!(shape::faults(&schema, &value), Vec::<String>::new(), "{value}");
        // Nothing is written that the schema does not describe.
        let described = described(&schema, name(&record.event));
        for field in value.as_object().unwrap().keys() {
            assert!(described.contains(field), "`{field}` of {}", name(&record.event));
        }
    }
    let named: BTreeSet<String> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["properties"]["type"]["const"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(seen, named);
}

fn described(schema: &Value, name: &str) -> BTreeSet<String> {
    let events = schema["oneOf"].as_array().unwrap();
    let event = events.iter().find(|event| event["properties"]["type"]["const"] == name).unwrap();
    let own = event["properties"].as_object().unwrap().keys();
    own.chain(schema["properties"].as_object().unwrap().keys()).cloned().collect()
}

#[test]
fn a_wrong_event_does_not_fit() {
    let schema = Place::new().run(&["schema", "event"]).json();
    for wrong in [
        json!({"seq": 0, "at": "x", "type": "text_delta"}),
        json!({"seq": -1, "at": "x", "type": "text_delta", "text": "a"}),
        json!({"seq": 0, "at": "x", "type": "unheard_of"}),
        json!({"at": "x", "type": "text_delta", "text": "a"}),
    ] {
        assert!(!shape::faults(&schema, &wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn a_failure_as_json_fits_its_schema() {
    let place = Place::new();
    let schema = place.run(&["schema", "error"]).json();
    for arguments in [&["nope", "--json"][..], &["sessions", "show", "x", "--json"]] {
        assert_eq!(shape::faults(&schema, &place.run(arguments).json()), Vec::<String>::new());
    }
}

#[test]
fn what_commands_print_fits_their_schemas() {
    let place = Place::new();
    let model = ScriptedModel::start(Script::by_turn([Answer::text("ok")])).unwrap();
    let mut run = place.command(&["run", "--price", "3/15", "--", "hi"]);
    run.env("ANTHROPIC_BASE_URL", model.base_url_anthropic()).env("DISTIQ_MODEL", "scripted-1");
    assert!(run.output().unwrap().status.success());
    let session = place.run(&["sessions", "list", "--json"]).json();
    let id = session["sessions"][0]["id"].as_str().unwrap();
    for (name, line) in [
        ("config", "config --json"),
        ("config", "config get mode --json"),
        ("config", "config path --json"),
        ("cost", "cost --json"),
        ("cost", "cost --json --month"),
        ("cursor-custom", "cursor-custom --json"),
        ("data", "data path --json"),
        ("data", "data size --json"),
        ("data", "data prune --json"),
        ("doctor", "doctor --json"),
        ("export", &format!("sessions export {id} --format json")),
        ("metrics", "metrics --json"),
        ("metrics", "metrics --daily --json"),
        ("models", "models --json"),
        ("sessions", "sessions list --json"),
        ("eval", "eval --ablate --requests 2 --seeds 1 --policy cheapest --json"),
        ("simulate", "simulate --replay --json"),
        ("simulate", "simulate --requests 4 --policy cheapest --json"),
        ("sessions", &format!("sessions show {id} --json")),
        ("sessions", "sessions search hi --json"),
        ("stats", "stats --json"),
        ("undo", "undo --preview --json"),
        ("undo", "undo --json"),
        ("undo", "redo --json"),
        ("version", "version --json"),
        ("version", "version --licenses --json"),
    ] {
        let schema = place.run(&["schema", name]).json();
        let ran = place.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, 0, "{line}: {}", ran.err);
        assert_eq!(
            shape::faults(&schema, &ran.json()),
            Vec::<String>::new(),
            "{line}: {}",
            ran.out
        );
    }
}
