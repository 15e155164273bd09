//! Answers without a model.

use std::path::Path;
use std::sync::Arc;

use distiq_base::CodeView;
use distiq_tools::permission::Verdict;
use distiq_tools::{Call, Toolbox};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Asked;
use crate::{ProjectCode, facts};

/// Longest answer.
const MOST_BYTES: usize = 12_000;
/// What ends every answer: nobody is to take it for a model's.
const NO_MODEL: &str = "Answered without a model. `--no-local` asks one.";

/// Answers a question; `None` where the answer is not found, or would do what is not allowed unasked.
pub(crate) async fn answer(
    asked: &Asked,
    root: &Path,
    code: Option<&Arc<ProjectCode>>,
    toolbox: &Toolbox,
    cancel: CancellationToken,
) -> Option<String> {
    let (head, found) = match asked {
        Asked::Definition(name) => {
            (format!("`{name}` is defined here:"), look(code, CodeView::Symbol, name).await?)
        }
        Asked::Uses(name) => {
            (format!("`{name}` is used here:"), look(code, CodeView::References, name).await?)
        }
        Asked::Outline(path) => {
            // What may not be read is not shown either.
            tool(toolbox, "read", json!({"path": path, "lines": "1-1"}), cancel).await?;
            (format!("{path} defines:"), facts::outline(root, path)?)
        }
        Asked::Files(name) => {
            let pattern =
                if name.contains(['*', '?', '/']) { name.clone() } else { format!("*{name}*") };
            ("Files:".to_owned(), tool(toolbox, "find", json!({"pattern": pattern}), cancel).await?)
        }
        Asked::Todos => {
            let pattern = r"\b(TODO|FIXME|XXX|HACK)\b";
            let input = json!({"pattern": pattern, "case": true});
            ("Still to do:".to_owned(), tool(toolbox, "search", input, cancel).await?)
        }
        Asked::Changes => {
            let status = tool(toolbox, "git", json!({"action": "status"}), cancel.clone()).await?;
            let diff =
                tool(toolbox, "git", json!({"action": "diff"}), cancel).await.unwrap_or_default();
            ("Since the last commit:".to_owned(), format!("{status}\n{diff}"))
        }
        Asked::Tests => ("Tests:".to_owned(), tool(toolbox, "test", json!({}), cancel).await?),
    };
    let found = found.trim_end();
    (!found.is_empty()).then(|| format!("{head}\n\n{found}\n\n{NO_MODEL}"))
}

/// Looks into the index, beside the runtime's threads.
async fn look(code: Option<&Arc<ProjectCode>>, view: CodeView, name: &str) -> Option<String> {
    let (code, name) = (Arc::clone(code?), name.to_owned());
    let look = move || code.exact(view, &name, MOST_BYTES);
    tokio::task::spawn_blocking(look).await.ok().flatten()
}

/// Calls a tool where that needs nobody's permission; `None` where it found nothing.
async fn tool(
    toolbox: &Toolbox,
    name: &str,
    input: Value,
    cancel: CancellationToken,
) -> Option<String> {
    let decision = toolbox.decide(name, &input).ok()?;
    if decision.verdict != Verdict::Allow {
        return None;
    }
    let call = Call { id: format!("local-{name}"), name: name.to_owned(), input };
    let outcome = toolbox.call(call, cancel).await;
    let is_empty = outcome.data.get("files").and_then(Value::as_array).is_some_and(Vec::is_empty);
    (outcome.ok && !is_empty).then_some(outcome.text)
}
