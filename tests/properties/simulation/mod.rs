//! A mirror as the kernel runs it: a worker, readers, ioctls and interrupts that interleave at random, one small step at a
//! time, and a capture of it with all its weaknesses.
//!
//! ```text
//! thread: enter ─ effect ─ return ─ emit       any other thread may run between two of these
//! ```
//!
//! What a call does is written as plainly as the kernel's text, on the [`Oracle`](crate::oracle::Oracle); nothing of the model is used.
//! An event is stamped when its call returns and comes into the stream when it is emitted; an identity is read after its
//! place in the stream was taken; losses are told as late as the real resolver tells them; at the end one hook after
//! the other is detached while the mirror goes on.

pub(crate) mod capture;
pub(crate) mod kernel;
mod mirror;
mod threads;
mod worker;
