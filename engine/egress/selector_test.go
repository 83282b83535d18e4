package egress

import (
	"math/rand/v2"
	"testing"

	"switchyard/media"
)

// A structure is how an encoder lays out frames: the spatial layers of one picture after the other.
type structure struct {
	name               string
	spatials, temporal int
	key                bool // spatial layers refer to each other in key pictures only (L3T3_KEY)
	simulcast          bool // never (S3T3)
	sync               bool // VP8: temporal layers by the Y bit, no switching points
}

var structures = []structure{
	{"L1T1", 1, 1, false, false, false},
	{"L1T3", 1, 3, false, false, false},
	{"VP8 with three temporal layers", 1, 3, false, false, true},
	{"L3T1", 3, 1, false, false, false},
	{"L3T3", 3, 3, false, false, false},
	{"L3T3_KEY", 3, 3, true, false, false},
	{"S3T3", 3, 3, true, true, false},
}

// encoder makes packets, one a frame, and knows on which frames each depends.
type encoder struct {
	structure
	seq   media.ExtSeq
	ts    media.Ticks
	since int // pictures since the keyframe
	last  [3][3]media.ExtSeq
	needs map[media.ExtSeq][]media.ExtSeq
}

func newEncoder(s structure) *encoder {
	return &encoder{structure: s, seq: 100, needs: map[media.ExtSeq][]media.ExtSeq{}}
}

// reach are the points that need a frame: those of its own spatial layer, or of all above it too.
func (e *encoder) reach(s, t int, upwards bool) (p media.Points) {
	for i := uint8(s); i < media.PointsPerAxis; i++ {
		if int(i) == s || upwards || s == e.spatials-1 {
			p |= media.Within(i, uint8(t))
		}
	}
	return p
}

func (e *encoder) picture(key bool) (ps []*media.Packet) {
	if key {
		e.since = 0
	}
	t := 0
	if e.temporal == 3 && e.since > 0 {
		t = [4]int{0, 2, 1, 2}[e.since%4]
	}
	e.ts += 3000
	for s := range e.spatials {
		e.seq++
		p := &media.Packet{Seq: e.seq, Timestamp: e.ts, Spatial: uint8(s), Temporal: uint8(t), LayerEnd: true,
			Marker: s == e.spatials-1, FrameStart: s == 0, Keyframe: key}
		upwards := !e.simulcast && (key || !e.key)
		p.Needed = e.reach(s, t, upwards)
		p.Switch = e.reach(s, t, false)
		if key {
			p.Switch = p.Needed
		}
		if e.sync {
			// The first frames of each upper layer after a base frame refer to nothing but that.
			p.Switch, p.Sync = 0, t == 1 || t == 2 && e.since%4 == 1
		}
		e.note(p, s, t, key, upwards)
		ps = append(ps, p)
	}
	e.since++
	return ps
}

// note keeps what p depends on.
func (e *encoder) note(p *media.Packet, s, t int, key, upwards bool) {
	var needs []media.ExtSeq
	if !key {
		needs = append(needs, e.last[s][0])
		if t == 2 && e.since%4 == 3 && e.last[s][1] > e.last[s][0] {
			needs = append(needs, e.last[s][1])
		}
		if e.sync && t == 2 && e.since%4 == 3 { // VP8's refers to the last of its own layer
			needs = append(needs, e.last[s][2])
		}
	}
	if s > 0 && upwards {
		needs = append(needs, p.Seq-1)
	}
	e.needs[p.Seq] = needs
	e.last[s][t] = p.Seq
	if key {
		e.last[s] = [3]media.ExtSeq{p.Seq, p.Seq, p.Seq}
	}
}

// viewer checks that all that is sent can be decoded.
type viewer struct {
	testing.TB
	selector selector
	enc      *encoder
	sent     map[media.ExtSeq]bool
}

func newViewer(t testing.TB, s structure) *viewer {
	v := &viewer{TB: t, enc: newEncoder(s), sent: map[media.ExtSeq]bool{}}
	v.selector.aim(Target{})
	v.selector.begin()
	return v
}

// picture sends one and returns the highest spatial layer that was sent, -1 for none.
func (v *viewer) picture(key bool) (top, temporal int) {
	v.Helper()
	top = -1
	ended := false
	for _, p := range v.enc.picture(key) {
		temporal = int(p.Temporal)
		if sends, _ := v.selector.takes(p); !sends {
			continue
		}
		if ended {
			v.Fatalf("%s: layer %d follows the picture's end", v.enc.name, p.Spatial)
		}
		for _, n := range v.enc.needs[p.Seq] {
			if !v.sent[n] {
				v.Fatalf("%s: frame %d (S%d T%d) needs %d, which was not sent", v.enc.name, p.Seq, p.Spatial, p.Temporal, n)
			}
		}
		v.sent[p.Seq] = true
		top = int(p.Spatial)
		ended = p.Marker || v.selector.ends(p)
	}
	if top >= 0 && !ended {
		v.Fatalf("%s: the picture of S%d has no end", v.enc.name, top)
	}
	return top, temporal
}

