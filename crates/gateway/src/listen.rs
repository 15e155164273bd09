//! The socket that the gateway listens on.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;

/// A listening socket, and whether another gateway has one for the same address.
pub(crate) struct Listening {
    pub listener: TcpListener,
    pub is_shared: bool,
}

/// Listens, beside another gateway of the same user where there is one: so a new binary takes over from
/// a running one without a moment in which nobody listens.
pub(crate) fn listen(address: SocketAddr) -> io::Result<Listening> {
    // A socket that shares nothing is refused where anybody listens.
    let is_shared = address.port() != 0 && open(address, false).is_err();
    let listener = open(address, true)?;
    Ok(Listening { listener, is_shared })
}

fn open(address: SocketAddr, shares: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if shares {
        socket.set_reuseport(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
