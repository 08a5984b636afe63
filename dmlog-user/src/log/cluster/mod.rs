//! One log on several nodes.

pub mod error;
pub mod ids;

pub mod message;
pub mod protocol;
pub mod rules;
pub mod wire;

pub(crate) mod checkpoint;
pub(crate) mod replica;

pub(crate) mod joiner;
pub(crate) mod member;
pub(crate) mod server;
pub(crate) mod status;

pub mod node;
