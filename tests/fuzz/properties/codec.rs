//! What must hold for any datagram that is taken for a message of the userspace log, or of a cluster's node.

use std::error::Error as _;

use dmlog_user::log::cluster::message::Message;
use dmlog_user::log::userspace::constructor::DaemonTable;
use dmlog_user::log::userspace::error::UlogError;
use dmlog_user::log::userspace::frame::Frame;
use dmlog_user::log::userspace::reply::Reply;
use dmlog_user::log::userspace::request::{Request, RequestOp};

/// The bytes as they are, and as the body of a frame whose lengths are right: a changed length hides all that is behind it.
pub(crate) fn check(data: &[u8]) {
    check_datagram(data);
    if let Ok(datagram) = (Frame { seq: 1, ack: 0, body: data }).encode() {
        let frame = Frame::decode(&datagram);
        assert_eq!(frame, Ok(Frame { seq: 1, ack: 0, body: data }));
        check_datagram(&datagram);
    }
    if let Ok(message) = Message::decode(data) {
        // There is one way to write a message.
        assert_eq!(message.encode(), data, "{message:?}");
    }
}

/// What decodes can be encoded, to bytes that decode to the same; nothing else happens to any bytes but a typed error.
fn check_datagram(datagram: &[u8]) {
    match Request::decode(datagram) {
        Ok(request) => {
            assert_eq!(Request::envelope_of(datagram), Ok(request.envelope()));
            if let RequestOp::Ctr { arguments, .. } = &request.op {
                check_constructor(arguments);
            }
            match request.encode() {
                Ok(again) => assert_eq!(Request::decode(&again), Ok(request)),
                // Longer than what the kernel's buffer holds.
                Err(error) => assert!(matches!(error, UlogError::RequestTooLong { .. }), "{request:?}: {error}"),
            }
        }
        Err(error) => assert_is_harmless(&error.to_string()),
    }
    match Reply::decode(datagram) {
        Ok(reply) => match reply.encode() {
            Ok(again) => assert_eq!(Reply::decode(&again), Ok(reply)),
            // A status of another daemon has no NUL, and with it is too long by one.
            Err(error) => assert!(matches!(error, UlogError::StatusTooLong { .. }), "{reply:?}: {error}"),
        },
        Err(error) => assert_is_harmless(&error.to_string()),
    }
}

/// The words of a constructor, which come over the network, are a table or a sentence that a terminal can show.
fn check_constructor(arguments: &str) {
    if let Err(error) = DaemonTable::parse(arguments) {
        assert_is_harmless(&error.to_string());
        assert_is_harmless(&error.source().map(ToString::to_string).unwrap_or_default());
    }
}

fn assert_is_harmless(sentence: &str) {
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
}
