// Package bwe measures a path by transport-wide sequence numbers
// (draft-holmer-rmcat-transport-wide-cc-extensions-01): Receiver reports arrivals, Sender keeps what
// was sent and reads the reports. Each is owned by one shard; sans-IO. The estimator comes later.
package bwe
