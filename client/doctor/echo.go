package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

const (
	headBytes  = 16       // of a question, repeated by its answer
	bulkBytes  = 16 << 10 // of the large messages that measure speed
	bulkWindow = 24       // of them on the way
	bulkMost   = 12 << 20 // bytes; the server answers no more than twice that
	pingBytes  = 1000     // about a packet of video
	pingEvery  = 20 * time.Millisecond
	pingLinger = 700 * time.Millisecond // for the last answers
	answerWait = 5 * time.Second        // for the first answer on a slow link, besides the time to measure
)

// question is a message of size bytes that wants an answer of answer bytes; see protocol.DoctorLink.
func question(size, answer int, seq uint32) []byte {
	b := make([]byte, max(size, headBytes))
	binary.BigEndian.PutUint32(b, uint32(answer))
	binary.BigEndian.PutUint32(b[4:], seq)
	return b
}

// sequence returns the number in an answer; false where it is none.
func sequence(answer []byte) (uint32, bool) {
	if len(answer) < headBytes {
		return 0, false
	}
	return binary.BigEndian.Uint32(answer[4:]), true
}

// channel opens a DataChannel and waits for it.
func (p *path) channel(ctx context.Context, label string, lossy bool) (*webrtc.DataChannel, error) {
	init := &webrtc.DataChannelInit{}
	if lossy {
		no, none := false, uint16(0)
		init.Ordered, init.MaxRetransmits = &no, &none
	}
	dc, err := p.pc.CreateDataChannel(label, init)
	if err != nil {
		return nil, err
	}
	open := make(chan struct{})
	dc.OnOpen(func() { close(open) })
	select {
	case <-open:
		return dc, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(5 * time.Second):
		return nil, errors.New("doctor: the channel did not open")
	}
}

// echo is what the pings showed.
type echo struct {
	sent  int
	trips []time.Duration // of those that came back, as they came
}

// ping sends packets of about the size of video's on an unreliable channel.
func (p *path) ping(ctx context.Context, d time.Duration) (echo, error) {
	dc, err := p.channel(ctx, "ping", true)
	if err != nil {
		return echo{}, err
	}
	defer dc.Close()
	var mu sync.Mutex
	left := map[uint32]time.Time{} // guarded by mu
	var e echo                     // guarded by mu
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		now := time.Now()
		seq, ok := sequence(m.Data)
		mu.Lock()
		defer mu.Unlock()
		if at, known := left[seq]; ok && known {
			delete(left, seq)
			e.trips = append(e.trips, now.Sub(at))
		}
	})
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	end := time.After(d)
	for seq := uint32(0); ; seq++ {
		select {
		case <-tick.C:
			mu.Lock()
			left[seq] = time.Now()
			e.sent++
			mu.Unlock()
			if err := dc.Send(question(pingBytes, pingBytes, seq)); err != nil {
				return echo{}, err
			}
			continue
		case <-end:
		case <-ctx.Done():
			return echo{}, ctx.Err()
		}
		break
	}
	select {
	case <-time.After(pingLinger):
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	return echo{e.sent, slices.Clone(e.trips)}, nil
}

func (e echo) loss() float64 {
	if e.sent == 0 {
		return 0
	}
	return 1 - float64(len(e.trips))/float64(e.sent)
}

// median and jitter; the latter is the mean change from one trip to the next.
func (e echo) median() time.Duration {
	if len(e.trips) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(e.trips))
	return sorted[len(sorted)/2]
}

func (e echo) jitter() time.Duration {
	if len(e.trips) < 2 {
		return 0
	}
	var sum time.Duration
	for i, t := range e.trips[1:] {
		sum += max(t-e.trips[i], e.trips[i]-t)
	}
	return sum / time.Duration(len(e.trips)-1)
}

// measureEcho says how long packets take and how many are lost.
func (v *visit) measureEcho(ctx context.Context, p *path) {
	f := protocol.Finding{ID: "echo", Group: groupQuality, State: protocol.FindingOK, Title: "Round trip and loss"}
	e, err := p.ping(ctx, v.o.MeasureTime)
	switch {
	case err != nil:
		f.State, f.Text = protocol.FindingSkip, "It could not be measured: "+reason(err)+"."
		v.found(f)
		return
	case len(e.trips) == 0:
		f.State, f.Text = protocol.FindingFail, fmt.Sprintf("None of %d packets came back.", e.sent)
		f.Fix = "Try again; where it stays so, something on the way drops packets once a link is up."
		v.found(f)
		return
	}
	f.State, f.Text, f.Fix = judgeEcho(e, p.tcp || p.turn != "")
	f.Values = map[string]float64{"rtt": ms(e.median()), "jitter": ms(e.jitter()), "loss": e.loss()}
	v.found(f)
}

