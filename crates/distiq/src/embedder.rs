//! The embedder that the settings name.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use distiq_base::{Embed, EmbedError, EmbedRole, ErrorKind};
use distiq_ml::{Transformer, TransformerError};

use crate::failure::Failure;
use crate::world::World;

/// Returns the embedder of the settings; `None` where vectors come of the project's own words.
pub fn of(world: &World) -> Result<Option<Arc<dyn Embed>>, Failure> {
    let Some(named) = &world.settings.embedder else { return Ok(None) };
    let folder = PathBuf::from(named);
    if !folder.is_absolute() {
        let message = format!("`index.embedder` names no folder: `{named}`");
        return Err(Failure::new(ErrorKind::User, message).with_hint(
            "Give it the whole path of a folder with `config.json` and `model.safetensors`",
        ));
    }
    Ok(Some(Arc::new(Local { folder, model: OnceLock::new() })))
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

    fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.model().map_err(|error| EmbedError(Box::new(error)))?.embed(texts, role)
    }
}
