package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"switchyard/client"
	"switchyard/internal/simnet"
)

func TestWayFallsBackWhereQUICIsLost(t *testing.T) {
	here, there := ways(t, client.Options{Bulk: true})
	here.LoseQUIC()
	lane, err := here.Open(short(t))
	if err != nil {
		t.Fatal(err)
	}
	if here.Kind() != client.WayDataChannel || here.Lanes() != 1 {
		t.Errorf("%s with %d lanes", here.Kind(), here.Lanes())
	}
	in, err := there.Accept(short(t))
	if err != nil {
		t.Fatal(err)
	}
	if there.Kind() != client.WayDataChannel {
		t.Errorf("the other end says %s", there.Kind())
	}
	stream(t, lane, in, 20)
	stream(t, in, lane, 20)
}

func TestQUICWithAnotherCertificateIsRefused(t *testing.T) {
	for _, polite := range []bool{false, true} {
		t.Run(fmt.Sprintf("polite=%v", polite), func(t *testing.T) {
			here, there := ways(t, client.Options{Bulk: true})
			if polite {
				here, there = there, here
			}
			if err := here.SwapCertificate(); err != nil {
				t.Fatal(err)
			}
			lane, err := here.Open(short(t))
			if err != nil {
				t.Fatal(err)
			}
			if here.Kind() != client.WayDataChannel {
				t.Errorf("the lane is %s", here.Kind())
			}
			in, err := there.Accept(short(t))
			if err != nil {
				t.Fatal(err)
			}
			stream(t, lane, in, 5)
		})
	}
}

func TestQUICNeedsBothEnds(t *testing.T) {
	s := newFakeServer(t)
	opened := make(chan *client.Link, 1)
	a := s.dial("a", client.Options{NoData: true, Bulk: true})
	s.dial("b", client.Options{NoData: true, Events: client.Events{Link: func(l *client.Link) { opened <- l }}})
	l, err := a.OpenLinkNamed(short(t), "b", "t")
	if err != nil {
		t.Fatal(err)
	}
	here := l.Way()
	if here.Kind() != client.WayDataChannel {
		t.Errorf("%s", here.Kind())
	}
	converse(t, here, (<-opened).Way(), 2)
}

