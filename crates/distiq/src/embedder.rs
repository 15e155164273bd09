//! The embedder that the settings name, and the model that reads the best places of a search.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use distiq_base::{
    Dialect, Embed, EmbedError, EmbedInput, EmbedRequest, EmbedRole, ErrorKind, RequestKind,
    Rerank, RerankError,
};
use distiq_llm::provider::RawRequest;
use distiq_llm::wire::embed;
use distiq_ml::text::normalize;
use distiq_ml::{CrossEncoder, Transformer, TransformerError};
use distiq_router::{Call, ForwardBody, Purpose, Reads, Route, Router};
use tokio::runtime::Runtime;

use crate::failure::Failure;
use crate::world::World;
use crate::{providers, router, terminal};

/// What the user can do where a folder is of no use.
const HINT: &str = "Give it the folder of a model, or take the setting out";

/// Returns the embedder of the settings; `None` where vectors come of the project's own words.
pub fn of(world: &World) -> Result<Option<Arc<dyn Embed>>, Failure> {
    let Some(named) = &world.settings.embedder else { return Ok(None) };
    let folder = PathBuf::from(named);
    if folder.is_absolute() {
        if !folder.is_dir() {
            let message = format!("`index.embedder` names a folder that is not there: `{named}`");
            return Err(Failure::new(ErrorKind::Config, message).with_hint(HINT));
        }
        if let Err(error) = Transformer::check(&folder) {
            let why = Failure::of(ErrorKind::Config, &error).message;
            let message =
                format!("`index.embedder` names a folder of no model that can be used: {why}");
            return Err(Failure::new(ErrorKind::Config, message).with_hint(HINT));
        }
        return Ok(Some(Arc::new(Local { folder, model: OnceLock::new() })));
    }
    if !named.contains('/') || named.starts_with(['.', '~']) {
        let message = format!("`index.embedder` names neither a folder nor a model: `{named}`");
        return Err(Failure::new(ErrorKind::Config, message)
            .with_hint("Give it a folder's whole path, or `PROVIDER/MODEL`"));
    }
    Ok(Some(Arc::new(Remote::open(world, named)?)))
}

/// Returns the embedder of the settings for work that goes on without one: why there is none is said.
pub fn if_any(world: &World) -> Option<Arc<dyn Embed>> {
    of(world).unwrap_or_else(|failure| {
        terminal::say(&format!("note: code is found without vectors: {}", failure.message));
        None
    })
}

/// Returns the model of the settings that reads places together with the request.
pub fn reranker(world: &World) -> Result<Option<Arc<dyn Rerank>>, Failure> {
    let Some(cross) = LocalCross::of(world) else { return Ok(None) };
    if !cross.folder.is_dir() {
        let named = cross.folder.display();
        let message = format!("`index.reranker` names a folder that is not there: `{named}`");
        return Err(Failure::new(ErrorKind::Config, message).with_hint(HINT));
    }
    Ok(Some(Arc::new(cross)))
}

/// Returns the same for work that goes on without one: why it cannot be used is said once.
pub fn reranker_if_any(world: &World) -> Option<Arc<dyn Rerank>> {
    Some(Arc::new(IfAny { model: LocalCross::of(world)?, is_said: OnceLock::new() }))
}

/// A vendor's model, asked through the router: its limits hold, and each request is on the ledger.
struct Remote {
    id: String,
    router: Router,
    route: Route,
    dialect: Dialect,
    project: String,
    /// `None` once it is dropped.
    runtime: Mutex<Option<Runtime>>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({})", self.id)
    }
}

