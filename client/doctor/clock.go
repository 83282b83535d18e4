package doctor

import (
	"context"
	"fmt"
	"time"

	"switchyard/protocol"
)

// clockTries is how often the clock is read: the try with the shortest round trip counts.
const clockTries = 5

// checkClock compares the clocks (RFC 5905 §8): tokens are valid from and until a time.
func (v *visit) checkClock(ctx context.Context) {
	f := protocol.Finding{ID: "clock", Group: groupServer, State: protocol.FindingOK, Title: "Clock"}
	offset, within := time.Duration(0), time.Duration(-1)
	for range clockTries {
		var t protocol.DoctorTime
		sent := time.Now()
		if _, err := v.get(ctx, "/v1/doctor/time", &t); err != nil {
			continue
		}
		o, half := clockOffset(sent, time.Now(), t)
		if within < 0 || half < within {
			offset, within = o, half
		}
	}
	if within < 0 {
		f.State, f.Text = protocol.FindingSkip, "The server did not tell its time."
		v.found(f)
		return
	}
	f.Values = map[string]float64{"offsetMilliseconds": ms(offset), "uncertainMilliseconds": ms(within)}
	f.State, f.Text, f.Fix = judgeClock(offset, within)
	v.found(f)
}

// clockOffset is how far the server's clock is ahead of ours, and half of the round trip, by which that
// is uncertain.
func clockOffset(sent, back time.Time, t protocol.DoctorTime) (offset, half time.Duration) {
	received, left := time.UnixMicro(t.Received), time.UnixMicro(t.Sent)
	offset = (received.Sub(sent) + left.Sub(back)) / 2
	half = (back.Sub(sent) - left.Sub(received)) / 2
	return offset, max(half, 0)
}

func judgeClock(offset, within time.Duration) (state protocol.FindingState, text, fix string) {
	size := max(offset, -offset)
	side := "ahead of"
	if offset < 0 {
		side = "behind"
	}
	text = fmt.Sprintf("The server's clock is %.3g s %s this machine's (known to %s).", size.Seconds(), side, short(within))
	const help = "Set the clock of the machine that is wrong by the network: timedatectl set-ntp true."
	switch {
	case size-within > 30*time.Second:
		return protocol.FindingFail, text + " Tokens and invitations seem expired or not valid yet.", help
	case size-within > 2*time.Second:
		return protocol.FindingWarn, text, help
	}
	return protocol.FindingOK, fmt.Sprintf("The clocks of the server and this machine agree within %s.", short(max(size, within, 100*time.Microsecond))), ""
}
