// Package turn is the STUN and TURN server on the media port: binding requests (RFC 8489), and relaying
// (RFC 8656) for clients that reach it by UDP, TCP or TLS.
//
// Relay addresses are virtual: no socket stands behind them. Two relays reach each other, and a relay
// reaches the media port, inside this process; anything else is refused, unless Config.Sockets opens
// real ones. Relayed addresses are those of the media port with port numbers of their own.
//
// It is written on pion/stun, not on pion/turn, which asks for permission by address without the port,
// answers stale nonces and wrong credentials without telling, spends two goroutines and a timer per
// permission on each allocation, and copies each packet through a net.PacketConn.
//
// A Server owns one goroutine that takes the datagrams and one that ends what has expired; ServeStream
// owns the two of its connection. One lock guards the tables and is held across no call out; packets from the
// media port to a client take none of it, since shards send them.
//
// Credentials make allocations until they end. An allocation that exists can be refreshed with them a day longer
// (Config.Grace), because browsers and Pion never change the credentials of one; then the link restarts ICE.
package turn
