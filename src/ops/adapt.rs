//! What still says etcd in a store that goes to a single SQLite server.
