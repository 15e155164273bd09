//! OpenAI's older completions: passed to servers of that dialect, which know them; chats for others.

use distiq_base::Dialect;
use hyper::Response;

use crate::body::Out;
use crate::chat::{self, Asked, take_rate};
use crate::head::Head;
use crate::pass;
use crate::refusal::Refusal;
use crate::resolve::{first_dialect, resolve};

/// Answers a request for a continued text.
pub(crate) async fn answer(mut asked: Asked<'_>) -> Result<Response<Out>, Refusal> {
    let head = Head::read(&asked.body)?;
    let name = head.model.unwrap_or_default();
    let setup = asked.shared.setup();
    let route = resolve(&setup, asked.caller, Dialect::Openai, &name)?;
    let speaks_openai = first_dialect(&setup, &route) == Some(Dialect::Openai);
    let Some(first) = route.candidates.first().filter(|_| speaks_openai) else {
        return chat::answer(asked).await;
    };
    asked.watch.asks(&name, head.stream, &asked.body);
    if first.model != name {
        let mut json: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&asked.body)
                .map_err(|error| Refusal::invalid(format!("The body is not JSON: {error}")))?;
        json.insert("model".into(), first.model.as_str().into());
        asked.body = serde_json::Value::Object(json).to_string().into();
    }
    let tab = take_rate(&asked)?;
    let (provider, model) = (first.provider.clone(), first.model.clone());
    pass::unknown(&asked, provider, "completions".to_owned(), Some(model), tab).await
}