func TestEveryStructureSwitchesToEveryPoint(t *testing.T) {
	for _, s := range structures {
		for spatials := 1; spatials <= s.spatials; spatials++ {
			for temporals := 1; temporals <= s.temporal; temporals++ {
				v := newViewer(t, s)
				v.picture(true)
				for i := range 20 {
					v.picture(i == 10 && v.selector.waits())
				}
				v.selector.aim(Target{Spatials: uint8(spatials), Temporals: uint8(temporals)})
				mustKey := s.key && spatials < s.spatials
				if waits := v.selector.waits(); waits != mustKey {
					t.Errorf("%s: S%d down waits for a keyframe: %v", s.name, spatials, waits)
				}
				v.picture(mustKey)
				v.check(spatials, temporals)
				v.selector.aim(Target{}) // and back
				if waits := v.selector.waits(); waits != (spatials < s.spatials) {
					t.Errorf("%s: from S%d up waits for a keyframe: %v", s.name, spatials, waits)
				}
				if spatials < s.spatials {
					v.check(spatials, s.temporal)
					v.picture(true)
				}
				v.check(s.spatials, s.temporal)
			}
		}
	}
}

// check expects pictures with that many layers, and no others, after eight pictures at most.
func (v *viewer) check(spatials, temporals int) {
	v.Helper()
	for range 8 {
		v.picture(false)
	}
	for range 8 {
		top, temporal := v.picture(false)
		switch {
		case temporal < temporals && top != spatials-1:
			v.Errorf("%s: a picture of T%d ends with S%d, wanted %d spatial and %d temporal layers", v.enc.name, temporal, top, spatials, temporals)
		case temporal >= temporals && top >= 0:
			v.Errorf("%s: T%d is sent, wanted %d temporal layers", v.enc.name, temporal, temporals)
		}
	}
}

// life moves the target as the script says; what is sent must always be decodable.
func (v *viewer) life(script []byte) {
	v.picture(true)
	for _, c := range script {
		if c&0xc0 == 0xc0 {
			v.selector.aim(Target{Spatials: c & 3, Temporals: c >> 2 & 3})
			continue
		}
		v.picture(c == 7 || v.selector.waits() && c%4 == 0)
	}
}

func TestWhatIsSentCanBeDecoded(t *testing.T) {
	for _, s := range structures {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, 1))
			script := make([]byte, 500)
			for i := range script {
				script[i] = byte(rng.Uint32())
			}
			newViewer(t, s).life(script)
		}
	}
}

// FuzzSelector moves targets over structures; and gives a selector packets that follow none.
func FuzzSelector(f *testing.F) {
	f.Add(uint8(4), []byte{0, 1, 2, 0xc1, 3, 4, 0xc6, 5, 6, 7, 8, 0xc0, 9, 10})
	f.Add(uint8(2), []byte{0, 0xc4, 2, 3, 4, 5, 0xc0, 9, 10, 11, 12, 13, 14, 15})
	f.Fuzz(func(t *testing.T, which uint8, script []byte) {
		newViewer(t, structures[int(which)%len(structures)]).life(script[:min(len(script), 2000)])
		var c selector
		c.aim(Target{})
		c.begin()
		for i := 0; i+5 < len(script); i += 6 {
			b := script[i:]
			p := &media.Packet{Timestamp: media.Ticks(b[0] & 7), Spatial: b[1] & 7, Temporal: b[1] >> 3 & 7,
				Needed: media.Points(b[2]) | media.Points(b[3])<<8, Switch: media.Points(b[4])<<4 | 1,
				Sync: b[5]&1 != 0, FrameStart: b[5]&2 != 0, Keyframe: b[5]&4 != 0}
			if b[5]&0x80 != 0 {
				c.aim(Target{Spatials: b[0], Temporals: b[1]})
			}
			sends, fresh := c.takes(p)
			if fresh && sends != (p.Needed&c.want != 0) {
				t.Fatalf("needed by %016b, wanted %016b, sent %v", p.Needed, c.want, sends)
			}
			if again, fresh := c.takes(p); again != sends || fresh {
				t.Fatal("the packets of one frame are torn apart")
			}
			c.waits()
		}
	})
}