impl Remote {
    fn open(world: &World, named: &str) -> Result<Self, Failure> {
        let registry = providers::registry(world)?;
        let route = providers::table(world, &registry)?
            .resolve(named, None)
            .map_err(|error| Failure::of(ErrorKind::Config, &error).with_hint(error.hint()))?;
        let first = route.candidates.first();
        let first = first.ok_or_else(|| Failure::new(ErrorKind::Config, "No such model"))?;
        let dialect = registry.get(&first.provider)?.dialect();
        let id = format!("{}/{}", first.provider, first.model);
        let catalogue = providers::catalogue(world)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::io("Cannot start", &error))?;
        Ok(Self {
            id,
            router: router::open(world, registry, catalogue)?,
            route,
            dialect,
            project: world.root.display().to_string(),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    async fn ask(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let (mut purpose, model) = Purpose::along(RequestKind::Embed, self.route.clone());
        purpose.project = Some(self.project.clone());
        // Another model's vectors could not be compared with these.
        purpose.fallbacks.clear();
        let input = texts.iter().map(|text| EmbedInput::Text((*text).to_owned())).collect();
        let request = EmbedRequest { model: model.clone(), input, ..EmbedRequest::default() };
        let (path, body) = embed::encode(self.dialect, &request)
            .ok_or_else(|| EmbedError::set_up("this provider has no embeddings"))?;
        let call = Call {
            dialect: self.dialect,
            reads: Reads::Count,
            model,
            request: RawRequest { path: path.into(), body: body.into(), ..RawRequest::default() },
            fields: None,
        };
        let forwarded = self.router.forward(call, purpose).await;
        let forwarded = forwarded.map_err(|refused| EmbedError {
            kind: refused.error.kind(),
            source: Box::new(refused.error),
        })?;
        let ForwardBody::Whole(body) = forwarded.body else {
            return Err(EmbedError::asked("the provider streams its vectors"));
        };
        let answer = embed::decode(self.dialect, &body).map_err(EmbedError::asked)?;
        let mut vectors = answer.vectors;
        vectors.iter_mut().for_each(|vector| normalize(vector));
        Ok(vectors)
    }
}

impl Embed for Remote {
    fn id(&self) -> &str {
        &self.id
    }

    fn embed(&self, texts: &[&str], _role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = runtime.as_ref().ok_or_else(|| EmbedError::asked("it is closed"))?;
        runtime.block_on(self.ask(texts))
    }
}

impl Drop for Remote {
    /// Ends the runtime without waiting for it: the last owner may be a task of another one, which must not wait.
    fn drop(&mut self) {
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A model in a folder, read when it is first needed: most commands need none.
#[derive(Debug)]
struct Local {
    folder: PathBuf,
    model: OnceLock<Result<Transformer, Arc<TransformerError>>>,
}

impl Local {
    fn model(&self) -> Result<&Transformer, Arc<TransformerError>> {
        let model = self.model.get_or_init(|| Transformer::open(&self.folder).map_err(Arc::new));
        model.as_ref().map_err(Arc::clone)
    }
}

impl Embed for Local {
    fn id(&self) -> &str {
        self.model().map_or("", Transformer::id)
    }

    fn is_local(&self) -> bool {
        true
    }

    fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.model().map_err(EmbedError::set_up)?.embed(texts, role)
    }
}

/// A cross-encoder in a folder, read when it is first needed.
#[derive(Debug)]
struct LocalCross {
    folder: PathBuf,
    model: OnceLock<Result<CrossEncoder, Arc<TransformerError>>>,
}

impl LocalCross {
    fn of(world: &World) -> Option<Self> {
        let folder = world.settings.reranker.clone()?;
        Some(Self { folder, model: OnceLock::new() })
    }
}

/// A model without which the order stays as it is.
#[derive(Debug)]
struct IfAny {
    model: LocalCross,
    is_said: OnceLock<()>,
}

impl Rerank for IfAny {
    fn scores(&self, request: &str, passages: &[&str]) -> Result<Vec<f32>, RerankError> {
        Ok(self.model.scores(request, passages).unwrap_or_else(|error| {
            self.is_said.get_or_init(|| {
                let why = error.0;
                terminal::say(&format!("note: code is found without `index.reranker`: {why}"));
            });
            Vec::new()
        }))
    }
}

impl Rerank for LocalCross {
    fn scores(&self, request: &str, passages: &[&str]) -> Result<Vec<f32>, RerankError> {
        let model = self.model.get_or_init(|| CrossEncoder::open(&self.folder).map_err(Arc::new));
        let model = model.as_ref().map_err(|error| RerankError(Box::new(Arc::clone(error))))?;
        Ok(model.scores(request, passages))
    }
}
