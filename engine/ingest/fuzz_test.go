package ingest

import (
	"testing"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// FuzzOnRTP gives arbitrary datagrams, split from the input, to tracks with and without layers.
func FuzzOnRTP(f *testing.F) {
	seed := func(pkts ...[]byte) {
		var b []byte
		for _, p := range pkts {
			b = append(append(b, byte(len(p))), p...)
		}
		f.Add(b)
	}
	seed(rtp(1000, 96, 1, 0, true, key720), rtp(1001, 97, 1, 0, true, append([]byte{0, 2}, inter...)), padded(1000, 96, 3, 0))
	seed(rtp(1, 96, 1, 0, true, key720, rid("q")), rtp(2, 97, 1, 0, true, inter, rrid("q")))
	seed(rtp(2000, 63, 1, 0, true, []byte{0xef, 0, 0, 1, 111, 1, 2}, ext{6, []byte{0x85}}))
	seed(rtp(1000, 102, 1, 0, true, []byte{0x7c, 0x85, 1, 2}))
	seed(rtp(1000, 98, 1, 0, false, vp9Frame(0, 0, vp9Options{key: true})), rtp(1000, 98, 2, 0, true, vp9Frame(2, 1, vp9Options{topOnly: true})))
	seed(described(1, 0, true, []byte{0x18, 0x30, 1, 2, 3}, l2t1), described(2, 100, true, []byte{0x10, 0x30, 1}, []byte{0xc2, 0, 101}))
	f.Fuzz(func(t *testing.T, b []byte) {
		tracks := []*Track{New(videoConfig), New(simulcastConfig), New(audioConfig), New(vp9Config), New(av1Config)}
		var d Demux
		for i, tr := range tracks {
			d.Add(string(rune('a'+i)), tr)
		}
		pool := media.NewPool(64)
		now := media.Time(0)
		buf := make([]byte, 0, 2000)
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			datagram := b[1 : 1+n]
			b = b[1+n:]
			now += media.Time(n) * ms
			d.Find(datagram)
			for _, tr := range tracks {
				p := pool.Get()
				plain := p.Data[:copy(p.Data[:], datagram)]
				if tr.OnRTP(now, p, plain) != Accepted {
					p.Release()
				}
				for batch := tr.Ready(now); batch != nil; batch = tr.Ready(now) {
					for _, p := range batch {
						if p.Payload == nil || int(p.Format) >= len(tr.Formats()) || p.Layer != batch[0].Layer {
							t.Fatal("a packet that cannot be sent")
						}
						p.Release()
					}
				}
				tr.Layers(now, nil)
				rd := rtcp.NewReader(tr.Feedback(now, buf))
				for _, ok := rd.Next(); ok; _, ok = rd.Next() {
				}
				if len(rd.Rest()) != 0 {
					t.Fatal("unreadable feedback")
				}
			}
		}
		for _, tr := range tracks {
			s := tr.Stats()
			var sum uint64
			for _, v := range s.Verdicts {
				sum += v
			}
			if sum != s.Packets {
				t.Errorf("%d packets, %d verdicts", s.Packets, sum)
			}
			tr.Close()
		}
	})
}

// FuzzOrder sends a stream with losses, duplicates, reordering and padding, and checks that nothing
// comes out twice, and that where nothing was lost the outward numbers have no gap.
func FuzzOrder(f *testing.F) {
	f.Add(uint16(65500), []byte{0, 0, 1, 0, 2, 0, 3, 4, 0, 0, 5, 0})
	f.Add(uint16(0), []byte{3, 3, 3, 0, 0, 9, 9, 1, 0, 2, 2, 2, 0})
	f.Fuzz(func(t *testing.T, seq uint16, script []byte) {
		r := newRig(t, videoConfig)
		var waiting [][]byte
		lossless := true
		ts := uint32(0)
		for _, c := range script[:min(len(script), 2000)] {
			r.now += ms
			seq++
			ts += 3000
			b := rtp(1000, 96, seq, ts, true, inter)
			if c%8 == 3 {
				b = padded(1000, 96, seq, ts)
			}
			switch c % 8 {
			case 1: // lost
				lossless = false
			case 2: // late
				lossless = false
				waiting = append(waiting, b)
			case 4: // twice
				r.in(b)
				r.refuse(b, Duplicate)
			default:
				r.in(b)
			}
			if c%32 == 5 && len(waiting) > 0 {
				r.in(waiting[0])
				waiting = waiting[1:]
			}
			r.track.Feedback(r.now, nil)
		}
		seen := map[media.ExtSeq]bool{}
		for i, p := range r.out {
			if seen[p.Seq] {
				t.Fatalf("%d came out twice", p.Seq)
			}
			seen[p.Seq] = true
			if lossless && i > 0 && p.Seq != r.out[i-1].Seq+1 {
				t.Fatalf("gap before %d without a loss", p.Seq)
			}
			p.Release()
		}
	})
}

func BenchmarkIngest(b *testing.B) {
	track, pool := New(videoConfig), media.NewPool(64)
	payload := append(append([]byte{}, inter...), make([]byte, 1100)...)
	wire := rtp(1000, 96, 0, 0, true, payload, ext{1, []byte("0")})
	buf := make([]byte, 0, 1500)
	now := media.Time(0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now += ms
		wire[2], wire[3], wire[6] = byte(i>>8), byte(i), byte(i>>3)
		if wire[1] &= 0x7f; i%7 == 6 {
			wire[1] |= 0x80
		}
		p := pool.Get()
		n := copy(p.Data[:], wire)
		if track.OnRTP(now, p, p.Data[:n]) != Accepted {
			p.Release()
		}
		drain(track, now)
		if track.Deadline() <= now {
			track.Feedback(now, buf)
		}
	}
}