// TestLanesOutliveANewPath restarts ICE, which opens new sockets, while lanes are full.
func TestLanesOutliveANewPath(t *testing.T) {
	for _, kind := range []string{client.WayQUIC, client.WayDataChannel} {
		t.Run(kind, func(t *testing.T) {
			here, there := ways(t, client.Options{Bulk: true})
			if kind == client.WayDataChannel {
				here.RefuseQUIC()
			}
			out, in := lanes(t, here, there, 2)
			if here.Kind() != kind {
				t.Fatalf("the lanes are %s", here.Kind())
			}
			before := here.Path()
			done := make(chan error, 1)
			const messages = 600
			go func() {
				for i := range messages {
					m := binary.BigEndian.AppendUint32(make([]byte, 0, 32<<10), uint32(i))
					if err := out[1].Send(t.Context(), m[:cap(m)]); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
			for i := range messages {
				if i == 50 {
					here.Restart()
				}
				m, err := in[1].Receive(short(t))
				if err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
				if n := binary.BigEndian.Uint32(m); n != uint32(i) {
					t.Fatalf("message %d is %d", i, n)
				}
				if i == 300 { // what comes after it comes on the new path
					eventually(t, "there is a new path", func() bool {
						now := here.Path()
						return now.IsValid() && now != before
					})
				}
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			stream(t, out[0], in[0], 20)
			stream(t, in[0], out[0], 20)
		})
	}
}

func TestLaneSaysThatTheLinkFailed(t *testing.T) {
	for _, bulk := range []bool{true, false} {
		t.Run(fmt.Sprintf("bulk=%v", bulk), func(t *testing.T) {
			here, there := ways(t, client.Options{Bulk: bulk})
			out, in := lanes(t, here, there, 1)
			failed := make(chan error, 1)
			go func() {
				_, err := in[0].Receive(t.Context())
				failed <- err
			}()
			there.Fail()
			if err := <-failed; !errors.Is(err, client.ErrLinkFailed) {
				t.Errorf("receiving ended with %v", err)
			}
			if _, err := there.Open(short(t)); err == nil {
				t.Error("a link that failed opens lanes")
			}
			// The other end learns it too, and never takes it for the end of the data.
			for {
				if err := out[0].Send(short(t), make([]byte, 1000)); err != nil {
					break
				}
			}
		})
	}
}

func TestALongWayHasMoreLanes(t *testing.T) {
	here, there := ways(t, client.Options{Bulk: true})
	short := here.Lanes()
	distance(t, here, there, simnet.Conditions{Latency: 30 * time.Millisecond})
	out, in := lanes(t, here, there, 1)
	if long := here.Lanes(); long <= short {
		t.Errorf("%d lanes on a short way, %d on a long one", short, long)
	}
	stream(t, out[0], in[0], 20)
}

func TestAWayThatLosesHasMoreLanes(t *testing.T) {
	here, there := ways(t, client.Options{Bulk: true})
	out, in := lanes(t, here, there, 1)
	eventually(t, "one lane is enough", func() bool { // a busy machine's first round trips may be long
		stream(t, out[0], in[0], 5)
		return here.Lanes() == 1
	})
	distance(t, here, there, simnet.Conditions{Latency: 2 * time.Millisecond, Loss: 0.02})
	eventually(t, "more lanes are worth it", func() bool {
		stream(t, out[0], in[0], 20)
		return here.Lanes() > 1
	})
}

func TestALongWayThatLosesHasAllLanes(t *testing.T) {
	here, there := ways(t, client.Options{Bulk: true})
	distance(t, here, there, simnet.Conditions{Latency: 30 * time.Millisecond, Loss: 0.02})
	out, in := lanes(t, here, there, 1)
	eventually(t, "all lanes are worth it", func() bool {
		stream(t, out[0], in[0], 20)
		return here.Lanes() == client.MaxLanes
	})
}

func TestTooManyLanesAreRefused(t *testing.T) {
	here, there := ways(t, client.Options{Bulk: true})
	lanes(t, here, there, client.MaxLanes)
	if _, err := here.Open(short(t)); !errors.Is(err, client.ErrLanes) {
		t.Errorf("one more: %v", err)
	}
}

func TestFingerprintOfADescription(t *testing.T) {
	der := []byte("a certificate")
	sum := sha256.Sum256(der)
	var parts []string
	for _, b := range sum {
		parts = append(parts, fmt.Sprintf("%02X", b))
	}
	print := strings.Join(parts, ":")
	for sdp, want := range map[string]bool{
		"v=0\r\na=fingerprint:sha-256 " + print + "\r\n":                                             true,
		"v=0\r\na=fingerprint:sha-1 00:11\r\nm=x\r\na=fingerprint:SHA-256 " + strings.ToLower(print): true,
		"v=0\r\na=fingerprint:sha-512 " + print + "\r\n":                                             false,
		"v=0\r\na=fingerprint:sha-256 " + print[:90] + "00\r\n":                                      false,
		"v=0\r\na=fingerprint:sha-256\r\n":                                                           false,
		"v=0\r\n":                                                                                    false,
		"s=a=fingerprint:sha-256 " + print:                                                           false,
	} {
		if got := client.HasFingerprint(sdp, der); got != want {
			t.Errorf("%v for %q", got, sdp)
		}
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add("v=0\r\na=fingerprint:sha-256 AA:BB\r\n", []byte("x"))
	f.Fuzz(func(t *testing.T, sdp string, der []byte) {
		sum := sha256.Sum256(der)
		if client.HasFingerprint(sdp, der) && !strings.Contains(strings.ToUpper(strings.ReplaceAll(sdp, ":", "")), fmt.Sprintf("%X", sum)) {
			t.Error("a fingerprint that is not there")
		}
	})
}

func FuzzLaneFrames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 1, 0, 1}, uint8(1))
	f.Add([]byte{0, 0, 0, 3, 1, 2}, uint8(5))
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		next := client.ReadLane(&steps{b, int(step)})
		rest := b
		for {
			m, err := next()
			if err != nil {
				if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && len(rest) != 0 {
					t.Errorf("%d bytes are left", len(rest))
				}
				return
			}
			if len(m) > client.MaxLaneMessage || !bytes.Equal(rest[4:4+len(m)], m) {
				t.Fatal("another message")
			}
			rest = rest[4+len(m):]
		}
	})
}

// steps gives at most n bytes at a time.
type steps struct {
	b []byte
	n int
}

func (s *steps) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(len(s.b), s.n+1)])
	s.b = s.b[n:]
	return n, nil
}