// judgeEcho rates what people notice: about 150 ms each way (ITU-T G.114), a few percent lost.
func judgeEcho(e echo, stream bool) (state protocol.FindingState, text, fix string) {
	text = fmt.Sprintf("A packet takes %s there and back, give or take %s; %s of %d were lost.", short(e.median()), short(e.jitter()), percent(e.loss()), e.sent)
	switch {
	case e.loss() > 0.1:
		return protocol.FindingFail, text + " Speech breaks up at that.", "Use a cable or another network; on Wi-Fi, come nearer to it."
	case e.loss() > 0.02:
		return protocol.FindingWarn, text, "Use a cable instead of Wi-Fi, or stop what else uses the line."
	case e.median() > 400*time.Millisecond:
		return protocol.FindingWarn, text + " People will talk into each other's words.", "Use a server that is nearer, or a line without a satellite or VPN."
	case e.jitter() > 40*time.Millisecond:
		return protocol.FindingWarn, text + " It varies much, so that speech is held back to even it out.", "Use a cable instead of Wi-Fi, or stop what else uses the line."
	case stream:
		text += " (By TCP a lost packet shows as a late one.)"
	}
	return protocol.FindingOK, text, ""
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", ms(d))
	}
	return fmt.Sprintf("%.0f ms", ms(d))
}

func percent(share float64) string {
	if share > 0 && share < 0.01 {
		return fmt.Sprintf("%.1f %%", share*100)
	}
	return fmt.Sprintf("%.0f %%", share*100)
}

// flow keeps window questions on the way for d, and until one is answered, and returns how many were,
// and when the last was.
func (p *path) flow(ctx context.Context, label string, size, answer int, d time.Duration) (n int, took time.Duration, err error) {
	dc, err := p.channel(ctx, label, false)
	if err != nil {
		return 0, 0, err
	}
	defer dc.Close()
	answers := make(chan struct{}, 2*bulkWindow)
	dc.OnMessage(func(webrtc.DataChannelMessage) {
		select {
		case answers <- struct{}{}:
		default: // more than were asked for
		}
	})
	seq := uint32(0)
	send := func() error { seq++; return dc.Send(question(size, answer, seq)) }
	for range bulkWindow {
		if err := send(); err != nil {
			return 0, 0, err
		}
	}
	begin := time.Now()
	end, giveUp := time.After(d), time.After(d+answerWait)
	for n*max(size, answer) < bulkMost && (end != nil || n == 0) {
		select {
		case <-answers:
			n, took = n+1, time.Since(begin)
			if err := send(); err != nil {
				return n, took, err
			}
		case <-end:
			end = nil
		case <-giveUp:
			return n, took, nil
		case <-ctx.Done():
			return n, took, ctx.Err()
		}
	}
	return n, took, nil
}

// measureFlow measures the speed over the media link, both ways.
func (v *visit) measureFlow(ctx context.Context, p *path) {
	down, downErr := v.speed(ctx, p, "down", headBytes, bulkBytes)
	up, upErr := v.speed(ctx, p, "up", bulkBytes, headBytes)
	f := protocol.Finding{ID: "link-speed", Group: groupQuality, State: protocol.FindingOK, Title: "Speed of the media link"}
	if err := errors.Join(downErr, upErr); err != nil {
		f.State, f.Text = protocol.FindingSkip, "It could not be measured: "+reason(err)+"."
		v.found(f)
		return
	}
	f.State, f.Text, f.Fix = judgeSpeed("DataChannels of the media link carry", down, up)
	f.Values = map[string]float64{"down": down, "up": up}
	v.found(f)
}

// speed returns bits per second.
func (v *visit) speed(ctx context.Context, p *path, label string, size, answer int) (float64, error) {
	n, took, err := p.flow(ctx, label, size, answer, v.o.MeasureTime)
	if n == 0 {
		return 0, errors.Join(err, errNoWay)
	}
	return float64(n*max(size, answer)*8) / took.Seconds(), err
}
