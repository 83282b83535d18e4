// Package sfu forwards media. It answers offers, owns the shards (one loop per core) on which every
// link to the server lives, and drives engine/ingest on the publisher's side and engine/egress on
// the subscriber's. The road of one packet stands in shard.go, stage by stage.
//
// Rooms, names and rights are not its business: app/conference says which track feeds which slot.
package sfu
