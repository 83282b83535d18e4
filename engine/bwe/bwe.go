// Package bwe measures a path and says how much may be sent on it. Receiver reports arrivals and
// Sender keeps what was sent and reads the reports, by transport-wide sequence numbers
// (draft-holmer-rmcat-transport-wide-cc-extensions-01); Estimator makes a rate of it after Google
// congestion control (draft-ietf-rmcat-gcc-02); Pacer spreads what is sent. Each is owned by one
// shard; sans-IO.
package bwe
