package simnet

import (
	"math"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// run sends count datagrams of size bytes, one each gap, and returns arrivals by order of sending
// (nil where lost) and the reasons of drops.
func run(s *shaper, count, size int, gap time.Duration) (arrivals [][]time.Duration, drops map[DropReason]int) {
	drops = map[DropReason]int{}
	for i := range count {
		at, n, reason := s.send(start.Add(time.Duration(i)*gap), size)
		var got []time.Duration
		for _, t := range at[:n] {
			got = append(got, t.Sub(start))
		}
		if n == 0 {
			drops[reason]++
		}
		arrivals = append(arrivals, got)
	}
	return arrivals, drops
}

func TestZeroConditionsDeliverAtOnce(t *testing.T) {
	arrivals, drops := run(newShaper(Conditions{}, 1, 1), 100, 1200, time.Millisecond)
	if len(drops) != 0 {
		t.Fatalf("drops %v", drops)
	}
	for i, a := range arrivals {
		if want := time.Duration(i) * time.Millisecond; len(a) != 1 || a[0] != want {
			t.Fatalf("datagram %d arrives at %v, want %v", i, a, want)
		}
	}
}

func TestLatencyAndJitterKeepOrder(t *testing.T) {
	c := Conditions{Latency: 50 * time.Millisecond, Jitter: 30 * time.Millisecond}
	arrivals, _ := run(newShaper(c, 1, 1), 5000, 100, 2*time.Millisecond)
	var last, least, most time.Duration
	least = time.Hour
	for i, a := range arrivals {
		if a[0] < last {
			t.Fatalf("datagram %d overtook the one before", i)
		}
		last = a[0]
		took := a[0] - time.Duration(i)*2*time.Millisecond
		least, most = min(least, took), max(most, took)
	}
	if least < 50*time.Millisecond || most > 80*time.Millisecond {
		t.Errorf("took %v to %v, want 50 to 80 ms", least, most)
	}
	if most-least < 20*time.Millisecond {
		t.Errorf("took %v to %v: hardly any jitter", least, most)
	}
}

func TestReorderLetsLaterOnesOvertake(t *testing.T) {
	c := Conditions{Latency: 20 * time.Millisecond, Reorder: 0.1, ReorderBy: 15 * time.Millisecond}
	arrivals, drops := run(newShaper(c, 1, 1), 10000, 100, 5*time.Millisecond)
	if len(drops) != 0 {
		t.Fatalf("drops %v", drops)
	}
	late := 0
	for i := 1; i < len(arrivals); i++ {
		if arrivals[i-1][0] > arrivals[i][0] {
			late++
		}
	}
	if late < 700 || late > 1100 {
		t.Errorf("%d of 10000 were overtaken, want about 900", late)
	}
}

func TestLossShareWithAndWithoutBursts(t *testing.T) {
	for _, burst := range []float64{0, 4} {
		const count = 100_000
		arrivals, drops := run(newShaper(Conditions{Loss: 0.05, Burst: burst}, 7, 7), count, 100, time.Millisecond)
		if share := float64(drops[DropLoss]) / count; math.Abs(share-0.05) > 0.01 {
			t.Errorf("burst %v: loss %.4f, want 0.05", burst, share)
		}
		runs := 0
		for i, a := range arrivals {
			if len(a) == 0 && (i == 0 || len(arrivals[i-1]) > 0) {
				runs++
			}
		}
		mean, want := float64(drops[DropLoss])/float64(runs), max(burst, 1.05)
		if math.Abs(mean-want) > 0.3 {
			t.Errorf("burst %v: mean run of %.2f, want %.2f", burst, mean, want)
		}
	}
}

func TestEverythingAndNothingLost(t *testing.T) {
	for _, c := range []Conditions{{Loss: 1}, {Loss: 1, Burst: 5}} {
		if _, drops := run(newShaper(c, 1, 1), 100, 100, 0); drops[DropLoss] != 100 {
			t.Errorf("%+v: drops %v", c, drops)
		}
	}
	if _, drops := run(newShaper(Conditions{Down: true}, 1, 1), 100, 100, 0); drops[DropDown] != 100 {
		t.Errorf("down: %v", drops)
	}
}

func TestDuplicates(t *testing.T) {
	arrivals, _ := run(newShaper(Conditions{Duplicate: 0.2}, 3, 3), 10_000, 100, 0)
	twice := 0
	for _, a := range arrivals {
		if len(a) == 2 {
			twice++
		}
	}
	if twice < 1800 || twice > 2200 {
		t.Errorf("%d of 10000 twice, want about 2000", twice)
	}
}

func TestRateSpacesDatagrams(t *testing.T) {
	// 1000 bytes at 1 Mbit/s take 8 ms.
	c := Conditions{Rate: 1_000_000, Queue: 1 << 20}
	arrivals, drops := run(newShaper(c, 1, 1), 50, 1000, 0)
	if len(drops) != 0 {
		t.Fatalf("drops %v", drops)
	}
	for i, a := range arrivals {
		want := time.Duration(i+1) * 8 * time.Millisecond
		if d := a[0] - want; d < -time.Microsecond || d > time.Microsecond {
			t.Fatalf("datagram %d at %v, want %v", i, a[0], want)
		}
	}
}

func TestFullQueueDropsAtTheTail(t *testing.T) {
	c := Conditions{Rate: 1_000_000, Queue: 10_000}
	arrivals, drops := run(newShaper(c, 1, 1), 30, 1000, 0)
	if got := drops[DropQueue]; got != 20 {
		t.Fatalf("%d dropped, want 20", got)
	}
	for i, a := range arrivals {
		if (len(a) == 1) != (i < 10) {
			t.Fatalf("datagram %d: %v", i, a)
		}
	}
	// The default holds 100 ms, here 12500 bytes.
	if _, drops := run(newShaper(Conditions{Rate: 1_000_000}, 1, 1), 30, 1000, 0); drops[DropQueue] != 18 {
		t.Errorf("default queue: %v, want 18 dropped", drops)
	}
}

func TestSteadyFlowBelowTheRateIsNotTouched(t *testing.T) {
	c := Conditions{Rate: 2_000_000}
	if _, drops := run(newShaper(c, 1, 1), 10_000, 1000, 5*time.Millisecond); len(drops) != 0 {
		t.Errorf("1.6 Mbit/s through 2 Mbit/s: drops %v", drops)
	}
	_, drops := run(newShaper(c, 1, 1), 10_000, 1000, 2*time.Millisecond)
	if got := drops[DropQueue]; got < 4900 || got > 5100 {
		t.Errorf("4 Mbit/s through 2 Mbit/s: %d of 10000 dropped, want half", got)
	}
}

func TestMTU(t *testing.T) {
	s := newShaper(Conditions{MTU: 1200}, 1, 1)
	if _, n, _ := s.send(start, 1200); n != 1 {
		t.Error("1200 bytes dropped")
	}
	if _, n, reason := s.send(start, 1201); n != 0 || reason != DropMTU {
		t.Errorf("1201 bytes: %d copies, %v", n, reason)
	}
}

func TestSameSeedSameFate(t *testing.T) {
	c := Conditions{Latency: time.Millisecond, Jitter: time.Millisecond, Loss: 0.3, Burst: 2, Duplicate: 0.1, Reorder: 0.1}
	a, _ := run(newShaper(c, 1, 2), 500, 100, time.Millisecond)
	b, _ := run(newShaper(c, 1, 2), 500, 100, time.Millisecond)
	other, _ := run(newShaper(c, 2, 2), 500, 100, time.Millisecond)
	same := func(x, y [][]time.Duration) bool {
		for i := range x {
			if len(x[i]) != len(y[i]) || len(x[i]) > 0 && x[i][0] != y[i][0] {
				return false
			}
		}
		return true
	}
	if !same(a, b) {
		t.Error("the same seed gave two fates")
	}
	if same(a, other) {
		t.Error("another seed gave the same fate")
	}
}
