package media

import "time"

// SSRC is an RTP synchronization source (RFC 3550 §3).
type SSRC uint32

// ExtSeq is an RTP sequence number extended by its roll-over count: it never wraps in practice.
// The low 16 bits are what stands in the packet.
type ExtSeq uint64

// Ticks is an RTP timestamp, in units of the codec's clock rate, modulo 2^32.
type Ticks uint32

// After reports whether t is later than u, modulo 2^32 (RFC 1982 arithmetic).
func (t Ticks) After(u Ticks) bool { return int32(t-u) > 0 }

// Bitrate is in bits per second.
type Bitrate uint64

// PayloadType is an RTP payload type, 0 to 127.
type PayloadType uint8

// Time is an instant on the server's one timebase: nanoseconds since the process started, read
// from the monotonic clock. It never jumps, whatever is done to the wall clock.
type Time int64

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Never is later than every instant: the Deadline of something that waits for nothing.
const Never = Time(1<<63 - 1)

// NTP is a 64-bit NTP timestamp: seconds since 1900 in Q32.32 (RFC 3550 §4).
type NTP uint64

// Middle returns the middle 32 bits, as receiver reports carry them (LSR, RFC 3550 §6.4.1).
func (n NTP) Middle() uint32 { return uint32(n >> 16) }

const ntpUnixOffset = 2208988800 // seconds from 1900 to 1970

// Clock is the server's timebase. One instance serves the whole process; engine code never holds
// one and takes Time as an argument.
type Clock struct{ start time.Time }

// NewClock returns a clock whose zero is now.
func NewClock() *Clock { return &Clock{start: time.Now()} }

// Now returns the time on the server's timebase.
func (c *Clock) Now() Time { return Time(time.Since(c.start)) }

// Wall returns the wall-clock time that t had by the wall clock at the process's start.
func (c *Clock) Wall(t Time) time.Time { return c.start.Add(time.Duration(t)) }

// Origin returns the NTP time of Time(0): NTPAt(origin, t) needs no clock.
func (c *Clock) Origin() NTP {
	ns := c.start.UnixNano()
	return NTP(uint64(ns/1e9+ntpUnixOffset)<<32 | uint64(ns%1e9)<<32/1e9)
}

// NTPAt returns the NTP timestamp of t on the timebase whose zero is origin.
func NTPAt(origin NTP, t Time) NTP {
	ns := int64(t)
	sec, frac := ns/1e9, ns%1e9
	if frac < 0 {
		sec, frac = sec-1, frac+1e9
	}
	return origin + NTP(uint64(sec)<<32) + NTP(uint64(frac)<<32/1e9)
}

// DurationOf returns the length of a Q32.32 NTP difference, for differences under 68 years.
func DurationOf(d int64) time.Duration {
	sec := d >> 32
	frac := uint64(d) & 0xffffffff
	return time.Duration(sec)*time.Second + time.Duration(frac*1e9>>32)
}
