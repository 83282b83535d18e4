package srtp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	pion "github.com/pion/srtp/v3"
)

var profiles = []Profile{AEADAES128GCM, AES128CMSHA1_80}

func (p Profile) String() string { return fmt.Sprintf("%#04x", uint16(p)) }

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomKeys(r *rand.Rand, p Profile) Keys {
	return Keys{Profile: p, Key: randomBytes(r, 16), Salt: randomBytes(r, p.saltLen())}
}

func newSender(t testing.TB, k Keys) *Sender {
	t.Helper()
	s, err := NewSender(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newReceiver(t testing.TB, k Keys) *Receiver {
	t.Helper()
	s, err := NewReceiver(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pionContext(t testing.TB, k Keys) *pion.Context {
	t.Helper()
	c, err := pion.CreateContext(k.Key, k.Salt, pion.ProtectionProfile(k.Profile))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// packet makes an RTP packet with CSRCs and an extension now and then.
func packet(r *rand.Rand, ssrc uint32, seq uint16, size int) []byte {
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: uint8(r.IntN(128)), SequenceNumber: seq,
		SSRC: ssrc, Timestamp: r.Uint32(), Marker: r.IntN(2) == 0}, Payload: randomBytes(r, size)}
	if r.IntN(3) == 0 {
		p.CSRC = []uint32{r.Uint32(), r.Uint32()}
	}
	if r.IntN(2) == 0 {
		_ = p.SetExtension(3, randomBytes(r, 1+r.IntN(8)))
	}
	b, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

func seal(s *Sender, p []byte, roc uint32) []byte {
	h := headerLen(p)
	buf := make([]byte, len(p)+Overhead)
	copy(buf, p[:h])
	return buf[:s.SealRTP(buf, h, p[h:], roc)]
}

func TestPionOpensWhatWeSealAndWeOpenWhatPionSeals(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(p)))
			k := randomKeys(r, p)
			s, recv := newSender(t, k), newReceiver(t, k)
			theirs, ours := pionContext(t, k), pionContext(t, k)
			for i := range 200000 / 16 { // over several roll-overs
				index := uint32(i)*16 + 60000
				pkt := packet(r, uint32(i%3), uint16(index), r.IntN(40))
				got, err := theirs.DecryptRTP(nil, seal(s, pkt, index>>16), nil)
				if err != nil || !bytes.Equal(got, pkt) {
					t.Fatalf("pion, index %d: %v", index, err)
				}
				sealed, err := ours.EncryptRTP(nil, pkt, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got, err = recv.OpenRTP(sealed); err != nil || !bytes.Equal(got, pkt) {
					t.Fatalf("we, index %d: %v", index, err)
				}
			}
			for i := range 2000 {
				n := 1 + r.IntN(4)
				pkt, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: r.Uint32(),
					Reports: make([]rtcp.ReceptionReport, n)}, &rtcp.PictureLossIndication{MediaSSRC: 1}})
				if err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, len(pkt)+Overhead)
				if got, err := theirs.DecryptRTCP(nil, buf[:s.SealRTCP(buf, pkt)], nil); err != nil || !bytes.Equal(got, pkt) {
					t.Fatalf("pion, %d: %v", i, err)
				}
				sealed, err := ours.EncryptRTCP(nil, pkt, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := recv.OpenRTCP(sealed); err != nil || !bytes.Equal(got, pkt) {
					t.Fatalf("we, %d: %v", i, err)
				}
			}
		})
	}
}

