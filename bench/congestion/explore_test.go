package congestion

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestExplore(t *testing.T) {
	if os.Getenv("EXPLORE") == "" {
		t.Skip()
	}
	for _, q := range []time.Duration{200 * time.Millisecond, time.Second} {
		s := newSim(1)
		l := newLink(s, []change{{0, 2_500_000}, {20 * time.Second, 300_000}, {50 * time.Second, 2_500_000}}, q, 0)
		f := newMediaFlow(s, "a", Source{Max: 2_300_000, Min: 30_000, FPS: 30}, l, nil, 25*time.Millisecond, 0)
		s.every(0, 100*time.Millisecond, func() bool {
			n := s.now
			if n < 4e9 || n > 19.8e9 && n < 26e9 || n > 49.5e9 {
				u := f.est.Usage(n)
				fmt.Printf("%6.1f tgt %7d steady %7d delay %7d loss %7d acked %7d snd %7d q %4d real %4.0f lost %.2f %s lim %v probes %d/%d th %.1f rtt %v drop %d\n", float64(n)/1e9, u.Target, u.Steady, u.Delay, u.Loss, u.Acked, u.Sending, u.Queue/1e6, float64(l.bytes*8)/float64(l.rate)*1000, u.Lost, u.Limit, u.Limited, u.Probes, u.Raised, f.est.TrendTh(), f.sender.Stats().RTT, l.dropped)
			}
			return true
		})
		s.run(60e9)
	}
}
