//! A model's answer, shown as it comes.

use distiq_agent::sources;
use distiq_base::{
    Assembler, Content, Delta, ErrorKind, Money, RequestKind, StopReason, StreamEvent,
};
use distiq_router::{Candidate, Purpose, Receipt, RouterEvent};
use futures::StreamExt;
use tokio::signal::unix::{SignalKind, signal};

use super::{Answered, Args};
use crate::failure::Failure;
use crate::providers::{self, Choice};
use crate::world::World;
use crate::{output, router, terminal};

/// Asks the model and writes what it says into `answered`.
pub fn answer(world: &World, args: &Args, answered: &mut Answered) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("Cannot start", &error))?;
    runtime.block_on(ask(world, args, answered))
}

async fn ask(world: &World, args: &Args, answered: &mut Answered) -> Result<(), Failure> {
    let registry = providers::registry(world)?;
    let table = providers::table(world, &registry)?;
    // A race is of models that a policy chooses; without one the usual model is asked.
    let question = Some(answered.question.as_str())
        .filter(|_| world.settings.economy.race_ms.is_some() && providers::is_open(world, &table));
    let choice = providers::choose_for(world, &registry, question)?;
    let race = choice.chosen.as_ref().and_then(|chosen| {
        let way = Candidate {
            tier: Some(chosen.tier),
            ..Candidate::new(&choice.provider, &choice.model)
        };
        table.race(&way, jiff::Timestamp::now())
    });
    let Choice { provider, model, chosen } = choice;
    let router = router::open(world, registry, providers::catalogue(world)?)?;
    let mut request = sources::request(&answered.question, &answered.sources);
    request.model.clone_from(&model);
    request.max_tokens = Some(args.max_tokens);
    request.temperature = args.temperature;
    let mut purpose = Purpose::new(RequestKind::Execute, provider);
    purpose.race = race;
    if let Some(chosen) = chosen {
        (purpose.tier, purpose.route, purpose.reasons) =
            (Some(chosen.tier), "auto", chosen.reasons);
    }
    purpose.project = Some(answered.root.clone());
    let failed = |error| Failure::io("Cannot listen for signals", &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut reply = router.send(request, purpose);
    let mut assembler = Assembler::default();
    let receipt = loop {
        let event = tokio::select! {
            event = reply.next() => event,
            _ = interrupt.recv() => {
                let _ = reply.cancel().await;
                return Err(Failure::new(ErrorKind::Cancelled, "The question was cancelled"));
            }
        };
        match event {
            Some(RouterEvent::Model(event)) => {
                if let (StreamEvent::BlockDelta { delta: Delta::Text { text }, .. }, false) =
                    (&event, args.json)
                {
                    output::piece(text);
                }
                assembler.push(&event);
            }
            Some(RouterEvent::Notice(message)) => terminal::say(&format!("note: {message}")),
            Some(RouterEvent::Finished(receipt)) => break receipt,
            Some(_) => {}
            None => return Err(Failure::new(ErrorKind::Bug, "A reply without a receipt")),
        }
    };
    if !args.json {
        output::text("");
    }
    take(receipt, assembler, answered)
}

fn take(receipt: Receipt, assembler: Assembler, answered: &mut Answered) -> Result<(), Failure> {
    if let Some(error) = receipt.error {
        return Err(Failure::of(error.kind(), &error).with_hint(error.hint()));
    }
    if receipt.stop == Some(StopReason::MaxTokens) {
        terminal::say("note: the answer was cut at its longest; see --max-tokens");
    }
    let text: String = assembler
        .into_response()
        .content
        .into_iter()
        .filter_map(|content| match content {
            Content::Text { text } => Some(text),
            _ => None,
        })
        .collect();
    answered.citations = sources::citations(&text, &answered.sources, &answered.root);
    answered.answer = Some(text);
    answered.provider = Some(receipt.provider);
    answered.model = Some(receipt.model);
    answered.cost_nanousd = receipt.cost.map(Money::nanos);
    Ok(())
}
