//! The conditions of a transaction.
//!
//! Source: etcd `server/etcdserver/txn/txn.go` (`compareToPath`, `applyCompare`, `IsTxnReadonly`).

use std::cmp::Ordering;

use super::apply::{Live, State};
use super::proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use super::proto::etcdserverpb::request_op::Request as Op;
use super::proto::etcdserverpb::{Compare, TxnRequest};

/// The outcome of this transaction's conditions, followed by those of the transactions inside the list that it chooses.
/// All are taken before anything is changed. Depth is bounded by the decoder, which refuses messages nested deeper than
/// 100 levels.
pub(super) fn compare_path(state: &State<'_>, txn: &TxnRequest) -> Vec<bool> {
    let success = txn.compare.iter().all(|compare| holds(state, compare));
    let mut path = vec![success];
    for op in if success { &txn.success } else { &txn.failure } {
        if let Some(Op::RequestTxn(inner)) = &op.request {
            path.extend(compare_path(state, inner));
        }
    }
    path
}

/// Whether anything in the transaction is more than reading; without it no revision is even begun.
pub(super) fn writes(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).any(|op| !matches!(op.request, Some(Op::RequestRange(_))))
}

/// Whether the transaction costs space by etcd's own estimate, which does not look into inner transactions (etcd
/// `server/storage/quota.go` `costTxn`).
pub(super) fn wants_to_put(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).any(|op| matches!(op.request, Some(Op::RequestPut(_))))
}

/// A condition on a range must hold for every key in it; on a key that is not there, its numbers count as 0, and nothing
/// is ever true of its value.
fn holds(state: &State<'_>, compare: &Compare) -> bool {
    let found = state.range(&compare.key, &compare.range_end);
    if found.is_empty() {
        return compare.target != CompareTarget::Value as i32 && fits(compare, None);
    }
    found.iter().all(|(_, live)| fits(compare, Some(live)))
}

fn fits(compare: &Compare, live: Option<&Live<'_>>) -> bool {
    let number = |pick: fn(&Live<'_>) -> i64, wanted: Option<i64>| live.map_or(0, pick).cmp(&wanted.unwrap_or(0));
    let union = compare.target_union.as_ref();
    // A target of another kind than the one that is compared counts as absent.
    let ordering = match CompareTarget::try_from(compare.target) {
        Ok(CompareTarget::Version) => number(
            |live| live.version,
            union.and_then(|union| if let TargetUnion::Version(wanted) = union { Some(*wanted) } else { None }),
        ),
        Ok(CompareTarget::Create) => number(
            |live| live.create_revision,
            union.and_then(|union| if let TargetUnion::CreateRevision(wanted) = union { Some(*wanted) } else { None }),
        ),
        Ok(CompareTarget::Mod) => number(
            |live| live.mod_revision,
            union.and_then(|union| if let TargetUnion::ModRevision(wanted) = union { Some(*wanted) } else { None }),
        ),
        Ok(CompareTarget::Lease) => number(
            |live| live.lease,
            union.and_then(|union| if let TargetUnion::Lease(wanted) = union { Some(*wanted) } else { None }),
        ),
        Ok(CompareTarget::Value) => {
            let wanted = if let Some(TargetUnion::Value(wanted)) = union { wanted.as_ref() } else { &[] };
            live.map_or(&[][..], |live| live.value()).cmp(wanted)
        }
        Err(_) => Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => ordering == Ordering::Equal,
        Ok(CompareResult::NotEqual) => ordering != Ordering::Equal,
        Ok(CompareResult::Greater) => ordering == Ordering::Greater,
        Ok(CompareResult::Less) => ordering == Ordering::Less,
        Err(_) => true,
    }
}
