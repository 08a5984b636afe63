//! A request of each type, replies of each kind, and a cluster message of each kind.

use std::error::Error;

use dmlog_user::event::ids::Region;
use dmlog_user::log::cluster::ids::{NodeId, Position, Session};
use dmlog_user::log::cluster::message::{Body, Message, Standing};
use dmlog_user::log::userspace::error::UlogError;
use dmlog_user::log::userspace::ids::{Errno, Luid, RequestSeq, Uuid};
use dmlog_user::log::userspace::reply::{Answer, Reply};
use dmlog_user::log::userspace::request::{Envelope, Request, RequestOp, RequestType};

use crate::Seed;

pub(crate) fn seeds() -> Result<Vec<Seed>, Box<dyn Error>> {
    let mut seeds = Vec::new();
    for (seq, op) in (1..).zip(requests()) {
        let name = format!("request-{seq:02}");
        let request =
            Request { luid: Luid::new(4096), uuid: Uuid::new("a-log")?, version: 3, seq: RequestSeq(seq), op };
        seeds.push((name, request.encode()?));
    }
    for (place, reply) in replies()?.into_iter().enumerate() {
        seeds.push((format!("reply-{place:02}"), reply.encode()?));
    }
    for (place, body) in messages().into_iter().enumerate() {
        seeds.push((format!("cluster-{place:02}"), Message { session: Session(7), body }.encode()));
    }
    Ok(seeds)
}

fn requests() -> Vec<RequestOp> {
    let (region, regions) = (Region(5), vec![Region(9), Region(1)]);
    vec![
        RequestOp::Ctr { arguments: "4096 clustered-disk 7:2 1024".to_owned(), is_reconnect: true },
        RequestOp::Dtr,
        RequestOp::IsClean { region },
        RequestOp::Flush { marks: regions.clone() },
        RequestOp::MarkRegion { regions: regions.clone() },
        RequestOp::ClearRegion { regions },
        RequestOp::GetResyncWork,
        RequestOp::SetRegionSync { region, in_sync: true },
        RequestOp::StatusInfo,
        RequestOp::IsRemoteRecovering { region },
    ]
}

fn replies() -> Result<Vec<Reply>, UlogError> {
    let uuid = Uuid::new("a-log")?;
    let envelope = |request_type| Envelope {
        luid: Luid::new(4096),
        uuid: uuid.clone(),
        version: 3,
        seq: RequestSeq(7),
        request_type,
    };
    let answers = [
        (RequestType::Ctr, Answer::LogDevice(Some("7:2".to_owned()))),
        (RequestType::Resume, Answer::Done),
        (RequestType::GetRegionSize, Answer::RegionSize(1024)),
        (RequestType::InSync, Answer::InSync(true)),
        (RequestType::GetResyncWork, Answer::ResyncWork(Some(Region(3)))),
        (RequestType::GetSyncCount, Answer::SyncCount(12)),
        (RequestType::StatusInfo, Answer::Status("1 clustered-core".to_owned())),
        (RequestType::IsRemoteRecovering, Answer::RemoteRecovering { is_recovering: true, in_sync_hint: Region(4) }),
    ];
    let full =
        answers.map(|(request_type, answer)| Reply::Full { envelope: envelope(request_type), outcome: Ok(answer) });
    let failed = Reply::Full { envelope: envelope(RequestType::Flush), outcome: Err(Errno::EIO) };
    let bare = Reply::Bare { seq: RequestSeq(7), outcome: Err(Errno::EAGAIN) };
    Ok(full.into_iter().chain([failed, bare]).collect())
}

fn messages() -> Vec<Body> {
    let (region, request) = (Region(5), 8);
    let regions = vec![Region(9), Region(1)];
    vec![
        Body::Announce(Standing::Joiner { is_reconnect: true }),
        Body::Founded,
        Body::CheckpointStart,
        Body::CheckpointChunk { index: 1, count: 3, bytes: b"some bits".to_vec() },
        Body::Handover,
        Body::Mark { regions: regions.clone() },
        Body::Clear { regions },
        Body::Flush { request },
        Body::Work { request },
        Body::SetRegionSync { request, region, in_sync: true },
        Body::InSync { request, region },
        Body::Wanted { region },
        Body::Ack { up_to: Position(6) },
        Body::DiskWritten { up_to: Position(6), is_ok: true },
        Body::NodeGone { node: NodeId(2) },
    ]
}
