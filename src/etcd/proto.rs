//! etcd's records as protobuf messages.

/// Leases.
#[allow(missing_docs)]
pub mod leasepb {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Lease {
        #[prost(int64, tag = "1")]
        pub id: i64,
        #[prost(int64, tag = "2")]
        pub ttl: i64,
        #[prost(int64, tag = "3")]
        pub remaining_ttl: i64,
    }
}
/// Server.
#[allow(missing_docs)]
pub mod etcdserverpb {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct AlarmMember {
        #[prost(uint64, tag = "1")]
        pub member_id: u64,
        #[prost(int32, tag = "2")]
        pub alarm: i32,
    }
}
