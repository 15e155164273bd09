//! A listening socket, opened in the command's network namespace and handed out of it.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use super::ADDRESS;

/// Opens the socket in this process's network namespace and hands it to who holds the other end of
/// `to`. The launcher does this before it shuts itself in.
///
/// # Errors
/// Where the address is taken or the other end is gone.
pub fn offer(to: BorrowedFd<'_>) -> io::Result<()> {
    hand_over(&TcpListener::bind(ADDRESS)?, to)
}

pub(super) fn hand_over(listener: &TcpListener, to: BorrowedFd<'_>) -> io::Result<()> {
    let fds = [listener.as_fd().as_raw_fd()];
    let data = [IoSlice::new(b"l")];
    let message = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(to.as_raw_fd(), &data, &message, MsgFlags::empty(), None)?;
    Ok(())
}

/// Takes the socket that a launcher hands over; `None` where it ended without.
///
/// # Errors
/// Where the message is not what [`offer`] sends.
pub fn receive(from: &UnixStream) -> io::Result<Option<TcpListener>> {
    let mut byte = [0];
    let mut data = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(from.as_raw_fd(), &mut data, Some(&mut space), flags)?;
    if message.bytes == 0 {
        return Ok(None);
    }
    let fds = message.cmsgs()?.filter_map(|message| match message {
        ControlMessageOwned::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let fds: Vec<OwnedFd> = fds.flatten().map(owned).collect();
    match <[OwnedFd; 1]>::try_from(fds) {
        Ok([fd]) => Ok(Some(TcpListener::from(fd))),
        Err(_) => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

/// Owns a descriptor that a message brought.
#[allow(unsafe_code)]
fn owned(fd: RawFd) -> OwnedFd {
    // SAFETY: the kernel made this descriptor for the message that was just received, and nobody
    // else knows its number.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
