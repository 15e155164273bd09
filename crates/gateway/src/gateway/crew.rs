//! The threads that serve connections, each with a runtime of its own.
//!
//! A connection stays on its thread, and with it its requests, their vendors' connections and their
//! timers. Threads that share their tasks wake each other for every step of a request, which costs
//! more than the step.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::connection::Doorman;

/// A connection that was accepted, and its place among those that may be open.
pub(super) struct Accepted {
    pub stream: tokio::net::TcpStream,
    pub peer: IpAddr,
    pub permit: Option<OwnedSemaphorePermit>,
}

struct Given {
    stream: TcpStream,
    peer: IpAddr,
    /// Let go when the connection ends.
    held: (TaskTrackerToken, Option<OwnedSemaphorePermit>),
}

/// The threads; the connections are dealt to them in turn.
pub(super) struct Crew {
    members: Vec<(UnboundedSender<Given>, JoinHandle<()>)>,
    next: usize,
    connections: TaskTracker,
}

impl Crew {
    /// Starts one thread a core.
    pub fn start(doorman: &Arc<Doorman>) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let connections = TaskTracker::new();
        let mut members = Vec::with_capacity(cores);
        for _ in 0..cores {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (sender, given) = unbounded_channel();
            let doorman = Arc::clone(doorman);
            let work = move || serve(&runtime, given, &doorman);
            members.push((sender, thread::Builder::new().name("serve".to_owned()).spawn(work)?));
        }
        Ok(Self { members, next: 0, connections })
    }

    /// Deals a connection to the next thread; one that cannot be given on is closed.
    pub fn deal(&mut self, Accepted { stream, peer, permit }: Accepted) {
        let Ok(stream) = stream.into_std() else { return };
        self.next = (self.next + 1) % self.members.len().max(1);
        if let Some((sender, _)) = self.members.get(self.next) {
            // A thread ends only with the crew.
            let held = (self.connections.token(), permit);
            let _ = sender.send(Given { stream, peer, held });
        }
    }

    /// Waits until all connections have ended.
    pub async fn finish(&self) {
        self.connections.close();
        self.connections.wait().await;
    }

    /// Ends the threads, and with them what is still open.
    pub async fn end(self) {
        let threads: Vec<_> = self.members.into_iter().map(|(_, thread)| thread).collect();
        let join = || threads.into_iter().for_each(|thread| drop(thread.join()));
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

fn serve(runtime: &Runtime, mut given: UnboundedReceiver<Given>, doorman: &Arc<Doorman>) {
    runtime.block_on(async {
        while let Some(Given { stream, peer, held }) = given.recv().await {
            let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { continue };
            let doorman = Arc::clone(doorman);
            tokio::spawn(async move {
                doorman.serve(stream, peer).await;
                drop(held);
            });
        }
    });
}
