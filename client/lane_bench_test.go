package client_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/client"
)

// benchEnd tells a process of this test that it is the other end of BenchmarkLane: the server's URL.
const benchEnd = "SWITCHYARD_BENCH_END"

func TestMain(m *testing.M) {
	if url := os.Getenv(benchEnd); url != "" {
		if err := endOfBench(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// endOfBench accepts lanes and receives what comes on each until it is closed, then says how much processor time
// that took. Lane 0 says with its first message how many there are.
func endOfBench(url string) error {
	ctx := context.Background()
	opened := make(chan *client.Link, 1)
	c, err := client.Dial(ctx, client.Options{
		URL: url, Room: "r", Token: "b", NoData: true, Bulk: true,
		Events: client.Events{Link: func(l *client.Link) { opened <- l }},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println("here")
	w := (<-opened).Way()
	var in []client.Lane
	for n := 1; len(in) < n; {
		lane, err := w.Accept(ctx)
		if err != nil {
			return err
		}
		m, err := lane.Receive(ctx)
		if err != nil {
			return err
		}
		in, n = append(in, lane), int(m[0])
	}
	before := cpu()
	done := make(chan error, len(in))
	for _, lane := range in {
		go func() {
			for {
				m, err := lane.Receive(ctx)
				if err != nil || len(m) == 0 {
					done <- err
					return
				}
			}
		}()
	}
	for range in {
		if err := <-done; err != nil {
			return err
		}
	}
	fmt.Println(int64(cpu() - before))
	if err := in[0].Send(ctx, []byte{1}); err != nil {
		return err
	}
	return w.Close()
}

// BenchmarkLane moves messages of 64 KiB to another process: MB/s, and processor seconds per GB of either end.
func BenchmarkLane(b *testing.B) {
	for _, bench := range []struct {
		kind  string
		lanes int
	}{{client.WayQUIC, 1}, {client.WayQUIC, 4}, {client.WayDataChannel, 1}} {
		b.Run(fmt.Sprintf("%s/lanes=%d", bench.kind, bench.lanes), func(b *testing.B) {
			benchLanes(b, bench.kind, bench.lanes)
		})
	}
}

func benchLanes(b *testing.B, kind string, n int) {
	s := newFakeServer(b)
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), benchEnd+"="+s.http.URL)
	other.Stderr = os.Stderr
	pipe, err := other.StdoutPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	said := bufio.NewScanner(pipe)
	if !said.Scan() || said.Text() != "here" {
		b.Fatal("the other end does not come")
	}
	l, err := s.dial("a", client.Options{NoData: true, Bulk: true}).OpenLinkNamed(b.Context(), "b", "t")
	if err != nil {
		b.Fatal(err)
	}
	w := l.Way()
	if kind == client.WayDataChannel {
		w.RefuseQUIC()
	}
	var out []client.Lane
	for range n {
		lane, err := w.Open(b.Context())
		if err == nil {
			err = lane.Send(b.Context(), []byte{byte(n)})
		}
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, lane)
	}
	b.SetBytes(client.MaxLaneMessage)
	b.ResetTimer()
	before := cpu()
	done := make(chan error, n)
	for i := range n {
		go func() { done <- pour(out[i], (b.N+i)/n) }()
	}
	for range n {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	if _, err := out[0].Receive(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	gb := float64(b.N) * client.MaxLaneMessage / 1e9
	b.ReportMetric((cpu()-before).Seconds()/gb, "send-s/GB")
	if kind == client.WayQUIC {
		lost := 0.0
		for _, s := range w.QUICStats() {
			lost += float64(s.PacketsLost)
		}
		b.ReportMetric(lost/gb, "lost/GB")
	}
	if !said.Scan() {
		b.Fatal("the other end does not say what it took")
	}
	theirs, err := strconv.ParseInt(strings.TrimSpace(said.Text()), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Duration(theirs).Seconds()/gb, "receive-s/GB")
}

// pour sends n messages and an empty one.
func pour(lane client.Lane, n int) error {
	ctx := context.Background()
	m := make([]byte, client.MaxLaneMessage)
	for range n {
		if err := lane.Send(ctx, m); err != nil {
			return err
		}
	}
	return lane.Send(ctx, nil)
}