func TestSealInPlaceEqualsSealFromElsewhere(t *testing.T) {
	for _, p := range profiles {
		r := rand.New(rand.NewPCG(3, uint64(p)))
		k := randomKeys(r, p)
		s := newSender(t, k)
		pkt := packet(r, 1, 1, 700)
		h := headerLen(pkt)
		buf := make([]byte, len(pkt)+Overhead)
		copy(buf, pkt)
		n := s.SealRTP(buf, h, buf[h:len(pkt)], 0)
		if !bytes.Equal(buf[:n], seal(s, pkt, 0)) {
			t.Errorf("%v: differ", p)
		}
		short := make([]byte, n-1)
		copy(short, pkt)
		if n := s.SealRTP(short, h, pkt[h:], 0); n != 0 {
			t.Errorf("%v: sealed into a short buffer: %d", p, n)
		}
	}
}

func TestReplayedAndLatePacketsAreRefused(t *testing.T) {
	for _, p := range profiles {
		r := rand.New(rand.NewPCG(4, uint64(p)))
		k := randomKeys(r, p)
		s, recv := newSender(t, k), newReceiver(t, k)
		open := func(index uint32) error {
			_, err := recv.OpenRTP(seal(s, packet(r, 7, uint16(index), 20), index>>16))
			return err
		}
		for _, c := range []struct {
			index uint32
			want  error
		}{
			{65000, nil}, {65000, ErrReplay}, {64990, nil}, {64990, ErrReplay},
			{65535, nil}, {65536, nil}, {65537, nil}, {65535, ErrReplay}, {65534, nil},
			{65537 - windowSize, ErrReplay}, {65537 - windowSize + 1, nil}, {65537 - windowSize + 1, ErrReplay},
			{90000, nil}, {65540, ErrReplay}, {89999, nil}, {89999, ErrReplay},
		} {
			if err := open(c.index); !errors.Is(err, c.want) {
				t.Errorf("%v: index %d: %v, want %v", p, c.index, err, c.want)
			}
		}

		rr, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 9}})
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		sealed := buf[:s.SealRTCP(buf, rr)]
		again := bytes.Clone(sealed)
		if _, err := recv.OpenRTCP(sealed); err != nil {
			t.Error(err)
		}
		if _, err := recv.OpenRTCP(again); !errors.Is(err, ErrReplay) {
			t.Errorf("SRTCP replay: %v", err)
		}
	}
}

// A window against the definition: a set of what was seen.
func TestWindowAgainstModel(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	w := window{top: 5000}
	seen, top := map[uint64]bool{}, uint64(5000)
	for range 100000 {
		i := top + uint64(r.IntN(40))
		switch r.IntN(4) {
		case 0:
			i = top - uint64(r.IntN(windowSize+200))
		case 1:
			if r.IntN(50) == 0 {
				i = top + uint64(r.IntN(3*windowSize))
			}
		}
		want := !seen[i] && (i > top || top-i < windowSize)
		if w.fresh(i) != want {
			t.Fatalf("index %d, top %d: fresh is %v", i, top, !want)
		}
		if want {
			w.accept(i)
			seen[i], top = true, max(top, i)
		}
	}
}

