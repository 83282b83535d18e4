// Package ice is the server's ICE agent (RFC 8445): full, normally controlled, on sockets that are
// shared with other agents. It is sans-IO: time is an argument, messages to send are drained.
// It follows RFC 8489 (STUN), RFC 6544 (ICE-TCP, passive) and RFC 7675 (consent).
package ice
