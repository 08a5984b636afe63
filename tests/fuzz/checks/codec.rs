//! The protocol of userspace logs: any bytes are a request, a reply, or an error that can be printed; whatever is one can be
//! sent again and is the same then.

use std::error::Error as _;

use dmlog_user::log::userspace::constructor::DaemonTable;
use dmlog_user::log::userspace::frame::Frame;
use dmlog_user::log::userspace::reply::Reply;
use dmlog_user::log::userspace::request::{Request, RequestOp};

/// One datagram, in both directions.
pub(crate) fn check(datagram: &[u8]) {
    match Request::decode(datagram) {
        Ok(request) => {
            let again = request.encode().expect("what was read can be sent");
            assert_eq!(Request::decode(&again).as_ref(), Ok(&request));
            assert_eq!(Request::envelope_of(datagram).as_ref(), Ok(&request.envelope()));
            if let RequestOp::Ctr { arguments, .. } = &request.op
                && let Err(error) = DaemonTable::parse(arguments)
            {
                check_sentence(&error.to_string());
                if let Some(source) = error.source() {
                    check_sentence(&source.to_string());
                }
            }
        }
        Err(error) => check_sentence(&error.to_string()),
    }
    match Reply::decode(datagram) {
        Ok(reply) => {
            let again = reply.encode().expect("what was read can be sent");
            assert_eq!(Reply::decode(&again).as_ref(), Ok(&reply));
        }
        Err(error) => check_sentence(&error.to_string()),
    }
    if let Ok(frame) = Frame::decode(datagram) {
        let again = frame.encode().expect("a body came in a frame");
        assert_eq!(Frame::decode(&again), Ok(frame));
    }
}

/// Errors go to terminals and logs.
fn check_sentence(text: &str) {
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
}