func TestForgedPacketsMakeNoState(t *testing.T) {
	for _, p := range profiles {
		r := rand.New(rand.NewPCG(6, uint64(p)))
		k := randomKeys(r, p)
		s, recv := newSender(t, k), newReceiver(t, k)
		for i := range 1000 {
			sealed := seal(s, packet(r, uint32(i), 1, 30), 0)
			sealed[len(sealed)-1-r.IntN(30)] ^= 1 << r.IntN(8)
			if _, err := recv.OpenRTP(sealed); !errors.Is(err, ErrAuth) {
				t.Fatalf("forged packet: %v", err)
			}
		}
		if n := len(recv.rtp.m); n != 0 {
			t.Errorf("%d streams kept", n)
		}
		for i := range 3 * maxStreams {
			if _, err := recv.OpenRTP(seal(s, packet(r, uint32(i), 1, 30), 0)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(recv.rtp.m); n != maxStreams {
			t.Errorf("%d streams kept, want %d", n, maxStreams)
		}
	}
}

func TestSplitGivesEachEndTheOthersKeys(t *testing.T) {
	for _, p := range profiles {
		m := make([]byte, p.KeyingLen())
		for i := range m {
			m[i] = byte(i)
		}
		cl, cr, err := p.Split(m, true)
		if err != nil {
			t.Fatal(err)
		}
		sl, sr, err := p.Split(m, false)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(cl.Key, sr.Key) || !bytes.Equal(cl.Salt, sr.Salt) || !bytes.Equal(cr.Key, sl.Key) ||
			cl.Key[0] != 0 || cr.Key[0] != 16 || cl.Salt[0] != 32 || int(cr.Salt[0]) != 32+p.saltLen() {
			t.Errorf("%v: wrong split", p)
		}
	}
	if _, _, err := Profile(9).Split(nil, true); err == nil {
		t.Error("unknown profile taken")
	}
}

func TestNothingIsAllocatedPerPacket(t *testing.T) {
	for _, p := range profiles {
		r := rand.New(rand.NewPCG(7, uint64(p)))
		k := randomKeys(r, p)
		s, recv := newSender(t, k), newReceiver(t, k)
		pkt := packet(r, 1, 0, 1100)
		rr := make([]byte, 64)
		rr[0], rr[1] = 0x80, 201
		h, buf, index := headerLen(pkt), make([]byte, 1500), uint32(0)
		n := testing.AllocsPerRun(500, func() {
			index++
			copy(buf, pkt[:h])
			binary.BigEndian.PutUint16(buf[2:], uint16(index))
			if _, err := recv.OpenRTP(buf[:s.SealRTP(buf, h, pkt[h:], index>>16)]); err != nil {
				t.Fatal(err)
			}
			if _, err := recv.OpenRTCP(buf[:s.SealRTCP(buf, rr)]); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%v: %v allocations", p, n)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	for _, p := range profiles {
		b.Run(p.String(), func(b *testing.B) {
			r := rand.New(rand.NewPCG(8, uint64(p)))
			s := newSender(b, randomKeys(r, p))
			pkt := packet(r, 1, 1, 1180)
			h, buf := headerLen(pkt), make([]byte, 1500)
			copy(buf, pkt[:h])
			b.ReportAllocs()
			for b.Loop() {
				s.SealRTP(buf, h, pkt[h:], 0)
			}
		})
	}
}

// FuzzOpen feeds both receivers anything, and packets of a real sender with damage.
func FuzzOpen(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 9))
	for i := range 4 {
		f.Add(packet(r, uint32(i), uint16(i), 20*i), uint16(i), false)
	}
	f.Add([]byte{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, uint16(0), true)
	f.Fuzz(func(t *testing.T, b []byte, damage uint16, raw bool) {
		for _, p := range profiles {
			k := randomKeys(rand.New(rand.NewPCG(10, uint64(p))), p)
			s, recv := newSender(t, k), newReceiver(t, k)
			if raw {
				if _, err := recv.OpenRTP(bytes.Clone(b)); err == nil {
					t.Fatal("opened what was never sealed")
				}
				if _, err := recv.OpenRTCP(bytes.Clone(b)); err == nil {
					t.Fatal("opened what was never sealed")
				}
				continue
			}
			if headerLen(b) == 0 {
				continue
			}
			sealed := seal(s, b, 0)
			bad := bytes.Clone(sealed)
			bad[int(damage)%len(bad)] ^= 1 + byte(damage>>11)
			if _, err := recv.OpenRTP(bad); err == nil {
				t.Fatal("opened a damaged packet")
			}
			theirs, err := pionContext(t, k).DecryptRTP(nil, bytes.Clone(sealed), nil)
			ours, err2 := recv.OpenRTP(sealed)
			if err2 != nil || !bytes.Equal(ours, b) {
				t.Fatalf("round trip: %v", err2)
			}
			if err == nil && !bytes.Equal(theirs, b) {
				t.Fatal("pion opens it differently")
			}
		}
	})
}
