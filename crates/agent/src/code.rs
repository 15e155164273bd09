//! The index as the model's `search` tool sees it.

mod show;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use distiq_base::{CodeIndex, CodeView};
use distiq_index::{Control, Index, IndexError, Mode, Query, Snapshot};

use show::Page;

/// Most hits that are looked through for those that the caller accepts.
const LOOKED_AT: usize = 200;
/// Most hits by meaning, and most definitions that are shown.
const BY_MEANING: usize = 12;
const BY_NAME: usize = 40;
/// So few hits come with their code.
const FEW: usize = 2;

/// The project's code, found by its index, which is opened with the first question.
#[derive(Debug)]
pub struct ProjectCode {
    root: PathBuf,
    cache: PathBuf,
    index: Mutex<Option<Index>>,
}

impl ProjectCode {
    /// Returns the code of the project at `root`, whose index may lie in `cache`.
    pub fn new(root: &Path, cache: &Path) -> Self {
        Self { root: root.to_path_buf(), cache: cache.to_path_buf(), index: Mutex::default() }
    }

    /// Does `work` on the code as it is now; an index that turns out damaged is built anew once.
    fn with<T>(&self, work: impl Fn(&Snapshot) -> Result<T, IndexError>) -> Result<T, IndexError> {
        let mut slot = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match slot.take() {
            Some(index) => index,
            None => Index::open(&self.root, &self.cache)?,
        };
        let mut index = slot.insert(opened);
        match ask(index, &work) {
            Err(IndexError::Damaged) => {
                index = slot.insert(Index::rebuild(&self.root, &self.cache)?);
                ask(index, &work)
            }
            other => other,
        }
    }
}

fn ask<T>(
    index: &Index,
    work: impl Fn(&Snapshot) -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    match index.refresh(&Control::default()) {
        // What another process reads at this moment is fresh enough.
        Ok(_) | Err(IndexError::Busy) => {}
        Err(error) => return Err(error),
    }
    work(&index.snapshot()?)
}

impl CodeIndex for ProjectCode {
    fn answer(
        &self,
        view: CodeView,
        question: &str,
        accepts: &dyn Fn(&str) -> bool,
        max_bytes: usize,
    ) -> Result<String, String> {
        let answer = self.with(|snapshot| {
            let mut page = Page::new(snapshot, max_bytes);
            match view {
                CodeView::Symbol => symbol(snapshot, question, accepts, &mut page)?,
                CodeView::Meaning => meaning(snapshot, question, accepts, &mut page)?,
                CodeView::References => references(snapshot, question, accepts, &mut page)?,
                CodeView::Impact | CodeView::Map => {}
            }
            Ok(page.finish())
        });
        answer.map_err(|error| error.to_string())
    }
}

fn symbol(
    snapshot: &Snapshot,
    question: &str,
    accepts: &dyn Fn(&str) -> bool,
    page: &mut Page<'_>,
) -> Result<(), IndexError> {
    let query = Query { limit: LOOKED_AT, mode: Mode::Symbol, ..Query::new(question) };
    let mut hits = snapshot.search(&query)?;
    hits.retain(|hit| accepts(&hit.path));
    let exact =
        hits.iter().take_while(|hit| hit.reasons.iter().any(|why| why == "its name")).count();
    if exact > 0 {
        hits.truncate(exact.min(BY_NAME));
    } else {
        hits.truncate(BY_MEANING);
        page.say("no definition is called so; the nearest names:");
    }
    let with_code = if exact > 0 && hits.len() <= FEW { hits.len() } else { 0 };
    page.hits(&hits, with_code);
    Ok(())
}

fn meaning(
    snapshot: &Snapshot,
    question: &str,
    accepts: &dyn Fn(&str) -> bool,
    page: &mut Page<'_>,
) -> Result<(), IndexError> {
    let mut hits = snapshot.search(&Query { limit: LOOKED_AT, ..Query::new(question) })?;
    hits.retain(|hit| accepts(&hit.path));
    hits.truncate(BY_MEANING);
    page.hits(&hits, FEW);
    Ok(())
}

fn references(
    snapshot: &Snapshot,
    question: &str,
    accepts: &dyn Fn(&str) -> bool,
    page: &mut Page<'_>,
) -> Result<(), IndexError> {
    let name = question.trim().trim_end_matches("()");
    let name = name.rsplit(['.', ':', '#']).next().unwrap_or(name);
    let mut files = snapshot.files_that_mention(name)?;
    files.retain(|file| accepts(file.path));
    files.sort_by(|a, b| a.path.cmp(b.path));
    for file in files {
        let facts = file.facts()?;
        let place = facts.names.iter().position(|known| known == name);
        let place = place.and_then(|place| u32::try_from(place).ok());
        let mut lines: Vec<u32> = facts
            .mentions
            .iter()
            .filter(|mention| Some(mention.name) == place)
            .filter(|mention| mention.role() != distiq_lang::Role::Definition)
            .map(|mention| mention.line)
            .collect();
        lines.dedup();
        page.lines(file.path, &lines);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CART: &str = "class Cart:\n    def total(self):\n        return sum(self.prices())\n\n    def prices(self):\n        return []\n";
    const SHOP: &str =
        "from cart import Cart\n\ndef checkout(cart):\n    # pays\n    return cart.total()\n";

    fn answer(view: CodeView, question: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("cart.py"), CART).unwrap();
        fs::write(root.join("shop.py"), SHOP).unwrap();
        let code = ProjectCode::new(&root, &folder.path().join("cache"));
        code.answer(view, question, &|path| path != "hidden.py", 8_000).unwrap()
    }

    #[test]
    fn a_definition_comes_with_its_code() {
        let text = answer(CodeView::Symbol, "Cart.total");
        assert_eq!(text, "cart.py:2-3\n    def total(self):\n        return sum(self.prices())\n");
    }

    #[test]
    fn uses_come_as_lines() {
        assert_eq!(answer(CodeView::References, "total"), "shop.py\n5: return cart.total()\n");
    }

    #[test]
    fn code_is_found_by_what_it_does() {
        let text = answer(CodeView::Meaning, "sum of all prices");
        assert!(text.starts_with("cart.py:"), "{text}");
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert_eq!(answer(CodeView::References, "zebra"), "");
        assert_eq!(answer(CodeView::Meaning, "zebra"), "");
    }
}
