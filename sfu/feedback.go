package sfu

import "switchyard/media"

// feedback sends the RTCP that is due as one compound datagram, or several where it is long. Without a
// path it is made all the same, and dropped: what is due must not stay due.
func (l *Link) feedback(now media.Time) {
	b := l.shard.rtcp[:0]
	for _, r := range l.receivers {
		b = l.flushRTCP(r.in.Feedback(now, b), rtcpRoom)
	}
	if l.twccIn.Deadline() <= now {
		b = l.flushRTCP(l.twccIn.Feedback(now, b), rtcpRoom)
	}
	if now >= l.reportAt {
		l.reportAt = now.Add(reportEvery)
		for _, s := range l.slots {
			b = l.flushRTCP(s.out.SenderReport(now, b), rtcpRoom)
		}
	}
	l.flushRTCP(b, 0)
}

// rtcpRoom is how much a compound may hold before it is sent, so that the next packet still fits.
const rtcpRoom = 800

// flushRTCP sends b when it is longer than limit and returns what is to be continued.
func (l *Link) flushRTCP(b []byte, limit int) []byte {
	if len(b) <= limit {
		return b
	}
	if !l.up {
		return b[:0]
	}
	out := l.shard.writer.Reserve(sealedMax)
	n := l.peer.SealRTCP(out, b)
	if n == 0 {
		l.shard.counters.drop(DropSeal)
		return b[:0]
	}
	l.transmit(out[:n])
	return b[:0]
}
