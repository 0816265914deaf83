//! Calls' media as a stranger meets it: another WebRTC endpoint over real UDP, and a room that
//! gives orders and hears news.

mod excess;
mod flow;
mod forger;
pub(crate) mod hall;
mod hostile;
mod record;
mod shapes;
pub(crate) mod stranger;
