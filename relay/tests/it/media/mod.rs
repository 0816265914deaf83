//! Calls' media as a stranger meets it: another WebRTC endpoint over real UDP, and a room that
//! gives orders and hears news.

mod flow;
mod hall;
mod hostile;
mod record;
mod shapes;
mod stranger;
