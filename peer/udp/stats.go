package udp

import "sync/atomic"

// Stats counts since the socket was opened. Sent datagrams and dropped ones add up to what was
// committed; a receiving socket's overflow is the kernel's to count.
type Stats struct {
	Received    uint64 // datagrams
	Truncated   uint64 // received datagrams dropped because they were longer than their buffer
	Sent        uint64 // datagrams
	Messages    uint64 // messages in which they left; fewer than Sent with GSO
	Calls       uint64 // system calls that sent something
	SocketFull  uint64 // datagrams dropped: the kernel's send buffer was full
	Unreachable uint64 // datagrams dropped: no route, or forbidden by a firewall on this machine
	TooLong     uint64 // datagrams dropped: longer than the interface's MTU
	Failed      uint64 // datagrams dropped: any other error
	GSOFailed   uint64 // GSO messages that had to be sent again one by one
}

// counters are the live Stats: written by the owner and by WriteTo, read by anyone.
type counters struct {
	received, truncated, sent, messages, calls          atomic.Uint64
	socketFull, unreachable, tooLong, failed, gsoFailed atomic.Uint64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Received:    c.received.Load(),
		Truncated:   c.truncated.Load(),
		Sent:        c.sent.Load(),
		Messages:    c.messages.Load(),
		Calls:       c.calls.Load(),
		SocketFull:  c.socketFull.Load(),
		Unreachable: c.unreachable.Load(),
		TooLong:     c.tooLong.Load(),
		Failed:      c.failed.Load(),
		GSOFailed:   c.gsoFailed.Load(),
	}
}
